"""When something happened, and how far that may be believed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum


class ClockQuality(StrEnum):
    """How the clock got its time. A station without a battery clock starts in the past after every power cut."""

    SYNCED = "synced"  # A time server has set it since this boot
    RESTORED = "restored"  # From the last shutdown: the true time is later by an unknown amount
    UNSET = "unset"  # Before the software was built: it cannot be right, so no date is printed


@dataclass(frozen=True, slots=True)
class Moment:
    """A wall-clock time in UTC, the zone people there use, its quality, and where the monotonic clock stood."""

    utc: datetime
    zone: str
    offset_minutes: int
    quality: ClockQuality
    boot_id: str
    monotonic_ms: int

    def __post_init__(self) -> None:
        if self.utc.tzinfo is not UTC:
            raise ValueError("a moment is in UTC")

    @property
    def timestamp(self) -> str:
        """RFC 3339 in UTC with milliseconds and Z."""
        return self.utc.strftime("%Y-%m-%dT%H:%M:%S.") + f"{self.utc.microsecond // 1000:03d}Z"

    @property
    def local(self) -> datetime:
        return self.utc.astimezone(timezone(timedelta(minutes=self.offset_minutes)))

    @property
    def local_date(self) -> str | None:
        """``2026-11-25`` in the zone, or None when the clock is unset: a wrong date is worse than none."""
        return None if self.quality is ClockQuality.UNSET else self.local.strftime("%Y-%m-%d")

    @property
    def local_time(self) -> str | None:
        """``14:05`` in the zone, or None when the clock is unset."""
        return None if self.quality is ClockQuality.UNSET else self.local.strftime("%H:%M")
