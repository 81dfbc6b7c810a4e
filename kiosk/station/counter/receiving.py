"""Parcels in: a scan and nothing else books one, and for some seconds it can be taken back."""

from __future__ import annotations

from dataclasses import dataclass

from kiosk.domain.parcel import Consent, ParcelState
from kiosk.station.clerk.access import CounterSession
from kiosk.station.clerk.pin_hash import Person
from kiosk.station.clerk.refusals import CounterRefused, as_counter_refusals
from kiosk.station.counter.acts import Acts
from kiosk.station.counter.parcels import ParcelLookup, ParcelShots
from kiosk.station.counter.state import BOOKED, IN, NO_MODE, OUT, CounterState, FreshCode, ScanResult, Undo
from kiosk.store.shared.records import Arrival, ParcelRow, Stamp

_KNOWN = {
    ParcelState.EXPECTED: "expected",
    ParcelState.MISSING: "expected",
    ParcelState.ARRIVED: "undecided",
    ParcelState.SHELVED: "waiting",
    ParcelState.NOTICED: "waiting",
    ParcelState.OVERDUE: "waiting",
    ParcelState.RETURN_DUE: "waiting",
    ParcelState.LOST: "lost",
    ParcelState.COLLECTED: "collected",
    ParcelState.RETURNED: "closed",
    ParcelState.REFUSED: "closed",
    ParcelState.MISROUTED: "closed",
    ParcelState.WITHDRAWN: "closed",
}


def known_parcel_result(row: ParcelRow) -> ScanResult:
    return ScanResult("parcel_known", _KNOWN[row.state], parcel=row)


@dataclass(frozen=True, slots=True)
class IncomingWaybill:
    """A waybill to book: ``carriers`` are the possible ones, the one it is booked for first. ``another``: the clerk
    stated that it is a further package of a known waybill.
    """

    number: str
    carriers: tuple[str, ...]
    another: bool = False


class Receiving:
    """From the truck to the shelf. ``undo_s``: how long a scan in can be taken back."""

    def __init__(self, acts: Acts, state: CounterState, shots: ParcelShots, book: ParcelLookup, undo_s: float) -> None:
        self._acts, self._state, self._shots, self.book, self._undo_s = acts, state, shots, book, undo_s

    def set_mode(self, session: CounterSession, mode: str) -> None:
        """Set the mode: ``in``, ``out`` or "" for neither."""
        with self._acts.act(session):
            if mode not in (IN, OUT, NO_MODE):
                raise CounterRefused("stale_page")
            self._state.change(mode=mode, damaged_next=False, last=None)

    def set_consent(self, session: CounterSession, consent: str) -> None:
        with self._acts.act(session):
            if consent not in set(Consent):
                raise CounterRefused("stale_page")
            self._state.change(consent=consent)

    def damaged_next(self, session: CounterSession, damaged: bool) -> None:
        """Mark the next parcel that is scanned in as damaged, not the one after it. Refused outside mode "in", which
        alone shows the switch: an older page would mark a parcel that was not looked at.
        """
        with self._acts.act(session):
            if damaged and self._state.view().mode != IN:
                raise CounterRefused("stale_page")
            self._state.change(damaged_next=damaged)

    def arrive(self, person: Person, waybill: IncomingWaybill) -> ScanResult:
        """Book a scanned waybill, or report that it is known. Call it inside an act, which shows the result."""
        view, stamp = self._state.view(), self._acts.stamp()
        arrival = Arrival(
            waybill.number,
            waybill.carriers[0],
            Consent(view.consent),
            view.damaged_next,
            person.actor,
            waybill.another,
        )
        issue = self.book.issue(stamp)
        with as_counter_refusals():
            row = self.book.parcels.arrive(arrival, self.book.fitting(issue), stamp)
        if row.repeated:
            return known_parcel_result(row)
        with self._state.lock:
            self._state.undo = Undo(row, waybill.number, waybill.carriers, self._state.now_s() + self._undo_s)
            self._state.fresh = FreshCode(row.number, issue.code) if issue.code else None
        if row.state is ParcelState.ARRIVED:
            self._shots.take(row.number)
            return ScanResult("parcel_damaged", "damaged", parcel=row, carriers=waybill.carriers)
        return ScanResult("parcel_in", "shelved", parcel=row, carriers=waybill.carriers)

    def show(self, result: ScanResult) -> ScanResult:
        """Show the result of a scan. The shelf code goes first: an earlier change, or a paper that is being drawn,
        would delay it on its way to the page.
        """
        if result.kind not in BOOKED:
            return self._state.show(result)
        shown = self._state.show_arrival(result)
        self._acts.notify_committed()
        return shown

    def undo(self, session: CounterSession, number: str = "") -> ParcelRow:
        """Take the last scan in back: slot, code and papers that still wait are removed. With ``number`` only when it
        is that parcel: another scan may have come before the tap.
        """
        with self._acts.act(session) as (person, stamp):
            row = self._withdraw(self._undoable(number).parcel, person, stamp)
            self._state.change(last=None)
            return row

    def choose_carrier(self, session: CounterSession, carrier: str, number: str = "") -> ScanResult:
        """Take the last scan in back and book it with another carrier, while it can be taken back. When the disk fails
        between the two, the parcel is taken back and the screen shows none: it is scanned again.
        """
        with self._acts.act(session) as (person, stamp):
            undo = self._undoable(number)
            if carrier not in undo.carriers:
                raise CounterRefused("stale_page")
            if carrier == undo.parcel.carrier:
                return self._state.view().last or known_parcel_result(undo.parcel)
            self._withdraw(undo.parcel, person, stamp)
            self._state.change(damaged_next=undo.parcel.damaged, last=None)
            others = tuple(name for name in undo.carriers if name != carrier)
            return self.show(self.arrive(person, IncomingWaybill(undo.waybill, (carrier, *others))))

    def _undoable(self, number: str) -> Undo:
        undo = self._state.undo
        if undo is None or self._state.now_s() >= undo.until:
            raise CounterRefused("nothing_to_undo")
        if number not in ("", str(undo.parcel.number)):
            raise CounterRefused("stale_page")
        return undo

    def _withdraw(self, row: ParcelRow, person: Person, stamp: Stamp) -> ParcelRow:
        withdrawn = self.book.parcels.withdraw(row.number, person.actor, stamp)
        self._shots.drop(row.number)
        self._state.end_undo()
        self._acts.notify_committed()
        return withdrawn
