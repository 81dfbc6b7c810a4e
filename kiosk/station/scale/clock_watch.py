"""Notices that the clock was set: its quality became another, or it no longer goes along with the monotonic clock."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from kiosk.domain.moment import ClockQuality, Moment

# A time server slews smaller differences away; a step a person or a server sets is larger.
STEP: Final = timedelta(seconds=5)
# One change a minute at most: a clock that is played with writes no more than that, and its last state counts.
QUIET_MS: Final = 60_000
_MAX_STEP_S: Final = 2**31 - 1


class ClockWatch:
    """Compares moments of one boot. The first one is where it starts from: a boot is no change of the clock."""

    def __init__(self) -> None:
        self._zero: datetime | None = None  # When the monotonic clock stood at 0, by the wall clock
        self._quality = ClockQuality.UNSET
        self._counted_ms: int | None = None

    def check(self, now: Moment) -> tuple[ClockQuality, ClockQuality, int] | None:
        """Quality before, quality after, and the step in whole seconds; None when nothing is to be counted now.

        The same change is given again until ``rebase`` is called: it may fail to be written.
        """
        zero = _zero_of(now)
        if self._zero is None:
            self._zero, self._quality = zero, now.quality
            return None
        step = zero - self._zero
        if now.quality is self._quality and abs(step) < STEP:
            return None
        if self._counted_ms is not None and 0 <= now.monotonic_ms - self._counted_ms < QUIET_MS:
            return None
        seconds = round(step.total_seconds())
        return self._quality, now.quality, max(-_MAX_STEP_S, min(_MAX_STEP_S, seconds))

    def rebase(self, now: Moment) -> None:
        """An event of this moment is on the disk, and tells the clock as it was then."""
        self._zero, self._quality, self._counted_ms = _zero_of(now), now.quality, now.monotonic_ms


def _zero_of(now: Moment) -> datetime:
    return now.utc - timedelta(milliseconds=now.monotonic_ms)
