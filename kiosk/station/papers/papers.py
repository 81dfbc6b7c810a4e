"""From an agreed intake to its papers: one label a bag, one receipt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from datetime import date
from typing import Any

import msgspec

from kiosk.domain.catalog import Catalog, Container, Names, Product
from kiosk.domain.identifiers import parse_internal_code
from kiosk.domain.intake import ConfirmedIntake, IntakeLine
from kiosk.domain.metrology.legal_status import ScaleLegalStatus
from kiosk.domain.trade import Certificate
from kiosk.labels.papers.bag_label import BagLabel
from kiosk.labels.papers.receipt import ReceiptDocument, ReceiptLine
from kiosk.protocols.barcodes.gs1.bag import Gs1Bag
from kiosk.protocols.barcodes.settings import CodesSettings
from kiosk.station.shared.settings import StationSettings
from kiosk.store.shared.records import IntakePapers, NewPrintJob, Stamp

LABEL = "bag_label"
RECEIPT = "receipt"
CRATE_LABEL = "crate_label"
LABEL_PRINTER = "label"
RECEIPT_PRINTER = "receipt"


def make_papers(
    settings: StationSettings, codes: CodesSettings, confirmed: ConfirmedIntake, catalog: Catalog, stamp: Stamp
) -> IntakePapers:
    """The print jobs of one intake, labels first: the bag in the hand waits for them.

    The receipt's ``head`` is the hash of the intake's own event, which is the head of the journal as the villager
    leaves. The head before it would say nothing of this receipt; this one changes with every figure on it, and with
    all that the journal held before. It is known as soon as the event is sealed: the paper is finished then, in the
    same transaction.
    """
    scan_required = settings.scan_after_sticking
    labels = [
        NewPrintJob(LABEL, LABEL_PRINTER, line.number, msgspec.json.encode(label), scan_required)
        for line, label in zip(confirmed.intake.lines, _labels(settings, codes, confirmed, catalog, stamp), strict=True)
    ]
    receipt = _receipt(settings, confirmed, catalog, stamp)

    def papers(head: str) -> Sequence[NewPrintJob]:
        return [*labels, NewPrintJob(RECEIPT, RECEIPT_PRINTER, 0, msgspec.json.encode(replace(receipt, head=head)))]

    return papers


def goods_names(catalog: Catalog, code: str) -> Names:
    """Goods that are in the list no longer are called by their code."""
    product: Product | None = catalog.product(code)
    return product.names if product else Names(code, code, code)


def _container(catalog: Catalog, code: str) -> Names:
    container: Container | None = catalog.container(code)
    return container.names if container else Names(code, code, code)


def one_grade(product: Product | None) -> Names:
    """The grade of goods that have but one: at the scale nobody chooses a grade."""
    grades = product.sale.grades if product and product.sale else ()
    return grades[0].names if len(grades) == 1 else Names("", "", "")


def _labels(
    settings: StationSettings, codes: CodesSettings, confirmed: ConfirmedIntake, catalog: Catalog, stamp: Stamp
) -> Iterator[BagLabel]:
    intake = confirmed.intake
    goods, product = goods_names(catalog, intake.product), catalog.product(intake.product)
    sale, grade = product.sale if product else None, one_grade(product)
    shop = settings.village or settings.station
    first = BagLabel(
        goods_ug=goods.ug,
        goods_zh=goods.zh,
        goods_en=goods.en,
        net_g=0,
        date=stamp.moment.local_date,
        zone=stamp.moment.zone,
        lot_code=confirmed.lot,
        receipt=str(intake.receipt),
        station=settings.station,
        bag=1,
        bags=len(intake.lines),
        mode=intake.mode.value,
        not_for_trade=confirmed.scale is not None and confirmed.scale.trade is False,
        village=settings.village,
        county=settings.county_name,
        producer=intake.party.member or shop,
        seller=shop,
        grade_ug=grade.ug,
        grade_zh=grade.zh,
        grade_en=grade.en,
        harvest=sale.harvest if sale else "",
    )
    packed = date.fromisoformat(stamp.moment.local_date) if stamp.moment.local_date else None
    for line in intake.lines:
        code = intake.receipt.bag_code(line.number)
        bag = Gs1Bag(line.net_g, packed, intake.receipt.body, parse_internal_code(code).body)
        symbols = codes.symbols(intake.product, bag)
        shop = codes.in_store_number(intake.product, line.net_g, line.amount_fen)
        own = replace(first, net_g=line.net_g, bag=line.number, bag_code=code, in_store=shop)
        yield replace(own, gs1=symbols.gs1, link=symbols.link)


def _receipt(settings: StationSettings, confirmed: ConfirmedIntake, catalog: Catalog, stamp: Stamp) -> ReceiptDocument:
    intake, moment = confirmed.intake, stamp.moment
    goods = goods_names(catalog, intake.product)
    return ReceiptDocument(
        receipt=str(intake.receipt),
        receipt_code=intake.receipt.code,
        station=settings.station,
        village=settings.village,
        party=str(intake.party),
        mode=intake.mode.value,
        lines=tuple(_line(goods, _container(catalog, line.container), line) for line in intake.lines),
        net_g=intake.net_g,
        amount_fen=intake.amount_fen,
        date=moment.local_date,
        time=moment.local_time,
        zone=moment.zone,
        certificate=_certificate(confirmed.certificate),
        lot_code=confirmed.lot,
        software=stamp.software,
        metrology=stamp.metrology,
        county=settings.county_name,
        **scale_fields(confirmed.scale),
    )


def scale_fields(standing: ScaleLegalStatus | None) -> dict[str, Any]:
    """What a receipt says of the scale, as far as the paper has room for it."""
    if standing is None:
        return {}
    known = {
        "counters": standing.counters.text,
        "scale_marks": tuple(mark.value for mark in standing.marks),
        "scale_no": standing.serial_no,
        "verified_until": standing.verified_until.isoformat() if standing.verified_until else "",
    }
    return {row.name: known[row.name] for row in fields(ReceiptDocument) if row.name in known}


def _line(goods: Names, container: Names, line: IntakeLine) -> ReceiptLine:
    return ReceiptLine(
        goods_ug=goods.ug,
        goods_zh=goods.zh,
        goods_en=goods.en,
        bag=line.number,
        gross_g=line.gross_g,
        container_ug=container.ug,
        container_zh=container.zh,
        container_en=container.en,
        tare_g=line.tare_g,
        net_g=line.net_g,
        price_fen_per_kg=line.price_fen_per_kg,
        amount_fen=line.amount_fen,
    )


def _certificate(certificate: Certificate) -> str:
    if certificate.reason is not None:
        return f"none: {certificate.reason.value}"
    return f"{certificate.kind.value} {certificate.ref}"
