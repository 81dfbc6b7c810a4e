"""What ends at the counter because time passes."""

from __future__ import annotations

from kiosk.station.clerk.access import Access
from kiosk.station.counter.parcels.line import HandoverLine
from kiosk.station.counter.ports import UnfinishedDesk
from kiosk.station.counter.state import CounterState


class Expiry:
    """Asked every few seconds: an idle session, an undo, a handover nobody came for, an intake that was given up."""

    def __init__(self, access: Access, desk: UnfinishedDesk, state: CounterState, line: HandoverLine) -> None:
        self._access = access
        self._desk = desk
        self._state = state
        self._line = line

    def tick(self) -> None:
        """End what is over by now."""
        self._access.expire()
        unfinished = self._desk.unfinished()
        with self._state.lock:
            left = unfinished.receipt if unfinished else ""
            if left != self._state.view().unfinished:
                self._state.change(unfinished=left)
            undo = self._state.undo
            if undo is not None and self._state.now_s() >= undo.until:
                self._state.end_undo()
            self._line.end_expired()
