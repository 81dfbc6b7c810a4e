"""Whatever is scanned opens the right thing: one table from what a scan is to what the counter does with it.

A telephone number, an identity number, a link or a Wi-Fi code is named and nothing more: not opened, kept or logged.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from kiosk.domain.identifiers import BadIdentifier, ReceiptNumber, parse_internal_code
from kiosk.domain.parcel import MAY_ARRIVE, WAITING, ParcelNumber, ParcelState
from kiosk.domain.shelf import read_shelf
from kiosk.protocols.barcodes.scan import Scan, parse_scan
from kiosk.protocols.barcodes.waybills import CARRIERS, Waybill, identify
from kiosk.station.counter.errors import refusing
from kiosk.station.counter.intakes import CounterIntakes
from kiosk.station.counter.view import (
    ANOTHER_PACKAGE,
    IN,
    NO_MODE,
    OUT,
    CounterRefused,
    Offer,
    Person,
    ScanResult,
    Session,
)
from kiosk.station.parcels.handover import ParcelsOut
from kiosk.station.parcels.receiving import ParcelsIn, known
from kiosk.station.parcels.scan_words import (
    is_bookable,
    may_choose_carrier,
    one_of_several,
    refused_word,
    shown_text,
    waybill_key,
)
from kiosk.store.records import ConfirmedRow, ParcelRow

_NOT_USED_HERE: Final = frozenset({"tote", "seal", "manifest"})
_CHOSEN_DESPITE: Final = frozenset({"product", "not_a_waybill"})
"""What a clerk may know better: everything else that is refused stays refused."""
_ON_THE_LIST: Final = frozenset({ParcelState.EXPECTED, ParcelState.MISSING})
"""Announced and never here: its page has nothing that could be done with it."""
_TAKEN: Final = frozenset({"parcel_in", "parcel_damaged"})


class CounterScans(ParcelsIn, ParcelsOut, CounterIntakes):
    """Scans at the counter."""

    def scan(self, session: Session | None, text: str) -> ScanResult:
        """One scan, or a number typed in its place. In mode "in" an acceptable waybill is booked by this alone.

        What cannot be done comes back as a result of kind ``refused``. Raises CounterRefused only for the session:
        not_unlocked, forbidden.
        """
        with self._acts:
            person = self._clerk(session)
            return self._show(self._result(text, lambda scan: self._meaning(person, scan, self._view.mode)))

    def search(self, session: Session, text: str) -> ScanResult:
        """The same, and nothing is ever booked."""
        with self._acts:
            person = self._clerk(session)
            return self._show(self._result(text, lambda scan: self._meaning(person, scan, NO_MODE)))

    def arrive(self, session: Session, text: str, carrier: str) -> ScanResult:
        """Book a waybill whose carrier the clerk has chosen: its number alone does not tell, or looks like a product.

        Raises CounterRefused: not_unlocked, forbidden; the rest comes back as a result of kind ``refused``.
        """
        with self._acts:
            person = self._clerk(session)
            return self._show(self._result(text, lambda scan: self._chosen(person, scan, carrier)))

    def take_in(self, session: Session, offer: str) -> ScanResult:
        """Book the waybill of the last scan after all, as mode "in" would have. ``offer`` is the id that scan has.

        A second tap books nothing and is answered like the first. Raises CounterRefused: not_unlocked, forbidden;
        stale_page when another scan, direction or person came since; shelves_full, and then the offer stands.
        """
        with self._acting(session) as (person, _):
            last = self._view.last
            if last is None or last.offer is None or last.offer.id != offer:
                raise CounterRefused("stale_page")
            if last.kind in _TAKEN:
                return last
            asked = last.offer
            result = self._arrive(person, asked.waybill, asked.carriers[0], asked.carriers)
            return self._show(replace(result, shown=last.shown, offer=asked))

    def _result(self, text: str, meaning: Callable[[Scan], ScanResult]) -> ScanResult:
        scan = parse_scan(text.encode("utf-8", "replace"))
        try:
            result = meaning(scan)
        except CounterRefused as refusal:
            carriers = tuple(filter(None, refusal.values.get("candidates", "").split(" ")))
            result = ScanResult(
                "refused", refusal.code, carriers=carriers, values=refusal.values, wait_s=refusal.wait_s
            )
        return replace(result, shown=shown_text(scan, result.word))

    def _meaning(self, person: Person, scan: Scan, mode: str) -> ScanResult:
        if scan.kind in _NOT_USED_HERE:
            return ScanResult(scan.kind, "not_here_yet")
        open_: Callable[[str], ScanResult] | None = {
            "receipt": self._receipt,
            "lot": self._lot,
            "bag": self._lot,
            "member": self._member,
            "shelf": self._shelf,
            "pickup": self._pickup_slip,
        }.get(scan.kind)
        if open_ is None:
            return self._other(person, scan, mode)
        if not scan.valid:
            raise CounterRefused("unknown_code")
        return open_(scan.data.strip())

    # --- codes of these stations -----------------------------------------------------------------------------------

    def _receipt(self, code: str) -> ScanResult:
        row = self._intake_of(code, "foreign_receipt")
        return ScanResult("intake", "intake", f"/counter/intakes/{row.receipt}", receipt=row.receipt)

    def _lot(self, code: str) -> ScanResult:
        row = self._intake_of(code, "foreign_code")
        return ScanResult("lot", "lot", f"/counter/intakes/{row.receipt}", receipt=row.receipt)

    def _intake_of(self, code: str, foreign: str) -> ConfirmedRow:
        with refusing():
            row = self._tools.store.intakes.find(code)
        if row is None:
            own = parse_internal_code(code).body.startswith(self._tools.station[1:])
            raise CounterRefused("unknown_code" if own else foreign)
        return row

    def _member(self, code: str) -> ScanResult:
        with refusing():
            _, catalog = self._tools.store.catalogs.get()
        member = catalog.member_by_card(code)
        if member is None:
            raise CounterRefused("unknown_code")
        return ScanResult("member", "member", f"/counter/intakes?member={member.number}")

    def _shelf(self, code: str) -> ScanResult:
        try:
            slot = read_shelf(parse_internal_code(code))
        except BadIdentifier:
            raise CounterRefused("unknown_code") from None
        if slot not in self._tools.parcels.slots:
            raise CounterRefused("unknown_code")
        with refusing():
            row = self._tools.store.parcels.in_slot(slot)
        if row is None:
            return ScanResult("shelf", "shelf_empty", values={"shelf": slot})
        return ScanResult("shelf", "shelf", _page(row), parcel=row, values={"shelf": slot})

    def _pickup_slip(self, code: str) -> ScanResult:
        handover = self._put_up(self._proved(*self._slip(code)), first=True)
        return ScanResult("parcel_out", "code_right", _page(handover.parcel), parcel=handover.parcel)

    # --- numbers of others -----------------------------------------------------------------------------------------

    def _other(self, person: Person, scan: Scan, mode: str) -> ScanResult:
        """Whatever is no code of these stations: a number somebody typed, a waybill, or nothing."""
        found = identify(scan.data)
        if scan.kind == "rejected":
            raise CounterRefused(refused_word(scan, found))
        own = self._own_number(scan.data.strip())
        if own is not None:
            return own
        row = self._by_waybill(waybill_key(found))
        if mode != IN:
            return self._looked_up(row, mode, scan, found)
        if row is not None and row.state not in MAY_ARRIVE:
            return self._known_package(row, found)
        key = waybill_key(found)
        if key is not None and is_bookable(scan, found):
            return self._arrive(person, key, found.candidates[0], found.candidates)
        if may_choose_carrier(scan, found):
            raise CounterRefused("choose_carrier", values={"candidates": " ".join(found.candidates)})
        raise CounterRefused(refused_word(scan, found))

    @staticmethod
    def _known_package(row: ParcelRow, found: Waybill) -> ScanResult:
        """A waybill that is known: the same parcel again, or another package of it. Only a person sees which."""
        package = one_of_several(found)
        if package is None:
            return known(row)
        numbers = {"package": str(package.number), "total": str(package.total)}
        raise CounterRefused(ANOTHER_PACKAGE, values=numbers | {"candidates": " ".join(found.candidates)})

    def _was_asked(self, scan: Scan) -> bool:
        """Whether the screen asks about this very package: a second tap, or an old page, books no second parcel."""
        last = self._view.last
        return last is not None and (last.word, last.shown) == (ANOTHER_PACKAGE, shown_text(scan, ANOTHER_PACKAGE))

    @staticmethod
    def _looked_up(row: ParcelRow | None, mode: str, scan: Scan, found: Waybill) -> ScanResult:
        offer = _offer(scan, found) if mode == NO_MODE and (row is None or row.state in _ON_THE_LIST) else None
        if row is None:
            why_not = "unknown_parcel" if found.accept else refused_word(scan, found)
            return ScanResult("refused", why_not, offer=offer)
        if mode == OUT and row.state in WAITING:
            return ScanResult("parcel_out", "waiting", _page(row), parcel=row)
        # Where the next touch books it, the clerk stays: on its page there is nothing to do.
        return replace(known(row), path="" if offer else _page(row), offer=offer)

    def _chosen(self, person: Person, scan: Scan, carrier: str) -> ScanResult:
        found = identify(scan.data)
        key = waybill_key(found)
        allowed = found.accept or refused_word(scan, found) in _CHOSEN_DESPITE
        if not allowed or key is None or carrier not in (found.candidates or CARRIERS):
            raise CounterRefused(refused_word(scan, found) if not allowed else "not_a_waybill")
        another = one_of_several(found) is not None and self._was_asked(scan)
        return self._arrive(person, key, carrier, (carrier,), another=another)

    def _own_number(self, text: str) -> ScanResult | None:
        """A receipt or parcel number as people write it."""
        if _is_number(ReceiptNumber.parse, text):
            row = self._intake(text)
            return ScanResult("intake", "intake", f"/counter/intakes/{row.receipt}", receipt=row.receipt)
        if _is_number(ParcelNumber.parse, text):
            parcel = self._row(self._number(text))
            return replace(known(parcel), path=_page(parcel))
        return None

    def _by_waybill(self, key: str | None) -> ParcelRow | None:
        if key is None:
            return None
        with refusing():
            return self._tools.store.parcels.by_waybill(key)


def _offer(scan: Scan, found: Waybill) -> Offer | None:
    """What a touch may book: exactly what a scan in mode "in" books by itself."""
    key = waybill_key(found)
    if key is None or not is_bookable(scan, found):
        return None
    return Offer(secrets.token_urlsafe(9), key, found.candidates)


def _is_number(parse: Callable[[str], object], text: str) -> bool:
    """Whether ``parse`` takes the text."""
    try:
        parse(text)
    except BadIdentifier:
        return False
    return True


def _page(row: ParcelRow) -> str:
    return f"/counter/parcels/{row.number}"
