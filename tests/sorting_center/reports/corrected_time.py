"""What time it really was when an event was written by a clock that could not know. Beside the event, never over it.

A station without a battery clock writes events before any time server has answered. Each event says where the
monotonic clock of its boot stood, and as soon as one event of that boot was written by a set clock, the times of all
others follow from it. ``station.clock.changed`` is such an event: the station writes one when its clock was set after
events of this boot.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from kiosk.domain.moment import ClockQuality


@dataclass(frozen=True, slots=True)
class WrittenAt:
    """When an event says that it was written: ``time``, ``clock``, ``bootid`` and ``monotonicms`` of its envelope."""

    utc: datetime
    quality: ClockQuality
    boot_id: str
    monotonic_ms: int

    def __post_init__(self) -> None:
        if self.utc.tzinfo is not UTC:
            raise ValueError("the time of an event is in UTC")


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """In this boot, from ``monotonic_ms`` on, UTC is ``offset_ms`` above the monotonic clock: a time server said so."""

    boot_id: str
    monotonic_ms: int
    offset_ms: int


def clock_offset(event: WrittenAt) -> ClockOffset | None:
    """What an event says of the clock of its boot; None when that clock was not set by a time server."""
    if event.quality is not ClockQuality.SYNCED:
        return None
    since = event.utc - datetime.fromtimestamp(0, UTC)
    return ClockOffset(event.boot_id, event.monotonic_ms, since // timedelta(milliseconds=1) - event.monotonic_ms)


def corrected_time(event: WrittenAt, offsets: Iterable[ClockOffset]) -> datetime | None:
    """UTC of the event; None when nobody can know it.

    A set clock is believed as it is. For any other event of the same boot the first offset after it counts, since that
    is the time the clock was set to next; when there is none after it, the last one before it does. Offsets of other
    boots say nothing. Their order does not matter.
    """
    if event.quality is ClockQuality.SYNCED:
        return event.utc
    own = sorted((one.monotonic_ms, one.offset_ms) for one in offsets if one.boot_id == event.boot_id)
    if not own:
        return None
    later = [offset for at, offset in own if at >= event.monotonic_ms]
    milliseconds = event.monotonic_ms + (later[0] if later else own[-1][1])
    try:
        return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds)
    except OverflowError:
        return None
