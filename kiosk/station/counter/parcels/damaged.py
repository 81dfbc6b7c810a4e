"""Damaged parcels: one waits for its picture and a decision."""

from __future__ import annotations

from kiosk.domain.parcel import ParcelState
from kiosk.station.clerk.access import CounterSession
from kiosk.station.clerk.refusals import CounterRefused
from kiosk.station.counter.parcels.parcel_lookup import ParcelLookup
from kiosk.station.counter.parcels.shots import ParcelShots
from kiosk.station.counter.parcels.steps import ParcelSteps
from kiosk.station.counter.shared.acts import Acts
from kiosk.station.counter.shared.state import CounterState, FreshCode
from kiosk.station.counter.shared.view import ScanResult
from kiosk.store.shared.records import DamageEvidence, ParcelRow


class DamagedParcels:
    def __init__(
        self, acts: Acts, state: CounterState, steps: ParcelSteps, shots: ParcelShots, book: ParcelLookup
    ) -> None:
        self._acts = acts
        self._state = state
        self._steps = steps
        self._shots = shots
        self._book = book

    def take_shot(self, session: CounterSession, number: str) -> None:
        """Ask for a shot; the answer comes with the view."""
        with self._acts.act(session):
            row = self._book.row(self._book.number(number))
            if row.state is not ParcelState.ARRIVED:
                raise CounterRefused("not_waiting")
            self._shots.take(row.number)

    def accept(self, session: CounterSession, number: str) -> ParcelRow:
        """Accept one with the shot that was taken of it. Raises CounterRefused: not_waiting, damaged_needs_photo."""
        with self._acts.act(session) as (person, stamp):
            parcel, book = self._book.number(number), self._book
            if book.row(parcel).state is not ParcelState.ARRIVED:
                raise CounterRefused("not_waiting")
            sha256, issue = self._shots.waiting_sha256(parcel), book.issue(stamp)
            with self._shots.keeping(parcel):
                row = book.parcels.accept_damaged(
                    parcel, DamageEvidence(sha256, person.actor), book.fitting(issue), stamp
                )
            self._state.end_undo()  # also of another one: what is on the screen now cannot be taken back
            self._state.fresh = FreshCode(row.number, issue.code)
            self._acts.notify_committed()
            self._state.show(ScanResult("parcel_in", "shelved", parcel=row))
            return row

    def refuse(self, session: CounterSession, number: str) -> ParcelRow:
        """Do not accept it: the driver keeps it, and its shot is not kept."""
        row = self._steps.take(session, number, self._book.parcels.refuse)
        self._shots.drop(row.number)
        return row
