"""Whatever is scanned opens the right thing, and a waybill comes in, goes out or is looked up.

A telephone number, an identity number, a link or a Wi-Fi code is named and nothing more: not opened, kept or logged.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from kiosk.domain.parcel import ARRIVABLE_STATES, WAITING_STATES, ParcelState
from kiosk.protocols.barcodes.waybills import CARRIERS, PackageIndex
from kiosk.station.clerk.access import CounterSession
from kiosk.station.clerk.people import Person
from kiosk.station.clerk.refusals import CounterRefused
from kiosk.station.counter.parcels.parcel_lookup import ParcelLookup
from kiosk.station.counter.parcels.receiving import IncomingWaybill, Receiving, known_parcel_result
from kiosk.station.counter.scanning.own_codes import OwnCodes, page_of
from kiosk.station.counter.scanning.scan_reader import ParsedScan
from kiosk.station.counter.shared.acts import Acts
from kiosk.station.counter.shared.state import CounterState
from kiosk.station.counter.shared.view import (
    ANOTHER_PACKAGE,
    BOOKED,
    CHOOSE_CARRIER,
    IN,
    NO_MODE,
    OUT,
    ScanResult,
    WaybillOffer,
)
from kiosk.store.shared.records import ParcelRow

# Announced and never here: its page has nothing that could be done with it.
_ON_THE_LIST: Final = frozenset({ParcelState.EXPECTED, ParcelState.MISSING})


@dataclass(frozen=True, slots=True)
class ScanSources:
    """``typed``: what is typed into a page of the counter is a scan. Not where a scanner is set up: that types nowhere.

    ``request_camera_scan`` has the camera look for a code; None where it is not the scanner.
    """

    typed: bool = True
    request_camera_scan: Callable[[], None] | None = None


class Scans:
    def __init__(
        self,
        ways: ScanSources,
        acts: Acts,
        state: CounterState,
        own_codes: OwnCodes,
        receiving: Receiving,
        parcels: ParcelLookup,
    ) -> None:
        self.ways = ways
        self._acts = acts
        self._state = state
        self._own_codes = own_codes
        self._receiving = receiving
        self._parcels = parcels

    def scan(self, session: CounterSession | None, scanned: ParsedScan) -> ScanResult:
        """One scan, or a number typed in its place. In mode "in" an acceptable waybill is booked by this alone.

        What cannot be done comes back as a result of kind ``refused``. Raises CounterRefused only for the session:
        not_unlocked, forbidden.
        """
        with self._acts.lock:
            person = self._acts.clerk(session)
            return self._show(scanned, lambda: self._meaning(person, scanned))

    def refuse(self, session: CounterSession | None, word: str) -> ScanResult:
        """A scan that was dropped before anybody could see what it says. Raises CounterRefused for the session."""
        with self._acts.lock:
            self._acts.clerk(session)
            return self._receiving.show(ScanResult("refused", word))

    def request_camera_scan(self, session: CounterSession) -> None:
        """Have the camera look for a code; what it sees comes as any scan. Raises CounterRefused: stale_page, ..."""
        self._acts.clerk(session)
        if self.ways.request_camera_scan is None:
            raise CounterRefused("stale_page", "the camera is not the scanner")
        self.ways.request_camera_scan()

    def arrive(self, session: CounterSession, scanned: ParsedScan, carrier: str) -> ScanResult:
        """Book a waybill whose carrier the clerk has chosen: its number alone does not tell, or looks like a product.

        Raises CounterRefused: not_unlocked, forbidden; the rest comes back as a result of kind ``refused``.
        """
        with self._acts.lock:
            person = self._acts.clerk(session)
            return self._show(scanned, lambda: self._book_chosen(person, scanned, carrier))

    def accept_offer(self, session: CounterSession, offer: str) -> ScanResult:
        """Book the waybill of the last scan after all, as mode "in" would have. ``offer`` is the id that scan has.

        A second tap books nothing and is answered like the first. Raises CounterRefused: not_unlocked, forbidden;
        stale_page when another scan, direction or person came since; shelves_full, and then the offer stands.
        """
        with self._acts.act(session) as (person, _):
            last = self._state.view().last
            if last is None or last.offer is None or last.offer.id != offer:
                raise CounterRefused("stale_page")
            if last.kind in BOOKED:
                return last
            result = self._receiving.arrive(person, IncomingWaybill(last.offer.waybill, last.offer.carriers))
            return self._receiving.show(replace(result, shown=last.shown, offer=last.offer))

    def _show(self, scanned: ParsedScan, meaning: Callable[[], ScanResult]) -> ScanResult:
        try:
            result = meaning()
        except CounterRefused as refusal:
            result = ScanResult("refused", refusal.code, values=refusal.values, wait_s=refusal.wait_s)
        return self._receiving.show(replace(result, shown=scanned.display_text(result.word)))

    def _meaning(self, person: Person, scanned: ParsedScan) -> ScanResult:
        opened = self._own_codes.open_code(scanned)
        if opened is not None:
            return opened
        if scanned.scan.kind == "rejected":
            raise CounterRefused(scanned.refusal)
        return self._own_codes.open_number(scanned) or self._waybill(person, scanned, self._state.view().mode)

    # --- numbers of others -----------------------------------------------------------------------------------------

    def _waybill(self, person: Person, scanned: ParsedScan, mode: str) -> ScanResult:
        """A waybill, or nothing this station knows."""
        row = self._parcels.by_waybill(scanned.waybill) if scanned.waybill is not None else None
        if mode != IN:
            return _lookup_result(row, mode, scanned)
        if row is not None and row.state not in ARRIVABLE_STATES:
            return _another(scanned, scanned.package) if scanned.package else known_parcel_result(row)
        if scanned.waybill is not None and scanned.is_bookable:
            return self._receiving.arrive(person, IncomingWaybill(scanned.waybill, scanned.carriers))
        if scanned.may_choose_carrier:
            return ScanResult("refused", CHOOSE_CARRIER, carriers=scanned.carriers)
        raise CounterRefused(scanned.refusal)

    def _book_chosen(self, person: Person, scanned: ParsedScan, carrier: str) -> ScanResult:
        if not scanned.may_be_chosen:
            raise CounterRefused(scanned.refusal)
        if scanned.waybill is None or carrier not in (scanned.carriers or CARRIERS):
            raise CounterRefused("not_a_waybill")
        another = scanned.package is not None and self._is_pending_question(scanned)
        return self._receiving.arrive(person, IncomingWaybill(scanned.waybill, (carrier,), another))

    def _is_pending_question(self, scanned: ParsedScan) -> bool:
        """Whether the screen asks about this very package: a second tap, or an old page, books no second parcel."""
        last = self._state.view().last
        return last is not None and (last.word, last.shown) == (ANOTHER_PACKAGE, scanned.display_text(ANOTHER_PACKAGE))


def _another(scanned: ParsedScan, package: PackageIndex) -> ScanResult:
    """A waybill that is known: the same parcel again, or another package of it. Only a person sees which."""
    numbers = {"package": str(package.number), "total": str(package.total)}
    return ScanResult("refused", ANOTHER_PACKAGE, carriers=scanned.carriers, values=numbers)


def _lookup_result(row: ParcelRow | None, mode: str, scanned: ParsedScan) -> ScanResult:
    offer = _offer(scanned) if mode == NO_MODE and (row is None or row.state in _ON_THE_LIST) else None
    if row is None:
        why_not = "unknown_parcel" if scanned.scan.as_waybill.accept else scanned.refusal
        return ScanResult("refused", why_not, offer=offer)
    if mode == OUT and row.state in WAITING_STATES:
        return ScanResult("parcel_out", "waiting", page_of(row), parcel=row)
    # Where the next touch books it, the clerk stays: on its page there is nothing to do.
    return replace(known_parcel_result(row), path="" if offer else page_of(row), offer=offer)


def _offer(scanned: ParsedScan) -> WaybillOffer | None:
    """What a touch may book: exactly what a scan in mode "in" books by itself."""
    if scanned.waybill is None or not scanned.is_bookable:
        return None
    return WaybillOffer(secrets.token_urlsafe(9), scanned.waybill, scanned.carriers)
