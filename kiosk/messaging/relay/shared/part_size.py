"""How much of a picture is sent at once. No I/O, no clock: time is passed in."""

from __future__ import annotations

from typing import Final

from kiosk.messaging.contract.photos import MAX_PART_BYTES

FIRST_PART_BYTES: Final = 4096  # A second of 32 kbit/s: what a line is tried with of which nothing is known
MIN_PART_BYTES: Final = 1024
TARGET_PART_S: Final = 1.0
# An event waits for one part at most. Aimed at is half of it, as a radio line slows down at any moment.
MAX_PART_S: Final = 2.0
_GROWTH: Final = 4


class PartSize:
    """Follows the measured rate: grows step by step, shrinks at once."""

    def __init__(self) -> None:
        self.bytes = FIRST_PART_BYTES
        self._round_trip_s: float | None = None

    def record_round_trip(self, seconds: float) -> None:
        """A question without a body took so long: that much of every answer is the way, and not the bytes."""
        self._round_trip_s = seconds if self._round_trip_s is None else min(seconds, self._round_trip_s)

    def record_part(self, size: int, seconds: float) -> None:
        """A part of ``size`` bytes took so long, with its answer."""
        on_line_s = max(seconds - (self._round_trip_s or 0.0), 0.001)
        fitting = round(size * TARGET_PART_S / on_line_s)
        if size < self.bytes and (fitting > self.bytes or on_line_s <= TARGET_PART_S):
            return  # the end of a picture says nothing about more
        self.bytes = max(MIN_PART_BYTES, min(fitting, self.bytes * _GROWTH, MAX_PART_BYTES))

    def record_failure(self) -> None:
        """A part did not get through."""
        self.bytes = max(MIN_PART_BYTES, self.bytes // _GROWTH)
        self._round_trip_s = None
