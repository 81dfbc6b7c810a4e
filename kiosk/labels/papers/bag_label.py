"""The labels of goods: one for each bag, 60 x 40 or 40 x 30 mm, and one for a crate or lot, 100 x 150 mm.

What a GS1 symbol says is made by ``CodesSettings`` (``kiosk/protocols/barcodes/goods_codes.py``) and filled in by
``kiosk/station/papers/papers.py``; ``kiosk/labels/symbols.py`` draws it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kiosk.labels.documents import DocumentProblem, Mode, Paper, check_copy, check_weight
from kiosk.labels.label_page import LabelContent, LabelRenderer
from kiosk.labels.paper_texts import paper_text
from kiosk.labels.strip_parts import copy_text, member_text, place
from kiosk.labels.typesetting.shaping import clean, isolate, isolate_name
from kiosk.texts.formats import kg_text

_MEMBER = "M-"


@dataclass(frozen=True, slots=True)
class GoodsLabel(Paper):
    """The content of the labels of a bag and of a crate. Mass in grams; ``date`` as "2026-11-25", None while the clock
    is unset. Raises DocumentProblem.

    ``producer`` is a member number or the village shop, ``seller`` a shop name; ``harvest`` is "2026" or "2026-09".
    ``gs1`` is a bracketed element string, ``link`` a Digital Link. ``copy_no`` counts reprints; 0 beside ``copy`` means
    that they were not counted.
    """

    goods_ug: str
    goods_zh: str
    goods_en: str
    net_g: int
    lot_code: str
    receipt: str = ""
    not_for_trade: bool = False
    producer: str = ""
    seller: str = ""
    grade_ug: str = ""
    grade_zh: str = ""
    grade_en: str = ""
    harvest: str = ""
    gs1: str = ""
    link: str = ""
    copy: bool = False
    copy_no: int = 0

    def __post_init__(self) -> None:
        check_weight("net", self.net_g)
        check_copy(self.copy_no)


@dataclass(frozen=True, slots=True, kw_only=True)
class BagLabel(GoodsLabel):
    """``bag_code`` is the bag's own internal code (type B), ``in_store`` the thirteen digits for the till of a shop."""

    receipt: str
    bag: int
    bags: int
    mode: Mode
    bag_code: str = ""
    in_store: str = ""

    def __post_init__(self) -> None:
        GoodsLabel.__post_init__(self)
        if not 1 <= self.bag <= self.bags:
            raise DocumentProblem(f"bag {self.bag} of {self.bags} does not exist")


@dataclass(frozen=True, slots=True, kw_only=True)
class CrateLabel(GoodsLabel):
    """A crate or pallet of one lot, 100 x 150 mm. The bars encode ``code``, or the 18 digits of ``sscc`` if it has one.

    ``gross_g`` and ``bags`` are 0 when not weighed or counted.
    """

    code: str
    gross_g: int = 0
    bags: int = 0
    sscc: str = ""
    crate: int = 0  # The number of the crate in its lot

    def __post_init__(self) -> None:
        GoodsLabel.__post_init__(self)
        if self.bags < 0:
            raise DocumentProblem(f"a crate cannot hold {self.bags} bags")
        if self.gross_g and self.gross_g < self.net_g:
            raise DocumentProblem(f"gross {self.gross_g} g is less than net {self.net_g} g")


def bag_content(data: BagLabel) -> LabelContent:
    """Build the label; the bars hold the bag's own code, or the lot's where the bag has none."""
    code = data.bag_code or data.lot_code
    mode = paper_text("consigned" if data.mode == "consignment" else "purchased")
    texts = {
        **_goods(data),
        "bag_count": f"{data.bag}/{data.bags}",
        "bag_caption": paper_text("bag").caption(),
        "producer": _producer(data) or clean(data.seller),
        "receipt": clean(data.receipt),
        "mode": mode.caption(),
        "code": clean(code),
        "in_store": clean(data.in_store),
        "lot": f"{paper_text('lot').caption()} {isolate(clean(data.lot_code))}",
    }
    # Bars that say the lot need no square that says it again.
    lot = data.lot_code if data.bag_code else ""
    symbols = {"code": code, "lot": lot, "gs1": data.gs1, "link": data.link}
    return LabelContent(texts, code, symbols, {"in_store": data.in_store})


def _spaced(sscc: str) -> str:
    return f"(00) {sscc[0]} {sscc[1:-1]} {sscc[-1]}" if sscc else ""


def crate_content(data: CrateLabel) -> LabelContent:
    texts = {
        **_goods(data),
        "station": clean(data.station),
        "gross": f"{paper_text('gross').caption()} {isolate(kg_text(data.gross_g))}" if data.gross_g else "",
        "bag_caption": paper_text("bag").caption() if data.bags else "",
        "bag_count": str(data.bags) if data.bags else "",
        "producer": _captioned("producer", _producer(data)),
        "seller": _captioned("seller", clean(data.seller)),
        "grade": _captioned("grade", _grade(data)),
        "code": _spaced(clean(data.sscc)) or clean(data.code),
        "crate": f"{paper_text('crate').caption()} {isolate(str(data.crate))}" if data.crate else "",
        "lot_caption": paper_text("lot").caption(),
        "lot": clean(data.lot_code),
        "receipt": clean(data.receipt),
    }
    symbols = {"lot": data.lot_code, "gs1": data.gs1, "link": data.link}
    return LabelContent(texts, data.code, symbols, {"sscc": data.sscc})


def _goods(data: GoodsLabel) -> dict[str, str]:
    return {
        "goods_ug": clean(data.goods_ug),
        "goods_zh": clean(data.goods_zh),
        "goods_en": clean(data.goods_en),
        "net_caption": paper_text("net").caption(),
        "net": kg_text(data.net_g),
        "not_for_trade": paper_text("not_for_trade").caption() if data.not_for_trade else "",
        "date_caption": paper_text("date_packed").caption(),
        **_date(data.date),
        "place": place(data.village, data.county),
        "grade": _grade(data),
        "harvest": _captioned("harvest", clean(data.harvest)),
        "copy": copy_text(data.copy, data.copy_no),
    }


def _date(date: str | None) -> dict[str, str]:
    """Return the packing date, or in three languages that the clock was not set."""
    unset = paper_text("date_not_set")
    if date:
        return {"date": clean(date), "date_2": "", "date_line": clean(date)}
    return {"date": unset.ug, "date_2": f"{unset.zh} {unset.en}", "date_line": unset.caption()}


def _producer(data: GoodsLabel) -> str:
    return member_text(data.producer) if data.producer.startswith(_MEMBER) else clean(data.producer)


def _grade(data: GoodsLabel) -> str:
    return " ".join(isolate_name(text) for text in map(clean, (data.grade_zh, data.grade_en, data.grade_ug)) if text)


def _captioned(key: str, text: str) -> str:
    return f"{paper_text(key).caption()} {isolate_name(text)}" if text else ""


render_bag_label: Final = LabelRenderer("bag", bag_content)
render_small_bag_label: Final = LabelRenderer("bag_small", bag_content)  # 40 x 30 mm: a square instead of bars
# For the till of a shop: its number in bars, the bag's own in a square.
render_shop_bag_label: Final = LabelRenderer("bag_shop", bag_content)
render_crate_label: Final = LabelRenderer("crate", crate_content)
