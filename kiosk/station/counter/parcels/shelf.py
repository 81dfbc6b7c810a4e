"""The parcels of the counter: looked at, and moved one step each on their shelf."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from kiosk.domain.parcel import ParcelState
from kiosk.station.clerk.access import Session
from kiosk.station.clerk.refusals import refusing
from kiosk.station.counter.acts import Acts
from kiosk.station.counter.lists import window
from kiosk.station.counter.parcels.book import ParcelBook
from kiosk.station.counter.parcels.shots import ParcelShots
from kiosk.station.counter.parcels.steps import Steps
from kiosk.store.records import ParcelRow


class Shelf:
    """Where parcels wait."""

    def __init__(self, acts: Acts, steps: Steps, shots: ParcelShots, book: ParcelBook) -> None:
        self._acts = acts
        self._steps = steps
        self._shots = shots
        self._book = book
        self._parcels = book.parcels

    def parcel(self, session: Session, number: str) -> ParcelRow:
        """One parcel. Raises CounterRefused: unknown_parcel, foreign_code."""
        self._acts.clerk(session)
        return self._book.row(self._book.number(number))

    def parcels(
        self, session: Session, states: Collection[ParcelState], limit: int = 20, offset: int = 0
    ) -> list[ParcelRow]:
        """Parcels in any of these states, the one that came first first."""
        self._acts.clerk(session)
        with refusing():
            return self._parcels.in_states(states, *window(limit, offset))

    def counts(self, session: Session) -> Mapping[ParcelState, int]:
        """How many there are in each state."""
        self._acts.clerk(session)
        with refusing():
            return self._parcels.counts()

    def misrouted(self, session: Session, number: str) -> ParcelRow:
        """It is meant for another place and goes back to the driver."""
        row = self._steps.take(session, number, self._parcels.misroute)
        self._shots.drop(row.number)
        return row

    def lost(self, session: Session, number: str) -> ParcelRow:
        """It is not in its slot."""
        return self._steps.take(session, number, self._parcels.lose)

    def found(self, session: Session, number: str) -> ParcelRow:
        """A lost one is back: in its old slot if that is free."""
        slots = self._book.slots
        return self._steps.take(
            session, number, lambda parcel, actor, stamp: self._parcels.find(parcel, actor, stamp, slots)
        )

    def due_back(self, session: Session, number: str) -> ParcelRow:
        """It goes back with the next truck, unless somebody collects it before."""
        return self._steps.take(session, number, self._parcels.due_back)

    def return_(self, session: Session, number: str) -> ParcelRow:
        """The driver took it back."""
        return self._steps.take(session, number, self._parcels.give_back)
