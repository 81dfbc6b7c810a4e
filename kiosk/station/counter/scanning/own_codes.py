"""The codes and numbers these stations gave, and what each of them opens at the counter."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from kiosk.domain.catalog import Catalog, Member
from kiosk.domain.identifiers import BadIdentifier, ReceiptNumber, SerialNumber, bag_of, parse_internal_code
from kiosk.domain.parcel import ParcelNumber, read_shelf
from kiosk.station.clerk.refusals import CounterRefused, as_counter_refusals
from kiosk.station.counter.parcels.handover_queue import HandoverQueue
from kiosk.station.counter.parcels.parcel_lookup import ParcelLookup
from kiosk.station.counter.parcels.proofs import PickupProofs
from kiosk.station.counter.parcels.receiving import known_parcel_result
from kiosk.station.counter.scanning.scan_reader import ParsedScan
from kiosk.station.counter.shared.intakes import IntakeLookup
from kiosk.station.counter.shared.view import ScanResult
from kiosk.store.catalogs import Catalogs
from kiosk.store.parcels.totes import MANIFEST, SEAL, TOTE, Totes
from kiosk.store.shared.records import ParcelRow

MEMBER_NUMBER: Final = re.compile("M-[0-9]{5}")
_SSCC: Final = "00"


@dataclass(frozen=True, slots=True)
class StoredCodes:
    """Where codes are looked up that no page of the counter keeps."""

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
        self._intakes = intakes
        self._parcels = parcels
        self._proofs = proofs
        self._line = line
        self._stored = stored

    def open_code(self, scanned: ParsedScan) -> ScanResult | None:
        """What a code of these stations opens; None for anything that is none."""
        kind = scanned.scan.kind
        open_: Callable[[str], ScanResult] | None = {
            "receipt": self._receipt,
            "lot": self._lot,
            "bag": self._bag,
            "member": self._member,
            "shelf": self._shelf,
            "tote": self._tote,
            "seal": self._seal,
            "manifest": self._manifest,
            "pickup": self._pickup_slip,
        }.get(kind)
        if open_ is None:
            return self._crate(scanned)
        if not scanned.scan.valid:
            raise CounterRefused("unknown_code")
        return open_(scanned.text)

    def open_number(self, scanned: ParsedScan) -> ScanResult | None:
        """What a receipt or parcel number opens, as people write it; None for anything that is none."""
        text = scanned.text
        if _is_number(ReceiptNumber.parse, text):
            row = self._intakes.intake(text)
            return ScanResult("intake", "intake", f"/counter/intakes/{row.receipt}", receipt=row.receipt)
        if _is_number(ParcelNumber.parse, text):
            parcel = self._parcels.row(self._parcels.number(text))
            return replace(known_parcel_result(parcel), path=page_of(parcel))
        return self._member_page(lambda catalog: catalog.member(text)) if MEMBER_NUMBER.fullmatch(text) else None

    def _crate(self, scanned: ParsedScan) -> ScanResult | None:
        """The lot of a crate, by its SSCC; None for everything else, and for an SSCC of somebody else."""
        sscc = dict(scanned.scan.ais).get(_SSCC)
        found = self._intakes.by_sscc(sscc) if sscc and scanned.scan.valid else None
        if found is None:
            return None
        receipt, crate = found
        path = f"/counter/intakes/{receipt}/crate"
        return ScanResult("lot", "crate", path, receipt=receipt, values={"crate": str(crate)})

    def _receipt(self, code: str) -> ScanResult:
        row = self._intakes.by_code(code, "foreign_receipt")
        return ScanResult("intake", "intake", f"/counter/intakes/{row.receipt}", receipt=row.receipt)

    def _lot(self, code: str) -> ScanResult:
        row = self._intakes.by_code(code, "foreign_code")
        return ScanResult("lot", "lot", f"/counter/intakes/{row.receipt}", receipt=row.receipt)

    def _bag(self, code: str) -> ScanResult:
        """What its lot opens, and which bag it is."""
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

    def _tote(self, code: str) -> ScanResult:
        return self._packed(TOTE, code)

    def _seal(self, code: str) -> ScanResult:
        """What its tote opens: one with another seal was opened since."""
        return self._packed(SEAL, code)

    def _packed(self, kind: str, code: str) -> ScanResult:
        """A tote that waits for the driver; one that was opened or handed over is none of these stations' any more."""
        with as_counter_refusals():
            packed = self._stored.totes.packed()
        for tote in packed:
            if (tote.number if kind == TOTE else tote.seal).code(kind) == code:
                return ScanResult("tote", "tote", f"/counter/totes?tote={tote.number.text(TOTE)}")
        raise CounterRefused("unknown_code")

    def _manifest(self, code: str) -> ScanResult:
        """The totes that went with it."""
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
    """Where the counter's pages show a parcel."""
    return f"/counter/parcels/{row.number}"


def _is_number(parse: Callable[[str], object], text: str) -> bool:
    """Whether ``parse`` takes the text."""
    try:
        parse(text)
    except BadIdentifier:
        return False
    return True
