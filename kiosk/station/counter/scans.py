"""What is scanned opens the right thing, and a waybill comes in, goes out or is looked up.

A telephone number, an identity number, a link or a Wi-Fi code is named and nothing more: not opened, kept or logged.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, Self

from kiosk.domain.catalog import Catalog, Member
from kiosk.domain.identifiers import (
    BadIdentifier,
    ReceiptNumber,
    SerialNumber,
    bag_of,
    internal_code,
    parse_internal_code,
)
from kiosk.domain.parcel import ARRIVABLE_STATES, WAITING_STATES, ParcelNumber, ParcelState, read_shelf
from kiosk.domain.slip import CheckedSlip, SlipVerdict
from kiosk.protocols.barcodes.gs1.keys import CompanyPrefix, own_serial
from kiosk.protocols.barcodes.in_store import InStoreLayout
from kiosk.protocols.barcodes.scan import PRODUCT_SYMBOLOGIES, Scan, parse_scan, slip_in
from kiosk.protocols.barcodes.waybills import CARRIERS, PackageIndex, identify
from kiosk.station.clerk.access import CounterSession
from kiosk.station.clerk.pin_hash import Person
from kiosk.station.clerk.refusals import CounterRefused, as_counter_refusals
from kiosk.station.counter.acts import Acts
from kiosk.station.counter.handover import PickupProofs
from kiosk.station.counter.intakes import IntakeLookup
from kiosk.station.counter.parcels import HandoverQueue, ParcelLookup
from kiosk.station.counter.receiving import IncomingWaybill, Receiving, known_parcel_result
from kiosk.station.counter.state import (
    ANOTHER_PACKAGE,
    BOOKED,
    CHOOSE_CARRIER,
    IN,
    NO_MODE,
    OUT,
    CounterState,
    ScanResult,
    WaybillOffer,
)
from kiosk.station.parcels.expected_file import package_of, waybill_key
from kiosk.store.catalogs import Catalogs
from kiosk.store.parcels.totes import MANIFEST, SEAL, TOTE, Totes
from kiosk.store.shared.records import ParcelRow

MAX_SHOWN_CHARACTERS: Final = 64

# Refusal codes for the reasons of the barcode rooms; every other one is "text": nothing this station knows.
_CODES: Final[Mapping[str | None, str]] = {
    "control": "control",
    "bidi": "control",
    "look_alike": "look_alike",
    "phone": "phone_number",
    "phone_number": "phone_number",
    "id_number": "id_number",
    "url": "url",
    "wifi": "wifi",
    "product_code": "product",
    "too_short": "not_a_waybill",
    "too_long": "not_a_waybill",
    "pickup_code": "not_a_waybill",
    "not_a_waybill": "not_a_waybill",
}

_OF_CHARACTERS: Final = frozenset({"bidi", "invisible", "look_alike", "not_ascii"})
_UNSHOWN: Final = frozenset({"phone_number", "id_number", "wifi"})
# Refusal codes of scans that were not made by this station: they may contain anything.
_UNTRUSTED_CODES: Final = frozenset({"url", "control", "look_alike", "text", "not_a_waybill"})
_PERSONAL_SCHEME: Final = re.compile(
    r"\s*(?:begin|mecard|vcard|bizcard|matmsg|mailto|smsto|sms|tel|wifi|otpauth)\s*:", re.I
)
_BETWEEN_DIGITS: Final = re.compile(r"(?<=[0-9])[ -](?=[0-9])")
_LONG_RUN: Final = re.compile(r"[0-9]{11}")
# A mobile number, or an ID number of 18 or 15 characters, among other text. A mistyped waybill may still be shown.
_PERSONAL_RUN: Final = re.compile(
    r"(?<![0-9])(?:(?:86|0086)?1[3-9][0-9]{9}|[1-8][0-9]{5}(?:18|19|20)[0-9]{9}[0-9X]|[1-8][0-9]{14})(?![0-9])", re.I
)
_CHINESE_GOODS: Final = "69"  # GS1 prefixes 690 to 699 (GS1 General Specifications, list of prefixes)
_NO_NUMBERS: Final = frozenset({"gs1", "product"})
# What a clerk may know better: everything else that is refused stays refused.
_CHOSEN_DESPITE: Final = frozenset({"product", "not_a_waybill"})


@dataclass(frozen=True, slots=True)
class ParsedScan:
    """What was sent, and the waybill that it may be. ``refusal`` says why it is no waybill that can be booked.
    ``waybill`` is the number as the store keeps it, None for what can be none. ``package`` is the one of several that
    the bar code is on. ``slip``: the signed code of a receipt, or a part of one; "" for everything else.
    """

    scan: Scan
    refusal: str
    waybill: str | None = field(repr=False)
    package: PackageIndex | None
    slip: str = field(default="", repr=False)

    @classmethod
    def of(cls, text: str, in_store: Iterable[InStoreLayout] = ()) -> Self:
        """Judge a scan, or what was typed in its place. Never raises."""
        scan = parse_scan(text.encode("utf-8", "replace"), in_store)
        return cls(scan, _refusal(scan), waybill_key(scan.as_waybill), package_of(scan.as_waybill), slip_in(text))

    @property
    def text(self) -> str:
        return self.scan.data.strip()

    @property
    def carriers(self) -> tuple[str, ...]:
        """Whose number it may be, the likeliest first."""
        return self.scan.as_waybill.candidates

    @property
    def is_bookable(self) -> bool:
        return self.scan.kind == "waybill" and self.scan.valid and bool(self.carriers)

    @property
    def may_choose_carrier(self) -> bool:
        """One waybill in ten looks like a product's number: then the clerk decides. Not when the scanner saw a
        product's bars, nor for the numbers of Chinese goods, which no carrier begins with.
        """
        number = self.scan.as_waybill
        is_goods = self.scan.symbology in PRODUCT_SYMBOLOGIES or number.normalized.startswith(_CHINESE_GOODS)
        return number.why_not == "product_code" and bool(self.carriers) and not is_goods

    @property
    def may_be_chosen(self) -> bool:
        """Whether it is a parcel once a clerk says whose."""
        return self.scan.as_waybill.accept or self.refusal in _CHOSEN_DESPITE

    def display_text(self, code: str) -> str:
        """Return the scan as plain text for the screen, which says ``code`` of it; "" for personal data, passwords and
        pickup codes.
        """
        data = self.scan.data
        is_secret = code in _UNSHOWN or self.scan.kind == "pickup" or self.slip
        if is_secret or (code in _UNTRUSTED_CODES and _is_personal(data, code)):
            return ""
        return "".join(character for character in data if character.isprintable())[:MAX_SHOWN_CHARACTERS]


@dataclass(frozen=True, slots=True)
class ScanReader:
    """Reads scans by the settings of this station; ``in_store`` are the layouts of shops around it. The GS1 symbol or
    link on a bag of ``company`` is read as the bag's own code.
    """

    in_store: tuple[InStoreLayout, ...] = ()
    company: CompanyPrefix | None = None

    def read(self, text: str) -> ParsedScan:
        """Judge a scan, or what was typed in its place. Never raises."""
        scanned = ParsedScan.of(text, self.in_store)
        serial = own_serial(self.company, scanned.scan.ais) if self.company else None
        try:
            return ParsedScan.of(internal_code("B", serial)) if serial else scanned
        except BadIdentifier:
            return scanned


def _refusal(scan: Scan) -> str:
    if scan.kind == "rejected":
        # Typed with an input method of full-width or Arabic digits it is the same person's number.
        named = _CODES.get(identify(_fold_to_ascii(scan.data)).why_not, "text") if scan.error in _OF_CHARACTERS else ""
        if named in _UNSHOWN:
            return named
        return "url" if scan.as_waybill.why_not == "url" else _CODES.get(scan.error, "text")
    if scan.kind in _NO_NUMBERS:
        return "product"
    return "text" if scan.kind == "command" else _CODES.get(scan.as_waybill.why_not, "text")


def _is_personal(text: str, code: str) -> bool:
    folded = _fold_to_ascii(text)
    run = _PERSONAL_RUN if code == "not_a_waybill" else _LONG_RUN
    return bool(_PERSONAL_SCHEME.match(folded) or run.search(_BETWEEN_DIGITS.sub("", folded)))


def _fold_to_ascii(text: str) -> str:
    """Replace digits and letters by their ASCII form: full-width ones, and the digits of other scripts."""
    plain = unicodedata.normalize("NFKC", text)
    return "".join(str(unicodedata.decimal(one)) if one.isdecimal() else one for one in plain)


MEMBER_NUMBER: Final = re.compile("M-[0-9]{5}")
_SSCC: Final = "00"


@dataclass(frozen=True, slots=True)
class StoredCodes:
    catalogs: Catalogs
    totes: Totes


class OwnCodes:
    """Everything raises CounterRefused for what this station does not know."""

    def __init__(
        self,
        intakes: IntakeLookup,
        parcels: ParcelLookup,
        proofs: PickupProofs,
        line: HandoverQueue,
        stored: StoredCodes,
    ) -> None:
        self._intakes, self._parcels, self._proofs, self._line, self._stored = intakes, parcels, proofs, line, stored

    def open_code(self, scanned: ParsedScan) -> ScanResult | None:
        """Open a code of these stations; None for any other code."""
        kind = scanned.scan.kind
        openers: dict[str, Callable[[str], ScanResult]] = {
            "receipt": self._receipt,
            "lot": self._lot,
            "bag": self._bag,
            "member": self._member,
            "shelf": self._shelf,
            "tote": partial(self._packed, TOTE),
            "seal": partial(self._packed, SEAL),
            "manifest": self._manifest,
            "pickup": self._pickup_slip,
        }
        open_ = openers.get(kind)
        if open_ is None:
            # The lot of a crate, by its SSCC; None for everything else, and for a foreign SSCC
            sscc = dict(scanned.scan.ais).get(_SSCC)
            found = self._intakes.by_sscc(sscc) if sscc and scanned.scan.valid else None
            if found is None:
                return None
            receipt, crate = found
            path = f"/counter/intakes/{receipt}/crate"
            return ScanResult("lot", "crate", path, receipt=receipt, values={"crate": str(crate)})
        if not scanned.scan.valid:
            raise CounterRefused("unknown_code")
        return open_(scanned.text)

    def open_number(self, scanned: ParsedScan) -> ScanResult | None:
        """Open a receipt or parcel number as people write it; None for anything else."""
        text = scanned.text
        if _is_number(ReceiptNumber.parse, text):
            row = self._intakes.intake(text)
            return ScanResult("intake", "intake", f"/counter/intakes/{row.receipt}", receipt=row.receipt)
        if _is_number(ParcelNumber.parse, text):
            parcel = self._parcels.row(self._parcels.number(text))
            return replace(known_parcel_result(parcel), path=page_of(parcel))
        return self._member_page(lambda catalog: catalog.member(text)) if MEMBER_NUMBER.fullmatch(text) else None

    def _receipt(self, code: str) -> ScanResult:
        row = self._intakes.by_code(code, "foreign_receipt")
        return ScanResult("intake", "intake", f"/counter/intakes/{row.receipt}", receipt=row.receipt)

    def _lot(self, code: str) -> ScanResult:
        row = self._intakes.by_code(code, "foreign_code")
        return ScanResult("lot", "lot", f"/counter/intakes/{row.receipt}", receipt=row.receipt)

    def _bag(self, code: str) -> ScanResult:
        row = self._intakes.by_code(code, "foreign_code")
        bag = bag_of(code)[1]
        path = f"/counter/intakes/{row.receipt}?bag={bag}"
        return ScanResult("lot", "bag", path, receipt=row.receipt, values={"bag": str(bag)})

    def _member(self, code: str) -> ScanResult:
        return self._member_page(lambda catalog: catalog.member_by_card(code))

    def _member_page(self, find: Callable[[Catalog], Member | None]) -> ScanResult:
        with as_counter_refusals():
            _, catalog = self._stored.catalogs.get()
        member = find(catalog)
        if member is None:
            raise CounterRefused("unknown_code")
        return ScanResult("member", "member", f"/counter/intakes?member={member.number}")

    def _packed(self, kind: str, code: str) -> ScanResult:
        """Find a tote that waits for the driver. One that was opened or handed over is unknown to the station."""
        with as_counter_refusals():
            packed = self._stored.totes.packed()
        for tote in packed:
            if (tote.number if kind == TOTE else tote.seal).code(kind) == code:
                return ScanResult("tote", "tote", f"/counter/totes?tote={tote.number.text(TOTE)}")
        raise CounterRefused("unknown_code")

    def _manifest(self, code: str) -> ScanResult:
        try:
            number = SerialNumber.parse(MANIFEST, code)
        except BadIdentifier:
            raise CounterRefused("unknown_code") from None
        with as_counter_refusals():
            totes = self._stored.totes.handed_over(number)
        if not totes:
            raise CounterRefused("unknown_code")
        return ScanResult("manifest", "manifest", f"/counter/totes?manifest={number.text(MANIFEST)}")

    def _shelf(self, code: str) -> ScanResult:
        try:
            slot = read_shelf(parse_internal_code(code))
        except BadIdentifier:
            raise CounterRefused("unknown_code") from None
        if slot not in self._parcels.slots:
            raise CounterRefused("unknown_code")
        with as_counter_refusals():
            row = self._parcels.parcels.in_slot(slot)
        if row is None:
            return ScanResult("shelf", "shelf_empty", values={"shelf": slot})
        return ScanResult("shelf", "shelf", page_of(row), parcel=row, values={"shelf": slot})

    def _pickup_slip(self, code: str) -> ScanResult:
        parcel = self._line.put_up(self._proofs.prove(code), first=True)
        return ScanResult("parcel_out", "code_right", page_of(parcel), parcel=parcel)


def page_of(row: ParcelRow) -> str:
    return f"/counter/parcels/{row.number}"


def _is_number(parse: Callable[[str], object], text: str) -> bool:
    try:
        parse(text)
    except BadIdentifier:
        return False
    return True


# Announced and never here: its page has nothing that could be done with it.
_ON_THE_LIST: Final = frozenset({ParcelState.EXPECTED, ParcelState.MISSING})


@dataclass(frozen=True, slots=True)
class ScanSources:
    """``typed``: text typed into a page of the counter is a scan; false where a scanner is set up, which types nowhere.
    ``request_camera_scan`` makes the camera look for a code; None where it is not the scanner. ``check_slip`` judges
    the signed code of a receipt.
    """

    typed: bool = True
    request_camera_scan: Callable[[], None] | None = None
    check_slip: Callable[[str], CheckedSlip] = lambda text: CheckedSlip(SlipVerdict.UNREADABLE)


class Scans:
    def __init__(
        self, ways: ScanSources, acts: Acts, state: CounterState, own_codes: OwnCodes, receiving: Receiving
    ) -> None:
        self.ways, self._acts, self._state = ways, acts, state
        self._own_codes, self._receiving = own_codes, receiving

    def scan(self, session: CounterSession | None, scanned: ParsedScan) -> ScanResult:
        """Process one scan, or a number typed in its place. In mode "in" this alone books an acceptable waybill. What
        cannot be done comes back as a result of kind ``refused``. Raises CounterRefused only for the session:
        not_unlocked, forbidden.
        """
        with self._acts.lock:
            person = self._acts.clerk(session)
            return self._show(scanned, lambda: self._meaning(person, scanned))

    def refuse(self, session: CounterSession | None, word: str) -> ScanResult:
        """Report a scan that was dropped before it could be read. Raises CounterRefused for the session."""
        with self._acts.lock:
            self._acts.clerk(session)
            return self._receiving.show(ScanResult("refused", word))

    def request_camera_scan(self, session: CounterSession) -> None:
        """Have the camera look for a code; its result comes as any scan. Raises CounterRefused: stale_page, ..."""
        self._acts.clerk(session)
        if self.ways.request_camera_scan is None:
            raise CounterRefused("stale_page", "the camera is not the scanner")
        self.ways.request_camera_scan()

    def arrive(self, session: CounterSession, scanned: ParsedScan, carrier: str) -> ScanResult:
        """Book a waybill whose carrier the clerk has chosen: its number alone is ambiguous, or looks like a product.
        Raises CounterRefused: not_unlocked, forbidden; the rest comes back as a result of kind ``refused``.
        """
        with self._acts.lock:
            person = self._acts.clerk(session)
            return self._show(scanned, lambda: self._book_chosen(person, scanned, carrier))

    def accept_offer(self, session: CounterSession, offer: str) -> ScanResult:
        """Book the waybill of the last scan after all, as mode "in" would have. ``offer`` is the id that scan has. A
        second tap books nothing and gets the same answer. Raises CounterRefused: not_unlocked, forbidden; stale_page
        when another scan, direction or person came since; shelves_full, and then the offer remains.
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
        if scanned.slip:
            slip = self.ways.check_slip(scanned.slip)
            return ScanResult("slip", slip.verdict, "/counter/slip", slip=slip)
        opened = self._own_codes.open_code(scanned)
        if opened is not None:
            return opened
        if scanned.scan.kind == "rejected":
            raise CounterRefused(scanned.refusal)
        return self._own_codes.open_number(scanned) or self._waybill(person, scanned, self._state.view().mode)

    def _waybill(self, person: Person, scanned: ParsedScan, mode: str) -> ScanResult:
        row = self._receiving.book.by_waybill(scanned.waybill) if scanned.waybill is not None else None
        if mode != IN:
            offer = _offer(scanned) if mode == NO_MODE and (row is None or row.state in _ON_THE_LIST) else None
            if row is None:
                why_not = "unknown_parcel" if scanned.scan.as_waybill.accept else scanned.refusal
                return ScanResult("refused", why_not, offer=offer)
            if mode == OUT and row.state in WAITING_STATES:
                return ScanResult("parcel_out", "waiting", page_of(row), parcel=row)
            # Where the next touch books it, the clerk stays: on its page there is nothing to do.
            return replace(known_parcel_result(row), path="" if offer else page_of(row), offer=offer)
        if row is not None and row.state not in ARRIVABLE_STATES:
            if scanned.package is None:
                return known_parcel_result(row)
            numbers = {"package": str(scanned.package.number), "total": str(scanned.package.total)}
            return ScanResult("refused", ANOTHER_PACKAGE, carriers=scanned.carriers, values=numbers)
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
        """Return whether the screen asks about this package: a second tap, or an old page, books no second parcel."""
        last = self._state.view().last
        return last is not None and (last.word, last.shown) == (ANOTHER_PACKAGE, scanned.display_text(ANOTHER_PACKAGE))


def _offer(scanned: ParsedScan) -> WaybillOffer | None:
    """Return what a touch may book: exactly what a scan in mode "in" books by itself."""
    if scanned.waybill is None or not scanned.is_bookable:
        return None
    return WaybillOffer(secrets.token_urlsafe(9), scanned.waybill, scanned.carriers)
