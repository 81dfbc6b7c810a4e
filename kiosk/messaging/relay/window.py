"""The in-message window: what was sent and not acknowledged on this connection. No I/O, no clock: time is passed in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from kiosk.messaging.contract.control import MAX_GAPS
from kiosk.messaging.relay.pace import Pace

_MUTE_S: Final = 120.0
"""Pings come back but no PUBACK does: a broker that waits for its own disks. Then send again after all."""


@dataclass(slots=True)
class _InFlight:
    """One message: events first..last. ``puback``: the broker has it, which says nothing about the ledger."""

    first: int
    last: int
    size: int
    again: bool
    puback: bool = False


class InFlightWindow:
    """A message leaves it by the center's acknowledgement alone; a rewind forgets all and starts over."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._in_flight: dict[int, _InFlight] = {}
        self._wanted: list[tuple[int, int]] = []
        self._sent_upto = 0
        self._deadline = 0.0

    def __len__(self) -> int:
        return len(self._in_flight)

    def ranges(self) -> list[tuple[int, int]]:
        """First and last event of each message on its way."""
        return [(message.first, message.last) for message in self._in_flight.values()]

    @property
    def room(self) -> bool:
        """Whether one more message may go out. What lies behind a gap holds its places: a gap gets its own."""
        return len(self._in_flight) < self._pace.window * (2 if self._wanted else 1)

    def next_range(self) -> tuple[int, int | None]:
        """Send events above the first number, up to the second (None: no end). Gaps come first."""
        if self._wanted:
            first, last = self._wanted[0]
            return first - 1, last
        return self._sent_upto, None

    def skip_range(self) -> None:
        """There is nothing (more) to send in the gap that next_range named."""
        self._wanted.pop(0)

    def sent(self, mid: int, first: int, last: int, now: float, size: int = 0) -> None:
        """A message with events first..last, ``size`` bytes of them, went out as packet ``mid``."""
        again = bool(self._wanted)
        if again:
            self._shorten_wanted(last)
        else:
            self._sent_upto = last
        self._in_flight[mid] = _InFlight(first, last, size, again)
        self._wait_from(now)

    def _shorten_wanted(self, last: int) -> None:
        end = self._wanted[0][1]
        if last >= end:
            self._wanted.pop(0)
        else:
            self._wanted[0] = (last + 1, end)

    def puback(self, mid: int, now: float) -> None:
        """The broker has it; from now the center's answer is awaited."""
        message = self._in_flight.get(mid)
        if message is not None:
            message.puback = True
            self._wait_from(now)

    def acknowledged(self, upto: int, now: float) -> None:
        """The center has everything up to here."""
        done = [message.size for message in self._in_flight.values() if message.last <= upto]
        if done:
            self._pace.throughput.acknowledged(sum(done), now)
        self._in_flight = {mid: message for mid, message in self._in_flight.items() if message.last > upto}
        self._wanted = [(max(first, upto + 1), last) for first, last in self._wanted if last > upto]
        self._sent_upto = max(self._sent_upto, upto)
        self._pace.progress()
        self._wait_from(now)

    def missing(self, gaps: Iterable[tuple[int, int]]) -> None:
        """The center lacks these. A gap that is already being sent again is left alone until the timer says else."""
        for first, last in gaps:
            gap = first, min(last, self._sent_upto)
            known = any(_overlap(wanted, gap) for wanted in self._wanted)
            if first <= gap[1] and not known and len(self._wanted) < MAX_GAPS:
                self._want(gap)

    def _want(self, gap: tuple[int, int]) -> None:
        touched = {
            mid: message for mid, message in self._in_flight.items() if _overlap((message.first, message.last), gap)
        }
        if any(message.again for message in touched.values()):
            return
        for mid, message in touched.items():
            # One that was lost in part stays: nothing may fall between two messages.
            if gap[0] <= message.first and message.last <= gap[1]:
                del self._in_flight[mid]
        self._wanted.append(gap)

    def stalled(self, now: float) -> bool:
        """Whether the center's answer is overdue. While bytes are still on their way to the broker, TCP cares."""
        all_taken = all(message.puback for message in self._in_flight.values())
        return bool(self._in_flight) and now >= self._deadline + (0.0 if all_taken else _MUTE_S)

    def rewind(self) -> None:
        """Send everything that is not done once more."""
        self._in_flight.clear()
        self._wanted.clear()
        self._sent_upto = 0

    def _wait_from(self, now: float) -> None:
        self._deadline = now + self._pace.patience_s


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]
