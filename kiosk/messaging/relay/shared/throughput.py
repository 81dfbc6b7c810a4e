"""How fast the line really is, and how many bytes it may have. No I/O, no clock: time is passed in."""

from __future__ import annotations

from collections import deque
from typing import Final

from kiosk.messaging.contract.photos import MAX_PART_BYTES

WINDOW_S: Final = 60.0  # What was acknowledged longer ago says nothing about a radio line now
MIN_RATE_S: Final = 10.0
MIN_RATE_MESSAGES: Final = 3  # Fewer, or within a shorter time, are an accident and no rate
# After so long without an acknowledgement the line is not slow but silent, for an unknown time.
SILENT_S: Final = 20.0
MAX_ESTIMATE_S: Final = 48 * 3600.0  # An estimate beyond two days is a guess about the weather

OVERHEAD_BYTES: Final = 130  # Of a message beside its payload: topic, content type, MQTT, TLS record, TCP and IP
_BURST_S: Final = 1.0  # What an idle line may have saved up: a single event after a quiet hour leaves at once
# No message takes the whole allowance for longer: an acknowledgement, a ping or a telephone call comes in between.
MESSAGE_S: Final = 3.0


class Throughput:
    """Bytes of events that the sorting center has acknowledged in the last minute in which any were waiting."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._acknowledged: deque[tuple[float, int]] = deque()

    def waiting(self, now: float) -> None:
        if self._since is None:
            self._since = now

    def idle(self) -> None:
        """Restart the measurement: nothing waits, or nothing is connected."""
        self._since = None
        self._acknowledged.clear()

    def acknowledged(self, size: int, now: float) -> None:
        self._acknowledged.append((now, size))

    def rate(self, now: float) -> float | None:
        """Return bytes per second; None when unknown."""
        while self._acknowledged and self._acknowledged[0][0] < now - WINDOW_S:
            self._acknowledged.popleft()
        if self._since is None or not self._is_steady(now):
            return None
        return sum(size for _, size in self._acknowledged) / (now - max(self._since, now - WINDOW_S))

    def _is_steady(self, now: float) -> bool:
        """Return whether enough was acknowledged, over enough time, and not all in one half of that time."""
        begin = max(self._since or 0.0, now - WINDOW_S)
        if now - begin < MIN_RATE_S or len(self._acknowledged) < MIN_RATE_MESSAGES:
            return False
        middle = (begin + now) / 2
        first, last = self._acknowledged[0][0], self._acknowledged[-1][0]
        return first < middle <= last and now - last <= SILENT_S


def left_s(waiting_bytes: int, rate: float) -> float | None:
    """Return seconds until all is acknowledged; None when that is too far to say."""
    left = waiting_bytes / rate
    return left if left <= MAX_ESTIMATE_S else None


class ByteBudget:
    """A token bucket: ``bytes_per_second`` on average, 0 for no limit. A message may go as soon as nothing is owed."""

    def __init__(self, bytes_per_second: int) -> None:
        self._per_s = bytes_per_second
        self._saved = bytes_per_second * _BURST_S
        self._at: float | None = None

    @property
    def message_bytes(self) -> int | None:
        """The largest payload of a batch, None for no limit. A single event is sent whatever its size."""
        return max(1, round(self._per_s * MESSAGE_S) - OVERHEAD_BYTES) if self._per_s else None

    def allows_sending(self, now: float) -> bool:
        return not self._per_s or self._filled(now) >= 0

    def spend(self, payload_bytes: int, now: float) -> None:
        if self._per_s:
            self._saved = self._filled(now) - payload_bytes - OVERHEAD_BYTES

    def _filled(self, now: float) -> float:
        since = 0.0 if self._at is None else max(0.0, now - self._at)
        self._at = now
        self._saved = min(self._per_s * _BURST_S, self._saved + since * self._per_s)
        return self._saved


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
        """Record the seconds of a request without a body: so much of every answer is latency."""
        self._round_trip_s = seconds if self._round_trip_s is None else min(seconds, self._round_trip_s)

    def record_part(self, size: int, seconds: float) -> None:
        on_line_s = max(seconds - (self._round_trip_s or 0.0), 0.001)
        fitting = round(size * TARGET_PART_S / on_line_s)
        if size < self.bytes and (fitting > self.bytes or on_line_s <= TARGET_PART_S):
            return  # the end of a picture says nothing about more
        self.bytes = max(MIN_PART_BYTES, min(fitting, self.bytes * _GROWTH, MAX_PART_BYTES))

    def record_failure(self) -> None:
        self.bytes = max(MIN_PART_BYTES, self.bytes // _GROWTH)
        self._round_trip_s = None
