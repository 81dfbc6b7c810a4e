"""From bags of one lot to the label of the crate they are in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import msgspec

from kiosk.domain.catalog import Catalog
from kiosk.domain.identifiers import ReceiptNumber
from kiosk.labels.papers.bag_label import CrateLabel
from kiosk.protocols.barcodes.gs1.bag import Crate
from kiosk.protocols.barcodes.settings import CodesSettings
from kiosk.station.papers.papers import CRATE_LABEL, LABEL_PRINTER, goods_names, one_grade
from kiosk.station.shared.settings import StationSettings
from kiosk.store.shared.records import ConfirmedRow, CratePaper, NewPrintJob, PackedCrate, Stamp

_MEMBER = "M-"


@dataclass(frozen=True, slots=True)
class CrateGoods:
    """What a crate holds: the intake of its lot, how the goods are called now, and whether they may be sold by it."""

    row: ConfirmedRow
    catalog: Catalog
    not_for_trade: bool


def crate_paper(
    settings: StationSettings, codes: CodesSettings, goods: CrateGoods, packed: PackedCrate, stamp: Stamp
) -> CratePaper:
    """Its SSCC, where a company prefix gives it one, and its label; else the bars say the lot."""
    row, product = goods.row, goods.catalog.product(goods.row.product)
    names, grade = goods_names(goods.catalog, row.product), one_grade(product)
    today, shop = stamp.moment.local_date, settings.village or settings.station
    lot = ReceiptNumber.parse(row.receipt)
    crate = Crate(packed.number, packed.net_g, date.fromisoformat(today) if today else None, lot.body, len(packed.bags))
    symbols = codes.crate_symbols(row.product, crate)
    label = CrateLabel(
        goods_ug=names.ug,
        goods_zh=names.zh,
        goods_en=names.en,
        net_g=packed.net_g,
        date=today,
        zone=stamp.moment.zone,
        code=row.lot,
        lot_code=row.lot,
        station=settings.station,
        bags=len(packed.bags),
        receipt=row.receipt,
        not_for_trade=goods.not_for_trade,
        village=settings.village,
        county=settings.county_name,
        producer=row.party if row.party.startswith(_MEMBER) else shop,
        seller=shop,
    )
    label = replace(label, grade_ug=grade.ug, grade_zh=grade.zh, grade_en=grade.en)
    label = replace(label, harvest=product.sale.harvest if product and product.sale else "", crate=packed.place)
    label = replace(label, sscc=symbols.sscc, gs1=symbols.gs1, link=symbols.link)
    job = NewPrintJob(CRATE_LABEL, LABEL_PRINTER, packed.place, msgspec.json.encode(label))
    return CratePaper(symbols.sscc, job)
