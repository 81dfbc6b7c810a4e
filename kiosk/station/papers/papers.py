"""From an agreed intake to its papers: one label a bag, one receipt, and the label of a crate that its bags are in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any

import msgspec

from kiosk.domain.catalog import Catalog, Container, Names, Product
from kiosk.domain.identifiers import ReceiptNumber, parse_internal_code
from kiosk.domain.intake import ConfirmedIntake, Intake
from kiosk.domain.metrology.legal_status import ScaleLegalStatus
from kiosk.domain.moment import ClockQuality
from kiosk.domain.trade import Certificate
from kiosk.labels.papers.bag_label import BagLabel, CrateLabel
from kiosk.labels.papers.receipt import ReceiptDocument, ReceiptLine, UnsignedSlip
from kiosk.protocols.barcodes.goods_codes import CodesSettings
from kiosk.protocols.barcodes.gs1.keys import Crate, Gs1Bag
from kiosk.station.shared.settings import StationSettings
from kiosk.store.shared.records import ConfirmedRow, CratePaper, IntakePapers, NewPaper, PackedCrate, Stamp

LABEL = "bag_label"
RECEIPT = "receipt"
CRATE_LABEL = "crate_label"
LABEL_PRINTER = "label"
RECEIPT_PRINTER = "receipt"

_MEMBER = "M-"


@dataclass(frozen=True, slots=True)
class CrateGoods:
    """What a crate holds: the intake of its lot, how the goods are called now, and whether they may be sold by it."""

    row: ConfirmedRow
    catalog: Catalog
    not_for_trade: bool


def make_papers(
    settings: StationSettings, codes: CodesSettings, confirmed: ConfirmedIntake, catalog: Catalog, stamp: Stamp
) -> IntakePapers:
    """Build the print jobs of one intake, labels first: the bag at the scale waits for them.

    The receipt's ``head`` is the hash of the intake's own event, the head of the journal when the villager leaves. The
    head before it would prove nothing about this receipt; this one changes with every figure on it, and with all that
    the journal held before. It is known once the event is sealed: the paper is finished then, in the same transaction.
    """
    scan_required = settings.scan_after_sticking
    labels = [
        NewPaper(LABEL, LABEL_PRINTER, msgspec.json.encode(label), bag=line.number, to_scan=scan_required)
        for line, label in zip(confirmed.intake.lines, _labels(settings, codes, confirmed, catalog, stamp), strict=True)
    ]
    receipt = _receipt(settings, confirmed, catalog, stamp)

    def papers(head: str) -> Sequence[NewPaper]:
        return [*labels, NewPaper(RECEIPT, RECEIPT_PRINTER, msgspec.json.encode(replace(receipt, head=head)))]

    return papers


def crate_paper(
    settings: StationSettings, codes: CodesSettings, goods: CrateGoods, packed: PackedCrate, stamp: Stamp
) -> CratePaper:
    """Build the label of a crate, with an SSCC where a company prefix gives one; else the barcode holds the lot."""
    row, lot, packed_on = goods.row, ReceiptNumber.parse(goods.row.receipt), stamp.moment.local_date
    crate = Crate(
        packed.number,
        packed.net_g,
        date.fromisoformat(packed_on) if packed_on else None,
        lot.body,
        len(packed.bags),
    )
    symbols = codes.crate_symbols(row.product, crate)
    label = CrateLabel(
        net_g=packed.net_g,
        code=row.lot,
        lot_code=row.lot,
        bags=len(packed.bags),
        receipt=row.receipt,
        not_for_trade=goods.not_for_trade,
        crate=packed.place,
        sscc=symbols.sscc,
        gs1=symbols.gs1,
        link=symbols.link,
        **_goods(settings, goods.catalog, row.product, row.party),
        **origin(settings, stamp),
    )
    job = NewPaper(CRATE_LABEL, LABEL_PRINTER, msgspec.json.encode(label), bag=packed.place)
    return CratePaper(symbols.sscc, job)


def origin(settings: StationSettings, stamp: Stamp) -> dict[str, Any]:
    """Return the place and date fields that every paper shares."""
    return {
        "station": settings.station,
        "village": settings.village,
        "county": settings.county_name,
        "date": stamp.moment.local_date,
        "zone": stamp.moment.zone,
    }


def _agreed(document: type[BagLabel | ReceiptDocument], intake: Intake) -> dict[str, Any]:
    """Return the fields that paper and intake share under one name: integers unchanged, all else as text."""
    values = {row.name: getattr(intake, row.name) for row in fields(document) if hasattr(intake, row.name)}
    return {name: value if isinstance(value, int) else str(value) for name, value in values.items() if name != "lines"}


def _goods(settings: StationSettings, catalog: Catalog, code: str, party: str) -> dict[str, Any]:
    """Return a label's fields of goods and people; a grade only when there is one: none is chosen at the scale."""
    product, shop = catalog.product(code), settings.village or settings.station
    sale = product.sale if product else None
    grade = sale.grades[0].names if sale and len(sale.grades) == 1 else Names("", "", "")
    return {
        **_in_languages("goods", _names(product, code)),
        **_in_languages("grade", grade),
        "producer": party if party.startswith(_MEMBER) else shop,
        "seller": shop,
        "harvest": sale.harvest if sale else "",
    }


