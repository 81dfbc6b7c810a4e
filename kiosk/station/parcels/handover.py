"""Parcels out: one at a time, by a pickup code or a named proxy, and always by a clerk's tap.

The law knows no "collected" without somebody who collects (express market rules, in force 2024-03-01): nothing here
hands out more than one parcel, and nothing does it by itself.
"""

from __future__ import annotations

from dataclasses import replace

from kiosk.domain.clerk import BadClerk
from kiosk.domain.identifiers import CODE_PREFIX, BadIdentifier, parse_internal_code
from kiosk.domain.parcel import TERMINAL, CollectedBy, ParcelNumber, ParcelState, Proof, read_slip
from kiosk.domain.pickup import BadPickupCode, check_pickup_code
from kiosk.station.counter.base import HANDOVER_S, MOST_HANDOVERS
from kiosk.station.counter.errors import refusing
from kiosk.station.counter.people import clean_person_name
from kiosk.station.counter.view import CounterRefused, Handover, Person, Session
from kiosk.station.parcels.desk import ParcelDesk
from kiosk.store.records import HandoverProof, ParcelRow, Stamp


class ParcelsOut(ParcelDesk):
    """From the shelf to the villager."""

    # --- out -------------------------------------------------------------------------------------------------------

    def collect_by_code(self, session: Session, code: str) -> ParcelRow:
        """The clerk typed a villager's six digits: that one parcel is handed out."""
        with self._acting(session) as (person, stamp):
            handover = self._proved(code)
            return self._collect(handover.parcel.number, Proof.CODE, handover.mac, None, person, stamp)

    def confirm_handover(self, session: Session, number: str) -> ParcelRow:
        """A parcel that is up is in the villager's hand. Raises CounterRefused ``stale_page`` for any other one."""
        with self._acting(session) as (person, stamp):
            self.tick()
            parcel = self._number(number)
            proved = next((row for row in self._handovers if row.parcel.number == parcel), None)
            if proved is None:
                raise CounterRefused("stale_page")
            return self._collect(parcel, Proof.CODE, proved.mac, None, person, stamp)

    def dismiss_handover(self, session: Session, number: str) -> None:
        """The parcel that is up is not handed out; its code stays good."""
        with self._acting(session):
            self._forget_handover(self._number(number))

    def collect_proxy(self, session: Session, number: str, name: str) -> ParcelRow:
        """Somebody the clerk knows takes it for its addressee. Raises CounterRefused: proxy_needs_name."""
        with self._acting(session) as (person, stamp):
            try:
                proxy = clean_person_name(name)
            except BadClerk:
                raise CounterRefused("proxy_needs_name") from None
            return self._collect(self._number(number), Proof.PROXY, None, proxy, person, stamp)

    def public_code(self, text: str) -> ParcelRow:
        """A villager at the public face: six digits, or the slip under the scanner. Puts the parcel up at the counter.

        The row is masked: the last four characters of the waybill, no telephone digits. Raises CounterRefused:
        wrong_code, code_locked, foreign_code, no_key, line_full; of a slip also collected, parcel_gone.
        """
        with self._acts, refusing():
            handover = self._proved(*self._slip(text)) if text.startswith(CODE_PREFIX) else self._proved(text)
            row = self._put_up(handover).parcel
        return replace(row, waybill=row.waybill[-4:], phone_last4=None)

    def put_up(self, session: Session, code: str) -> ParcelRow:
        """The clerk typed a villager's six digits: that parcel is up before those that wait. Raises as above."""
        with self._acting(session):
            return self._put_up(self._proved(code), first=True).parcel

    def pickup_wait_s(self) -> int:
        """Seconds until a pickup code is taken again, for the pad of the public face."""
        return self._pickup.wait_s()

    def _proved(self, code: str, number: ParcelNumber | None = None) -> Handover:
        """The waiting parcel of a code, and of this number when a slip names one; a wrong code counts as a guess.

        A whole slip of a parcel that has left is no guess: nobody tries codes with it, because that parcel has none.
        """
        try:
            mac = self._tools.papers.key.mac(check_pickup_code(code))
        except BadPickupCode:
            raise CounterRefused("wrong_code") from None

        def holder() -> ParcelRow | None:
            with refusing():
                row = self._tools.store.parcels.by_mac(mac)
                named = self._tools.store.parcels.by_number(number) if number is not None else None
            if named is not None and named.state in TERMINAL:
                raise CounterRefused("collected" if named.state is ParcelState.COLLECTED else "parcel_gone")
            return row if row is not None and number in (None, row.number) else None

        return Handover(self._pickup.guess(holder), mac, self._now_s() + HANDOVER_S)

    def _slip(self, text: str) -> tuple[str, ParcelNumber]:
        """The six digits of a scanned pickup slip and its parcel. Raises CounterRefused: unknown_code, foreign_code."""
        try:
            number, code = read_slip(parse_internal_code(text))
        except BadIdentifier:
            raise CounterRefused("unknown_code") from None
        if number.station != self._tools.station:
            raise CounterRefused("foreign_code")
        return code, number

    def _put_up(self, handover: Handover, *, first: bool = False) -> Handover:
        """In line, and once: the clerk hands out one after the other. Raises CounterRefused ``line_full``: nobody who
        was told that the clerk brings it is dropped, and the code of whoever comes next stays good.
        """
        now, number = self._now_s(), handover.parcel.number
        with self._lock:
            others = tuple(row for row in self._handovers if row.until > now and row.parcel.number != number)
            if len(others) >= MOST_HANDOVERS:
                raise CounterRefused("line_full")
            self._show_handovers((handover, *others) if first else (*others, handover))
        return handover

    def _collect(
        self, number: ParcelNumber, proof: Proof, mac: bytes | None, proxy: str | None, person: Person, stamp: Stamp
    ) -> ParcelRow:
        by = CollectedBy.PROXY if proof is Proof.PROXY else CollectedBy.SELF
        row = self._tools.store.parcels.collect(number, HandoverProof(proof, by, mac, proxy, person.actor), stamp)
        self._forget_handover(number)
        self._no_undo(number)
        self._booked()
        return row
