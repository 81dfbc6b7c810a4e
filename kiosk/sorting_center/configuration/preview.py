"""Papers of goods before they are published, drawn by the code of the stations: labels and receipts as PNG.

To be imported only when one is shown: the drawing code takes memory that no other page needs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from io import BytesIO
from typing import Any, Final

from kiosk.base.ed25519 import SEED_BYTES, Ed25519Key
from kiosk.base.refused import Refused
from kiosk.domain.identifiers import ReceiptNumber
from kiosk.domain.moment import ClockQuality
from kiosk.domain.money import amount_fen
from kiosk.domain.slip import Slip
from kiosk.domain.trade import Mode
from kiosk.labels.documents import SAMPLE_CODE, SAMPLE_ORIGIN
from kiosk.labels.label_page import draw_label
from kiosk.labels.layout import LABELS, parse_label, shipped_text
from kiosk.labels.papers.bag_label import bag_content
from kiosk.labels.papers.receipt import ReceiptDocument, ReceiptLine, render_receipt
from kiosk.labels.papers.samples import BAG_SAMPLE, SAMPLES
from kiosk.labels.raster import Raster
from kiosk.labels.typesetting.fonts import FontProblem
from kiosk.messaging.contract.catalog.tables import ProductTable
from kiosk.messaging.contract.configuration import CountySettings
from kiosk.messaging.contract.slip import HEAD_BYTES, slip_text
from kiosk.protocols.printers.page_setup import PrintHead

LAYOUT_KINDS: Final = tuple(SAMPLES)
_LABEL_HEAD, _RECEIPT_HEAD = PrintHead(203, 832), PrintHead(203, 576)
_GROSS_G, _TARE_G = 12_640, 160
_RECEIPT: Final = ReceiptNumber("S0000", "A", 1)
_NOBODYS_KEY: Final = Ed25519Key(bytes(SEED_BYTES))  # A scan of the code reports that no station has this key
_DRAWING: Final = threading.Lock()  # A label of 400 x 400 mm takes 50 MB while it is drawn: one at a time


def shipped_layouts(kind: str) -> Mapping[str, str]:
    """Return the layouts that come with the software for a kind of label: the text by its name."""
    return {name: shipped_text(name) for name in LABELS if name == kind or name.startswith(f"{kind}_")}


@lru_cache(maxsize=32)
def layout_png(kind: str, text: str) -> bytes:
    """Draw a label with sample data. Raises Refused: not_drawn, for a text that is no layout and without fonts."""
    return _png(lambda: draw_label(parse_label(text), SAMPLES[kind], _LABEL_HEAD))


@lru_cache(maxsize=64)
def label_png(product: ProductTable, layout: str) -> bytes:
    """Draw the label of a bag of these goods, by the text of a layout. Raises as `layout_png`."""
    grade = product.sale.grades[0].names if product.sale and len(product.sale.grades) == 1 else None
    label = replace(
        BAG_SAMPLE,
        **_in_languages("goods", product.names),
        **(_in_languages("grade", grade) if grade else dict.fromkeys(("grade_ug", "grade_zh", "grade_en"), "")),
        harvest=product.sale.harvest if product.sale else "",
    )
    return _png(lambda: draw_label(parse_label(layout), bag_content(label), _LABEL_HEAD))


@lru_cache(maxsize=64)
def receipt_png(product: ProductTable, mode: Mode, fen_per_kg: int, settings: CountySettings) -> bytes:
    """Draw the receipt of one bag of these goods. Raises as `layout_png`."""
    net_g = _GROSS_G - _TARE_G
    amount = amount_fen(net_g, fen_per_kg)
    line = ReceiptLine(
        bag=1,
        gross_g=_GROSS_G,
        tare_g=_TARE_G,
        net_g=net_g,
        price_fen_per_kg=fen_per_kg,
        amount_fen=amount,
        container_ug="خالتا",
        container_zh="布袋",
        container_en="Cloth sack",
        **_in_languages("goods", product.names),
    )
    document = ReceiptDocument(
        receipt=str(_RECEIPT),
        receipt_code=SAMPLE_CODE,
        party="M-00000",
        mode="consignment" if mode is Mode.CONSIGNMENT else "purchase",
        lines=(line,),
        net_g=net_g,
        amount_fen=amount,
        time="12:00",
        certificate="none: small_grower",
        lot_code=SAMPLE_CODE,
        software="",
        metrology="",
        station=_RECEIPT.station,
        payment_ug=settings.payment_ug or "",
        payment_zh=settings.payment_zh or "",
        payment_en=settings.payment_en or "",
        phone=settings.phone or "",
        **SAMPLE_ORIGIN,
    )
    figures = (product.code, 1, net_g, fen_per_kg, amount, mode, None, 0, bytes(HEAD_BYTES))
    slip = Slip("sample", _RECEIPT, None, ClockQuality.UNSET, *figures)

    def draw() -> Raster:
        code = slip_text(settings.slip_host, _NOBODYS_KEY, slip) if settings.slip_host else ""
        return render_receipt(replace(document, signed_code=code), _RECEIPT_HEAD)

    return _png(draw)


def _in_languages(name: str, names: Any) -> dict[str, Any]:
    return {f"{name}_{language}": getattr(names, language) for language in ("ug", "zh", "en")}


def _png(draw: Callable[[], Raster]) -> bytes:
    content = BytesIO()
    try:
        with _DRAWING:
            draw().to_image().save(content, "PNG")
    except (FontProblem, ValueError) as error:
        raise Refused("not_drawn", str(error)) from error
    return content.getvalue()