def _names(found: Product | Container | None, code: str) -> Names:
    """Return the names; the code when it is no longer in the catalog."""
    return found.names if found else Names(code, code, code)


def _in_languages(field: str, names: Names) -> dict[str, str]:
    return {f"{field}_ug": names.ug, f"{field}_zh": names.zh, f"{field}_en": names.en}


def _labels(
    settings: StationSettings, codes: CodesSettings, confirmed: ConfirmedIntake, catalog: Catalog, stamp: Stamp
) -> Iterator[BagLabel]:
    intake = confirmed.intake
    first = BagLabel(
        lot_code=confirmed.lot,
        bag=1,
        bags=len(intake.lines),
        not_for_trade=confirmed.scale is not None and confirmed.scale.trade is False,
        **_agreed(BagLabel, intake),
        **_goods(settings, catalog, intake.product, str(intake.party)),
        **origin(settings, stamp),
    )
    packed = date.fromisoformat(stamp.moment.local_date) if stamp.moment.local_date else None
    for line in intake.lines:
        code = intake.receipt.bag_code(line.number)
        symbols = codes.bag_symbols(
            intake.product, Gs1Bag(line.net_g, packed, intake.receipt.body, parse_internal_code(code).body)
        )
        yield replace(
            first,
            net_g=line.net_g,
            bag=line.number,
            bag_code=code,
            in_store=codes.in_store_number(intake.product, line.net_g, line.amount_fen),
            gs1=symbols.gs1,
            link=symbols.link,
        )


def _receipt(settings: StationSettings, confirmed: ConfirmedIntake, catalog: Catalog, stamp: Stamp) -> ReceiptDocument:
    intake = confirmed.intake
    goods = _names(catalog.product(intake.product), intake.product)
    return ReceiptDocument(
        receipt_code=intake.receipt.code,
        lines=tuple(
            ReceiptLine(
                bag=line.number,
                gross_g=line.gross_g,
                tare_g=line.tare_g,
                net_g=line.net_g,
                price_fen_per_kg=line.price_fen_per_kg,
                amount_fen=line.amount_fen,
                **_in_languages("goods", goods),
                **_in_languages("container", _names(catalog.container(line.container), line.container)),
            )
            for line in intake.lines
        ),
        time=stamp.moment.local_time,
        certificate=_certificate(confirmed.certificate),
        lot_code=confirmed.lot,
        software=stamp.software,
        metrology=stamp.metrology,
        payment_ug=settings.payment_ug,
        payment_zh=settings.payment_zh,
        payment_en=settings.payment_en,
        phone=settings.phone,
        slip=_slip(settings, intake, stamp) if settings.slip_host else None,
        **_agreed(ReceiptDocument, intake),
        **scale_fields(confirmed.scale),
        **origin(settings, stamp),
    )


def _slip(settings: StationSettings, intake: Intake, stamp: Stamp) -> UnsignedSlip:
    clock = stamp.moment.quality
    minute = None if clock is ClockQuality.UNSET else int(stamp.moment.utc.timestamp()) // 60
    return UnsignedSlip(settings.slip_host, settings.region, intake.product, intake.price_fen_per_kg, minute, clock)


def scale_fields(standing: ScaleLegalStatus | None) -> dict[str, Any]:
    if standing is None:
        return {}
    return {
        "counters": standing.counters.text,
        "scale_marks": tuple(mark.value for mark in standing.marks),
        "scale_no": standing.serial_no,
        "verified_until": standing.verified_until.isoformat() if standing.verified_until else "",
    }


def _certificate(certificate: Certificate) -> str:
    if certificate.reason is not None:
        return f"none: {certificate.reason.value}"
    return f"{certificate.kind.value} {certificate.ref}"
