"""Parcels in: a scan and nothing else books one; a damaged one waits for its picture and a decision."""

from __future__ import annotations

from kiosk.domain.parcel import Consent, ParcelState
from kiosk.station.counter.base import Undo
from kiosk.station.counter.errors import refusing
from kiosk.station.counter.view import IN, NO_MODE, OUT, CounterRefused, Person, ScanResult, Session
from kiosk.station.papers.parcel import Issue
from kiosk.station.parcels.desk import ParcelDesk
from kiosk.store.records import Arrival, Fitting, ParcelRow, Stamp

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


def known(row: ParcelRow) -> ScanResult:
    """What a scan says of a waybill that was here before."""
    return ScanResult("parcel_known", _KNOWN[row.state], parcel=row)


class ParcelsIn(ParcelDesk):
    """From the truck to the shelf."""

    # --- what the next scan means ----------------------------------------------------------------------------------

    def set_mode(self, session: Session, mode: str) -> None:
        """``in``, ``out`` or "" for neither."""
        with self._acting(session):
            if mode not in (IN, OUT, NO_MODE):
                raise CounterRefused("stale_page")
            self._set(mode=mode, damaged_next=False, last=None)

    def set_consent(self, session: Session, consent: str) -> None:
        """The basis on which the next parcels may wait here."""
        with self._acting(session):
            if consent not in set(Consent):
                raise CounterRefused("stale_page")
            self._set(consent=consent)

    def damaged_next(self, session: Session, damaged: bool) -> None:
        """The next parcel that is scanned in is damaged; the one after it is not.

        Only mode "in" shows the switch: what an older page says of another mode would mark a parcel nobody looked at.
        """
        with self._acting(session):
            if damaged and self._view.mode != IN:
                raise CounterRefused("stale_page")
            self._set(damaged_next=damaged)

    # --- in --------------------------------------------------------------------------------------------------------

    def _arrive(
        self, person: Person, waybill: str, carrier: str, carriers: tuple[str, ...], *, another: bool = False
    ) -> ScanResult:
        """Book a scanned waybill, or say that it is known. Inside an act."""
        view, stamp = self._view, self._tools.stamps()
        arrival = Arrival(waybill, carrier, Consent(view.consent), view.damaged_next, person.actor, another)
        issue = Issue(self._tools.papers, stamp)
        slots = self._tools.parcels.slots
        with refusing():
            row = self._tools.store.parcels.arrive(arrival, Fitting(slots, issue.code_mac, issue.label_and_slip), stamp)
        if row.repeated:
            return known(row)
        until = self._now_s() + self._tools.counter.undo_s
        with self._lock:
            self._undo = Undo(row, waybill, carriers, until)
            self._fresh = (row.number, issue.code) if issue.code else None
            self._arrived = {"damaged_next": False, "undo_until": until}
        if row.state is ParcelState.ARRIVED:
            self._shoot(row.number)
            return ScanResult("parcel_damaged", "damaged", parcel=row, carriers=carriers)
        return ScanResult("parcel_in", "shelved", parcel=row, carriers=carriers)

    def undo(self, session: Session, number: str = "") -> ParcelRow:
        """Take the last scan in back: slot, code and papers that still wait are gone.

        With ``number`` only when it is that parcel: the scanner may have been quicker than the finger.
        """
        with self._acting(session) as (person, stamp):
            row = self._withdraw(self._undoable(number).parcel, person, stamp)
            self._set(last=None)
            return row

    def choose_carrier(self, session: Session, carrier: str, number: str = "") -> ScanResult:
        """The last scan in was another carrier's: it is taken back and booked anew, while it can be taken back.

        When the disk fails between the two, the parcel is taken back and the screen shows none: it is scanned again.
        """
        with self._acting(session) as (person, stamp):
            undo = self._undoable(number)
            if carrier not in undo.carriers:
                raise CounterRefused("stale_page")
            if carrier == undo.parcel.carrier:
                return self._view.last or known(undo.parcel)
            self._withdraw(undo.parcel, person, stamp)
            self._set(damaged_next=undo.parcel.damaged, last=None)
            others = tuple(name for name in undo.carriers if name != carrier)
            result = self._arrive(person, undo.waybill, carrier, (carrier, *others))
            return self._show(result)

    def _undoable(self, number: str) -> Undo:
        undo = self._undo
        if undo is None or self._now_s() >= undo.until:
            raise CounterRefused("nothing_to_undo")
        if number not in ("", str(undo.parcel.number)):
            raise CounterRefused("stale_page")
        return undo

    def _withdraw(self, row: ParcelRow, person: Person, stamp: Stamp) -> ParcelRow:
        withdrawn = self._tools.store.parcels.withdraw(row.number, person.actor, stamp)
        self._tools.photos.drop(row.number)
        self._no_undo()
        self._booked()
        return withdrawn

    def take_shot(self, session: Session, number: str) -> None:
        """Ask for a shot of a damaged parcel; the answer comes with the view."""
        with self._acting(session):
            row = self._row(self._number(number))
            if row.state is not ParcelState.ARRIVED:
                raise CounterRefused("not_waiting")
            self._shoot(row.number)

    def accept_damaged(self, session: Session, number: str) -> ParcelRow:
        """Accept a damaged parcel with the shot that was taken of it. Raises CounterRefused: damaged_needs_photo."""
        with self._acting(session) as (person, stamp):
            parcel, tools = self._number(number), self._tools
            sha256 = tools.photos.waiting_sha256(parcel)
            if self._row(parcel).state is not ParcelState.ARRIVED:
                raise CounterRefused("not_waiting")
            if sha256 is None:
                raise CounterRefused("damaged_needs_photo")
            issue = Issue(tools.papers, stamp)
            with self._keeping_photo(parcel):
                row = tools.store.parcels.accept_damaged(
                    parcel,
                    sha256,
                    Fitting(tools.parcels.slots, issue.code_mac, issue.label_and_slip),
                    person.actor,
                    stamp,
                )
            self._no_undo(parcel)
            self._fresh = (row.number, issue.code)
            self._booked()
            self._show(ScanResult("parcel_in", "shelved", parcel=row))
            return row

    def refuse(self, session: Session, number: str) -> ParcelRow:
        """Do not accept a damaged parcel: the driver keeps it, and its shot is not kept."""
        row = self._step(session, number, self._tools.store.parcels.refuse)
        self._tools.photos.drop(row.number)
        return row

    def close_delivery(self, session: Session) -> list[ParcelRow]:
        """All of the truck is scanned: what is still expected is missing. Returns those."""
        with self._acting(session) as (person, stamp):
            rows = self._tools.store.deliveries.close(person.actor, stamp)
            self._booked()
            return rows
