"""The parcels of the counter: looked at, and moved one step each on their shelf."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from kiosk.domain.parcel import ParcelState
from kiosk.station.clerk.access import CounterSession
from kiosk.station.clerk.refusals import as_counter_refusals
from kiosk.station.counter.parcels.parcel_lookup import ParcelLookup
from kiosk.station.counter.parcels.shots import ParcelShots
from kiosk.station.counter.parcels.steps import ParcelSteps
from kiosk.station.counter.shared.acts import Acts
from kiosk.station.counter.shared.lists import window
from kiosk.store.shared.records import ParcelRow


class ParcelShelf:
    def __init__(self, acts: Acts, steps: ParcelSteps, shots: ParcelShots, book: ParcelLookup) -> None:
        self._acts = acts
        self._steps = steps
        self._shots = shots
        self._book = book
        self._parcels = book.parcels

    def parcel(self, session: CounterSession, number: str) -> ParcelRow:
        """One parcel. Raises CounterRefused: unknown_parcel, foreign_code."""
        self._acts.clerk(session)
        return self._book.row(self._book.number(number))

    def parcels(
        self, session: CounterSession, states: Collection[ParcelState], limit: int = 20, offset: int = 0
    ) -> list[ParcelRow]:
        """Parcels in any of these states, the one that came first first."""
        self._acts.clerk(session)
        with as_counter_refusals():
            return self._parcels.in_states(states, *window(limit, offset))

    def counts(self, session: CounterSession) -> Mapping[ParcelState, int]:
        """How many there are in each state."""
        self._acts.clerk(session)
        with as_counter_refusals():
            return self._parcels.counts()

    def mark_misrouted(self, session: CounterSession, number: str) -> ParcelRow:
        """It is meant for another place and goes back to the driver."""
        row = self._steps.take(session, number, self._parcels.misroute)
        self._shots.drop(row.number)
        return row

    def mark_lost(self, session: CounterSession, number: str) -> ParcelRow:
        """It is not in its slot."""
        return self._steps.take(session, number, self._parcels.lose)

    def mark_found(self, session: CounterSession, number: str) -> ParcelRow:
        """A lost one is back: in its old slot if that is free."""
        slots = self._book.slots
        return self._steps.take(
            session, number, lambda parcel, actor, stamp: self._parcels.find(parcel, actor, stamp, slots)
        )

    def mark_due_back(self, session: CounterSession, number: str) -> ParcelRow:
        """It goes back with the next truck, unless somebody collects it before."""
        return self._steps.take(session, number, self._parcels.due_back)

    def return_(self, session: CounterSession, number: str) -> ParcelRow:
        return self._steps.take(session, number, self._parcels.give_back)
