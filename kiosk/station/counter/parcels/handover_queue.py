"""The parcels whose code was right, in the order the clerk hands them out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from kiosk.domain.parcel import ParcelNumber
from kiosk.station.clerk.refusals import CounterRefused
from kiosk.station.counter.shared.state import CounterState
from kiosk.store.shared.records import ParcelRow

HANDOVER_S: Final = 300.0  # A villager who proved a code and went away again leaves no parcel up for the next tap
MAX_HANDOVERS: Final = 5


@dataclass(frozen=True, slots=True)
class Handover:
    """A villager's code was right: the parcel lies on the counter until the clerk's tap. ``until`` is monotonic.

    ``called``: no clerk was there, so one was called.
    """

    parcel: ParcelRow = field(repr=False)
    mac: bytes = field(repr=False)
    until: float
    called: bool = False


class HandoverQueue:
    """Thread-safe under the lock of the state, which shows the first one."""

    def __init__(self, state: CounterState) -> None:
        self._state = state
        self._waiting: tuple[Handover, ...] = ()

    def find(self, number: ParcelNumber) -> Handover | None:
        """The handover of this parcel, if it is up and not over."""
        self.end_expired()
        return next((row for row in self._waiting if row.parcel.number == number), None)

    def put_up(self, handover: Handover, *, first: bool = False) -> ParcelRow:
        """In line, and once: the clerk hands out one after the other. Raises CounterRefused ``line_full``: nobody who
        was told that the clerk brings it is dropped, and the code of whoever comes next stays good.

        While the clerk is away, only the newest villager is waited for: the others have left the screen.
        """
        now, number = self._state.now_s(), handover.parcel.number
        with self._state.lock:
            if handover.called:
                self.end_call()
            others = tuple(row for row in self._waiting if row.until > now and row.parcel.number != number)
            if len(others) >= MAX_HANDOVERS:
                raise CounterRefused("line_full")
            self._show((handover, *others) if first or handover.called else (*others, handover))
        return handover.parcel

    def forget(self, number: ParcelNumber) -> None:
        """The parcel has moved, or is not handed out now."""
        with self._state.lock:
            self._show_if_new(tuple(row for row in self._waiting if row.parcel.number != number))

    def end_call(self) -> None:
        """Whoever called the clerk has left the screen."""
        with self._state.lock:
            self._show_if_new(tuple(row for row in self._waiting if not row.called))

    def end_expired(self) -> None:
        """Nobody came for them in time."""
        with self._state.lock:
            now = self._state.now_s()
            self._show_if_new(tuple(row for row in self._waiting if row.until > now))

    def _show_if_new(self, waiting: tuple[Handover, ...]) -> None:
        if waiting != self._waiting:
            self._show(waiting)

    def _show(self, waiting: tuple[Handover, ...]) -> None:
        self._waiting = waiting
        first = waiting[0].parcel if waiting else None
        self._state.change(handover=first, waiting_handovers=len(waiting))
