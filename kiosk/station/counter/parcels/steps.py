"""One step of one parcel that needs nothing but a clerk, and what every move of a parcel ends."""

from __future__ import annotations

from kiosk.domain.parcel import ParcelNumber
from kiosk.station.clerk.access import CounterSession
from kiosk.station.counter.parcels.handover_queue import HandoverQueue
from kiosk.station.counter.parcels.parcel_lookup import ParcelAct, ParcelLookup
from kiosk.station.counter.shared.acts import Acts
from kiosk.station.counter.shared.state import CounterState
from kiosk.store.shared.records import ParcelRow


class ParcelSteps:
    """Every act here is about exactly one parcel."""

    def __init__(self, acts: Acts, state: CounterState, line: HandoverQueue, book: ParcelLookup) -> None:
        self._acts = acts
        self._state = state
        self._line = line
        self._book = book

    def take(self, session: CounterSession, number: str, act: ParcelAct) -> ParcelRow:
        """Do it. Raises CounterRefused, and then nothing has changed."""
        with self._acts.act(session) as (person, stamp):
            row = act(self._book.number(number), person.actor, stamp)
            self.after_move(row.number)
            return row

    def after_move(self, number: ParcelNumber) -> None:
        """Inside an act that was committed: nobody waits for this parcel, and its arrival can no longer be undone."""
        self._line.forget(number)
        self._state.end_undo(number)
        self._acts.notify_committed()
