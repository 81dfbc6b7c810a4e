"""Messages with events, and the window of those sent and not acknowledged on this connection. No I/O, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from kiosk.messaging.contract.control import MAX_GAPS
from kiosk.messaging.contract.receive import build_batch
from kiosk.messaging.contract.seal import SealedEvent
from kiosk.messaging.contract.topics import Topics
from kiosk.messaging.relay.pace import Pace

# Pings come back but no PUBACK does: a broker that waits for its own disks. Then send again after all.
_NO_PUBACK_S: Final = 120.0


@dataclass(slots=True)
class _InFlight:
    """One message: events first..last. ``puback``: the broker has it, which says nothing about the ledger."""

    first: int
    last: int
    size: int
    is_resend: bool
    puback: bool = False


class InFlightWindow:
    """A message leaves it by the center's acknowledgement alone; a rewind forgets all and starts over."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._in_flight: dict[int, _InFlight] = {}
        self._gaps: list[tuple[int, int]] = []
        self._sent_upto = 0
        self._deadline = 0.0

    def __len__(self) -> int:
        return len(self._in_flight)

    def ranges(self) -> list[tuple[int, int]]:
        return [(message.first, message.last) for message in self._in_flight.values()]

    @property
    def room(self) -> bool:
        """Whether one more message may go out. What lies behind a gap holds its places: a gap gets its own."""
        return len(self._in_flight) < self._pace.window * (2 if self._gaps else 1)

    def next_range(self) -> tuple[int, int | None]:
        """Return the range to send: above the first number, up to the second (None: no end). Gaps come first."""
        if self._gaps:
            first, last = self._gaps[0]
            return first - 1, last
        return self._sent_upto, None

    def skip_range(self) -> None:
        self._gaps.pop(0)

    def sent(self, mid: int, first: int, last: int, now: float, size: int = 0) -> None:
        is_resend = bool(self._gaps)
        if is_resend:
            self._shorten_gap(last)
        else:
            self._sent_upto = last
        self._in_flight[mid] = _InFlight(first, last, size, is_resend)
        self._wait_from(now)

    def _shorten_gap(self, last: int) -> None:
        end = self._gaps[0][1]
        if last >= end:
            self._gaps.pop(0)
        else:
            self._gaps[0] = (last + 1, end)

    def puback(self, mid: int, now: float) -> None:
        """Note that the broker has the message; from now the center's answer is awaited."""
        message = self._in_flight.get(mid)
        if message is not None:
            message.puback = True
            self._wait_from(now)

    def acknowledged(self, upto: int, now: float) -> None:
        done = [message.size for message in self._in_flight.values() if message.last <= upto]
        if done:
            self._pace.throughput.acknowledged(sum(done), now)
        self._in_flight = {mid: message for mid, message in self._in_flight.items() if message.last > upto}
        self._gaps = [(max(first, upto + 1), last) for first, last in self._gaps if last > upto]
        self._sent_upto = max(self._sent_upto, upto)
        self._pace.progress()
        self._wait_from(now)

    def add_gaps(self, gaps: Iterable[tuple[int, int]]) -> None:
        """Add what the center lacks. A gap that is already being sent again is left alone until the timer ends."""
        for first, last in gaps:
            gap = first, min(last, self._sent_upto)
            known = any(_overlap(other, gap) for other in self._gaps)
            if first <= gap[1] and not known and len(self._gaps) < MAX_GAPS:
                self._add_gap(gap)

    def _add_gap(self, gap: tuple[int, int]) -> None:
        touched = {
            mid: message for mid, message in self._in_flight.items() if _overlap((message.first, message.last), gap)
        }
        if any(message.is_resend for message in touched.values()):
            return
        for mid, message in touched.items():
            # One that was lost in part stays: nothing may fall between two messages.
            if gap[0] <= message.first and message.last <= gap[1]:
                del self._in_flight[mid]
        self._gaps.append(gap)

    def stalled(self, now: float) -> bool:
        """Return whether the center's answer is overdue. TCP handles bytes still on their way to the broker."""
        all_pubacked = all(message.puback for message in self._in_flight.values())
        return bool(self._in_flight) and now >= self._deadline + (0.0 if all_pubacked else _NO_PUBACK_S)

    def rewind(self) -> None:
        self._in_flight.clear()
        self._gaps.clear()
        self._sent_upto = 0

    def _wait_from(self, now: float) -> None:
        self._deadline = now + self._pace.patience_s


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


EVENT_CONTENT: Final = "application/cloudevents+json"
# RFC 6713; inside is `application/cloudevents-batch+json`. MQTT has no content encoding to say so.
BATCH_CONTENT: Final = "application/zlib"


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """Events ``first`` to ``last`` on their way; ``size`` is that of the events before compression."""

    topic: str
    payload: bytes = field(repr=False)
    content_type: str
    first: int
    last: int
    size: int


def rows_that_fit(rows: Sequence[SealedEvent], last: int | None, max_bytes: int) -> Sequence[SealedEvent]:
    """Return the first of ``rows`` that make one message: up to ``last``, without a hole, within ``max_bytes`` before
    compression. The first one is always included.
    """
    size = 0
    for count, row in enumerate(rows):
        size += len(row.body) + 1
        exceeds_max = count > 0 and size > max_bytes
        if exceeds_max or (last is not None and row.seq > last) or row.seq != rows[0].seq + count:
            return rows[:count]
    return rows


def build_message(rows: Sequence[SealedEvent], topics: Topics, max_payload_bytes: int | None) -> OutgoingMessage:
    """Build a message of as many ``rows``, at least one, as fit in ``max_payload_bytes`` on the wire (None: all)."""
    while len(rows) > 1:
        payload = build_batch([row.body for row in rows])
        if max_payload_bytes is None or len(payload) <= max_payload_bytes:
            return _message(rows, topics.batch, payload, BATCH_CONTENT)
        rows = rows[: len(rows) // 2]
    return _message(rows, topics.event, rows[0].body, EVENT_CONTENT)


def _message(rows: Sequence[SealedEvent], topic: str, payload: bytes, content_type: str) -> OutgoingMessage:
    return OutgoingMessage(topic, payload, content_type, rows[0].seq, rows[-1].seq, sum(len(row.body) for row in rows))
