"""The bag label: 60 x 40 mm, one per bag."""

from __future__ import annotations

from kiosk.labels.documents import BagLabel
from kiosk.labels.label_page import draw_label
from kiosk.labels.layout import bag_layout
from kiosk.labels.raster import Raster
from kiosk.labels.shaping import clean
from kiosk.labels.words import word
from kiosk.texts.formats import kg_text


def render_bag_label(data: BagLabel, dpi: int = 203) -> Raster:
    """Return the label in dots of a 203 or 300 dpi head (480 x 320 or 720 x 480).

    Raises LayoutProblem for another head, SymbolTooWide or NotEncodable for a lot code that cannot be barred,
    FontProblem when a font or the shaping library is missing.
    """
    return Raster.from_ink(draw_label(bag_layout(), label_fields(data), data.lot_code, dpi))


def label_fields(data: BagLabel) -> dict[str, str]:
    """Return what is drawn in every box of the layout; an empty text leaves its box white."""
    date = word("date_not_set")
    mode = word("consigned" if data.mode == "consignment" else "purchased")
    return {
        "goods_ug": clean(data.goods_ug),
        "goods_zh": clean(data.goods_zh),
        "goods_en": clean(data.goods_en),
        "bag_count": f"{data.bag}/{data.bags}",
        "bag_caption": word("bag").caption(),
        "net_caption": "" if data.not_for_trade else word("net").caption(),
        "not_for_trade": word("not_for_trade").caption() if data.not_for_trade else "",
        "net": kg_text(data.net_g),
        "date_1": word("date").ug if data.date else date.ug,
        "date_2": clean(data.date or date.zh),
        "date_3": clean(data.zone) if data.date else date.en,
        "receipt": clean(data.receipt),
        "copy": word("copy").caption() if data.copy else "",
        "station": clean(data.station),
        "mode_ug": mode.ug,
        "mode_zh": mode.zh,
        "mode_en": mode.en,
        "lot_code": clean(data.lot_code),
    }
