"""The receipt of one intake on 58 mm paper, in three languages at once."""

from __future__ import annotations

from kiosk.labels import symbols
from kiosk.labels.documents import Receipt, ReceiptLine
from kiosk.labels.flow import Cell, Strip
from kiosk.labels.layout import receipt_layout
from kiosk.labels.paper_texts import PaperText, paper_text, paper_texts
from kiosk.labels.raster import Raster
from kiosk.labels.strip_parts import caption, copy_mark, figure, heading, moment, sentence
from kiosk.labels.typesetting.shaping import clean, isolate
from kiosk.labels.typesetting.typeset import Align
from kiosk.protocols.printers.page_setup import PrintHead
from kiosk.texts.formats import kg_text, money, price_per_kg

NON_MEMBER = "non_member"
_NOT_FOR_TRADE = "not_for_trade"
_WORST = frozenset({_NOT_FOR_TRADE, "check_failed"})


def render_receipt(data: Receipt, head: PrintHead) -> Raster:
    """Return the receipt, as wide as the head and as long as its lines need.

    Raises LayoutProblem for too narrow a head and FontProblem when a font or the shaping library is missing.
    """
    layout = receipt_layout()
    strip = Strip(layout, head)
    heading(strip, data.station, data.village, data.county)
    copy_mark(strip, data.copy)
    for mark in data.scale_marks:
        _scale_mark(strip, mark)
    _number_and_party(strip, data)
    sentence(strip, paper_text("on_consignment" if data.mode == "consignment" else "sold_now"))
    for line in data.lines:
        strip.rule()
        _bag(strip, line, data)
    strip.rule()
    _totals(strip, data)
    strip.rule()
    _date_and_certificate(strip, data)
    _scale(strip, data)
    _codes(strip, data, round(layout.qr_module * head.per_mm))
    return strip.raster()


def _scale_mark(strip: Strip, mark: str) -> None:
    """What is wrong with the scale, before any figure: the worst two white on black.

    A word of a newer station stands as it is.
    """
    said = paper_texts().get(f"scale_{mark}", PaperText(mark, mark, mark))
    strip.gap(0.5)
    strip.banner(
        (
            Cell(clean(said.ug), "strong", rtl=True, align=Align.CENTER, lines=2),
            Cell(clean(said.zh), "strong", align=Align.CENTER, lines=2),
            Cell(clean(said.en), "strong", align=Align.CENTER, lines=2),
        ),
        inverted=mark in _WORST,
    )
    strip.gap(0.5)


def _scale(strip: Strip, data: Receipt) -> None:
    """Which scale it was, and how often it, its tares and its clock were changed."""
    if data.scale_no:
        strip.row(*caption(paper_text("scale_no")))
        strip.row(Cell(clean(data.scale_no), "figures", align=Align.CENTER, lines=2))
    if data.counters:
        strip.row(*caption(paper_text("counters")))
        strip.row(Cell(clean(data.counters), "figures", align=Align.CENTER))
        strip.row(*caption(paper_text("counters_of")))
    if data.scale_no or data.counters:
        strip.rule()


def _number_and_party(strip: Strip, data: Receipt) -> None:
    strip.row(*caption(paper_text("receipt")))
    strip.row(Cell(clean(data.receipt), "number", align=Align.CENTER))
    if data.party == NON_MEMBER:
        strip.row(*caption(paper_text("non_member"), "strong"))
        return
    member = paper_text("member")
    strip.row(
        Cell(f"{member.zh} {member.en}", share=2),
        Cell(clean(data.party), "strong", align=Align.CENTER, share=2),
        Cell(member.ug, rtl=True, share=1),
    )


def _bag(strip: Strip, line: ReceiptLine, data: Receipt) -> None:
    strip.row(
        Cell(f"{line.bag}", "strong", share=1),
        Cell(f"{isolate(clean(line.goods_zh))} {clean(line.goods_en)}", "strong", share=6, lines=3),
        Cell(clean(line.goods_ug), "strong", rtl=True, share=5, lines=3),
    )
    figure(strip, paper_text("gross"), kg_text(line.gross_g))
    figure(strip, paper_text("container"), f"− {kg_text(line.tare_g)}")
    container = f"{isolate(clean(line.container_zh))} {clean(line.container_en)}"
    strip.row(
        Cell(container, "small", share=3, lines=2),
        Cell(clean(line.container_ug), "small", rtl=True, share=2, lines=2),
    )
    figure(strip, paper_text("net"), f"= {kg_text(line.net_g)}", "strong_figures")
    if _NOT_FOR_TRADE in data.scale_marks:  # at the word it is about, and not only on top of the paper
        strip.row(*caption(paper_text(_NOT_FOR_TRADE), "strong"))
    if not line.price_fen_per_kg:
        return
    price = paper_text("reference_price" if data.mode == "consignment" else "price")
    figure(strip, price, f"× {price_per_kg(line.price_fen_per_kg)}")
    if data.mode == "purchase":
        figure(strip, paper_text("amount"), f"= {money(line.amount_fen)}", "strong_figures")


def _totals(strip: Strip, data: Receipt) -> None:
    strip.row(*caption(paper_text("total"), "strong"))
    strip.row(Cell(kg_text(data.net_g), "total", align=Align.RIGHT))
    if data.mode == "purchase":
        strip.row(Cell(money(data.amount_fen), "total", align=Align.RIGHT))
    elif data.amount_fen:
        figure(strip, paper_text("estimate"), f"≈ {money(data.amount_fen)}", "strong_figures")


def _date_and_certificate(strip: Strip, data: Receipt) -> None:
    moment(strip, data.date, data.time, data.zone)
    strip.rule()
    certificate = clean(data.certificate)
    kind, _, reason = certificate.partition(":")
    strip.row(*caption(paper_text("certificate")))
    if kind in ("", "none"):
        strip.row(*caption(paper_text("none"), "strong"))
        _reason(strip, reason.strip())
    else:
        strip.row(Cell(certificate, align=Align.CENTER, lines=3))
    strip.rule()


def _reason(strip: Strip, reason: str) -> None:
    """Why there is none: a known word in three languages, anything else as it is."""
    known = paper_texts().get(f"reason_{reason}")
    if known:
        strip.row(*caption(known))
    elif reason:
        strip.row(Cell(reason, align=Align.CENTER, lines=3))


def _codes(strip: Strip, data: Receipt, module_dots: int) -> None:
    lot, keep = paper_text("lot"), paper_text("keep")
    strip.beside(
        symbols.qr(data.receipt_code, module_dots),
        (
            Cell(clean(data.receipt_code), "figures"),
            Cell(lot.caption(), "small"),
            Cell(clean(data.lot_code), "figures"),
            Cell(clean(data.software), "small", lines=2),
            Cell(clean(data.metrology), "small", lines=2),
        ),
    )
    strip.row(Cell(keep.ug, "small", rtl=True, align=Align.CENTER))
    strip.row(Cell(f"{keep.zh} {keep.en}", "small", align=Align.CENTER))
    strip.gap()
