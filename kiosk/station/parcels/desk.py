"""The parcels of the counter: looked at, and moved one step each on their shelf.

Every act here and in the two modules beside it is about exactly one parcel.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from kiosk.domain.parcel import ParcelNumber, ParcelState
from kiosk.station.counter.base import CounterBase
from kiosk.station.counter.errors import refusing
from kiosk.station.counter.view import CounterRefused, ScanResult, Session
from kiosk.station.desk.view import PhotoView
from kiosk.station.papers.parcel import Issue
from kiosk.store.records import ParcelRow, Stamp

logger = logging.getLogger(__name__)

_ParcelAct = Callable[[ParcelNumber, str, Stamp], ParcelRow]


class ParcelDesk(CounterBase):
    """What both ways of a parcel, in and out, build on."""

    # --- looking ---------------------------------------------------------------------------------------------------

    def parcel(self, session: Session, number: str) -> ParcelRow:
        """One parcel. Raises CounterRefused: unknown_parcel, foreign_code."""
        self._clerk(session)
        return self._row(self._number(number))

    def parcels(
        self, session: Session, states: Collection[ParcelState], limit: int = 20, offset: int = 0
    ) -> list[ParcelRow]:
        """Parcels in any of these states, the one that came first first."""
        self._clerk(session)
        with refusing():
            return self._tools.store.parcels.in_states(states, *self._window(limit, offset))

    def parcel_counts(self, session: Session) -> Mapping[ParcelState, int]:
        """How many there are in each state."""
        self._clerk(session)
        with refusing():
            return self._tools.store.parcels.counts()

    # --- on the shelf ----------------------------------------------------------------------------------------------

    def misrouted(self, session: Session, number: str) -> ParcelRow:
        """It is meant for another place and goes back to the driver."""
        row = self._step(session, number, self._tools.store.parcels.misroute)
        self._tools.photos.drop(row.number)
        return row

    def lost(self, session: Session, number: str) -> ParcelRow:
        """It is not in its slot."""
        return self._step(session, number, self._tools.store.parcels.lose)

    def found(self, session: Session, number: str) -> ParcelRow:
        """A lost one is back: in its old slot if that is free."""
        slots = self._tools.parcels.slots
        return self._step(
            session, number, lambda parcel, actor, stamp: self._tools.store.parcels.find(parcel, actor, stamp, slots)
        )

    def due_back(self, session: Session, number: str) -> ParcelRow:
        """It goes back with the next truck, unless somebody collects it before."""
        return self._step(session, number, self._tools.store.parcels.due_back)

    def return_(self, session: Session, number: str) -> ParcelRow:
        """The driver took it back."""
        return self._step(session, number, self._tools.store.parcels.give_back)

    def reissue(self, session: Session, number: str) -> ParcelRow:
        """A new code on a new slip; the old one is worth nothing from now on. Raises CounterRefused: no_key."""
        with self._acting(session) as (person, stamp):
            issue = Issue(self._tools.papers, stamp)
            row = self._tools.store.parcels.reissue_code(
                self._number(number), issue.code_mac, issue.slip, person.actor, stamp
            )
            self._forget_handover(row.number)
            self._fresh = (row.number, issue.code)
            self._booked()
            return row

    def has_fresh_code(self, number: ParcelNumber) -> bool:
        """Whether ``show_code`` would show this parcel's code."""
        fresh = self._fresh
        return fresh is not None and fresh[0] == number

    def show_code(self, session: Session, number: str) -> str:
        """The six digits that were issued last, once: for a station without a printer for slips.

        Raises CounterRefused ``reissue`` when it is another parcel's, was shown, or the counter was locked since.
        """
        with self._acting(session), self._lock:
            fresh = self._fresh
            if fresh is None or fresh[0] != self._number(number):
                raise CounterRefused("reissue")
            self._fresh = None
            return fresh[1]

    # --- inside ----------------------------------------------------------------------------------------------------

    def _step(self, session: Session, number: str, act: _ParcelAct) -> ParcelRow:
        """One step of one parcel that needs nothing but a clerk."""
        with self._acting(session) as (person, stamp):
            row = act(self._number(number), person.actor, stamp)
            self._forget_handover(row.number)
            self._no_undo(row.number)
            self._booked()
            return row

    def _row(self, number: ParcelNumber) -> ParcelRow:
        with refusing():
            row = self._tools.store.parcels.by_number(number)
        if row is None:
            raise CounterRefused("unknown_parcel")
        return row

    def _shoot(self, number: ParcelNumber) -> None:
        self._set(shot_of=str(number), photo=PhotoView("taking"))
        self._tools.on_parcel_photo(number)

    def _no_undo(self, number: ParcelNumber | None = None) -> None:
        """The last scan in can no longer be taken back: it was, or the parcel has moved on."""
        with self._lock:
            if self._undo is not None and number in (None, self._undo.parcel.number):
                self._undo = None
                self._set(undo_until=None)

    def _show(self, result: ScanResult) -> ScanResult:
        """Put up what a scan came to. The shelf code goes first: a change before it would hold it up on its way to the
        page, and so would a paper that is being drawn.
        """
        shown = replace(result, at_monotonic=self._now_s())
        arrived, self._arrived = self._arrived, {}
        self._set(last=shown, **arrived)
        if arrived:
            self._booked()
        return shown

    @contextmanager
    def _keeping_photo(self, number: ParcelNumber) -> Iterator[None]:
        """The picture of a damaged parcel is kept exactly when the block books it."""
        try:
            with self._tools.photos.accepting(number):
                yield
        except OSError as error:
            logger.error("the picture of %s cannot be kept: %s", number, error.strerror)
            raise CounterRefused("store_failed", "the picture cannot be kept: look after the disk") from error
