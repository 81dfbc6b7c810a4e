"""The bag label: 60 x 40 mm, one per bag."""

from __future__ import annotations

from kiosk.labels.documents import BagLabel
from kiosk.labels.label_page import draw_label
from kiosk.labels.layout import bag_layout
from kiosk.labels.paper_texts import paper_text
from kiosk.labels.raster import Raster
from kiosk.labels.strip_parts import place
from kiosk.labels.typesetting.shaping import clean
from kiosk.protocols.printers.page_setup import PrintHead
from kiosk.texts.formats import kg_text


def render_bag_label(data: BagLabel, head: PrintHead) -> Raster:
    """Return the label in dots of the head.

    Raises SymbolTooWide or NotEncodable for a lot code that cannot be barred, FontProblem when a font or the shaping
    library is missing.
    """
    return Raster.from_ink(draw_label(bag_layout(), label_fields(data), data.lot_code, head))


def label_fields(data: BagLabel) -> dict[str, str]:
    """Return what is drawn in every box of the layout; an empty text leaves its box white."""
    mode = paper_text("consigned" if data.mode == "consignment" else "purchased")
    return {
        "goods_ug": clean(data.goods_ug),
        "goods_zh": clean(data.goods_zh),
        "goods_en": clean(data.goods_en),
        "bag_count": f"{data.bag}/{data.bags}",
        "bag_caption": paper_text("bag").caption(),
        "net_caption": paper_text("net").caption(),
        "not_for_trade": paper_text("not_for_trade").caption() if data.not_for_trade else "",
        "net": kg_text(data.net_g),
        **_date_fields(data),
        "receipt": clean(data.receipt),
        "copy": paper_text("copy").caption() if data.copy else "",
        "station": clean(data.station),
        "mode_ug": mode.ug,
        "mode_zh": mode.zh,
        "mode_en": mode.en,
        "lot_code": clean(data.lot_code),
    }


def _date_fields(data: BagLabel) -> dict[str, str]:
    """When and where, or in three languages that the date was not set; *not for trade* takes the first line."""
    if data.date:
        caption = "" if data.not_for_trade else paper_text("date").ug
        return {"date_1": caption, "date_2": clean(data.date), "date_3": place(data.village, data.county)}
    unset = paper_text("date_not_set")
    if data.not_for_trade:
        return {"date_1": "", "date_2": unset.ug, "date_3": f"{unset.zh} {unset.en}"}
    return {"date_1": unset.ug, "date_2": unset.zh, "date_3": unset.en}
