"""The receipt of one intake in three languages at once: goods and price once, then one line a bag."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final

from PIL import Image

from kiosk.domain.moment import ClockQuality
from kiosk.labels import symbols
from kiosk.labels.documents import DocumentProblem, Mode, Paper, check_copy, check_head
from kiosk.labels.flow import Cell, Strip
from kiosk.labels.layout import MIN_CODE128_MODULE_MM, ReceiptLayout, receipt_layout
from kiosk.labels.paper_texts import PaperText, paper_text, paper_texts
from kiosk.labels.raster import Raster
from kiosk.labels.strip_parts import caption, copy_mark, copy_text, fact, heading, mark, place, when
from kiosk.labels.typesetting.shaping import clean, isolate
from kiosk.labels.typesetting.typeset import Align
from kiosk.protocols.printers.page_setup import PrintHead
from kiosk.texts.formats import kg_text, kilograms, money, price_per_kg

NON_MEMBER = "non_member"
_NOT_FOR_TRADE = "not_for_trade"
_WORST = frozenset({_NOT_FOR_TRADE, "check_failed"})

_HEAD_DIGITS = 8  # What a person compares with the head at the sorting center; the day slip has all 64

# Millimeters. What was crumpled is read by large modules rather than by more error correction: the signed code has
# version 8 to 10, which leaves room on 48 mm for the receipt's own; a longer one has smaller modules.
_SLIP_MODULES_MM: Final = (0.5, 0.375)
_MAX_SLIP_MM: Final = 33
_SMALL_SYMBOL_MM: Final = 14.5


@dataclass(frozen=True, slots=True)
class ReceiptLine:
    """Grams, fen per kg (0 when none was agreed: consignment), fen; gross − tare = net. Raises DocumentProblem."""

    goods_ug: str
    goods_zh: str
    goods_en: str
    bag: int
    gross_g: int
    container_ug: str
    container_zh: str
    container_en: str
    tare_g: int
    net_g: int
    price_fen_per_kg: int
    amount_fen: int

    def __post_init__(self) -> None:
        if min(self.tare_g, self.net_g, self.price_fen_per_kg, self.amount_fen) < 0:
            raise DocumentProblem(f"bag {self.bag}: weights and money cannot be negative on a receipt")
        if self.gross_g - self.tare_g != self.net_g:
            raise DocumentProblem(f"bag {self.bag}: {self.gross_g} g − {self.tare_g} g is not {self.net_g} g")


@dataclass(frozen=True, slots=True)
class UnsignedSlip:
    """What the signed code says beside the figures of its receipt. ``minute``: since 1970, None for an unset clock."""

    host: str
    region: str
    product: str
    price_fen_per_kg: int
    minute: int | None
    clock: ClockQuality


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptDocument(Paper):
    """One intake. ``party`` is a member number or "non_member"; ``time`` as "14:32"; totals are sums of the lines.

    ``certificate`` is kind and reference, or "none" with the reason ("none: own use"). ``scale_marks`` are the values
    of ``ScaleMark`` at this weighing, worst first; ``counters`` its event counters as "3-12-5" (scale profile, tare
    library, clock), ``scale_no`` the serial number on its plate, ``verified_until`` the date on its seal. ``head`` is
    the hash of the last event of the journal; a ``void`` receipt is printed only to show that it is void. ``copy_no``
    counts reprints; 0 beside ``copy`` means that they were not counted. ``payment_*`` state when and how it is paid, in
    the words of the county. ``slip``: what is signed at printing, None in a county without such codes; ``signed_code``
    is the signed text, empty where signing failed. Raises DocumentProblem.
    """

    village: str
    receipt: str
    receipt_code: str
    party: str
    mode: Mode
    lines: tuple[ReceiptLine, ...]
    net_g: int
    amount_fen: int
    time: str | None
    certificate: str
    lot_code: str
    software: str
    metrology: str
    copy: bool = False
    counters: str = ""
    scale_marks: tuple[str, ...] = ()
    scale_no: str = ""
    head: str = ""
    verified_until: str = ""
    void: bool = False
    copy_no: int = 0
    payment_ug: str = ""
    payment_zh: str = ""
    payment_en: str = ""
    phone: str = ""
    slip: UnsignedSlip | None = None
    signed_code: str = ""

    def __post_init__(self) -> None:
        check_copy(self.copy_no)
        if self.head:
            check_head(self.head)
        if not self.lines:
            raise DocumentProblem("a receipt needs at least one bag")
        net_g, amount_fen = sum(line.net_g for line in self.lines), sum(line.amount_fen for line in self.lines)
        for name, total, due in (("net_g", self.net_g, net_g), ("amount_fen", self.amount_fen, amount_fen)):
            if total != due:
                raise DocumentProblem(f"{name} is {total}, but the lines add up to {due}")


def render_receipt(data: ReceiptDocument, head: PrintHead) -> Raster:
    """Draw the receipt. Raises LayoutProblem for too narrow a head, FontProblem without fonts or shaping library."""
    layout = receipt_layout(head.width_dots / head.per_mm)
    strip = Strip(layout, head)
    heading(strip, data.station, data.village, data.county)
    # What this paper is not, before any figure
    if data.void:
        mark(strip, paper_text("void"))
        strip.gap(0.5)
    copy_mark(strip, data.copy, data.copy_no)
    for word in data.scale_marks:  # the worst two white on black; a newer station's word is printed as it is
        text = paper_texts().get(f"scale_{word}", PaperText(word, word, word))
        _framed(strip, PaperText(clean(text.ug), clean(text.zh), clean(text.en)), inverted=word in _WORST)
    fact(strip, paper_text("receipt"), data.receipt, "number")
    if data.party == NON_MEMBER:
        name = paper_text("non_member")
        strip.row(Cell(f"{name.zh} {name.en}", "strong"), Cell(name.ug, "strong_ug", rtl=True))
    else:
        fact(strip, paper_text("member"), data.party)
    strip.gap(0.5)
    _framed(strip, paper_text("on_consignment" if data.mode == "consignment" else "sold_now"), inverted=False)
    for _, lines in groupby(data.lines, _same):
        _goods(strip, list(lines), data)
    _totals(strip, data)
    # When and how one is paid, and whom to call; nothing where the county has set nothing
    if data.payment_ug:
        strip.row(Cell(clean(data.payment_ug), "strong_ug", rtl=True, lines=5))
        strip.row(Cell(clean(data.payment_zh), "strong", lines=6))
        strip.row(Cell(clean(data.payment_en), "small", lines=5))
    if data.phone:
        fact(strip, paper_text("phone"), data.phone)
    if data.payment_ug or data.phone:
        strip.rule()
    _facts(strip, data)
    if data.void or data.copy or data.copy_no:
        strip.stamp(paper_text("void").caption() if data.void else copy_text(data.copy, data.copy_no))
    _codes(strip, data, layout, head.per_mm)
    return strip.raster()


def _framed(strip: Strip, text: PaperText, inverted: bool) -> None:
    strip.banner(
        (
            Cell(text.ug, "sentence_ug", rtl=True, align=Align.CENTER, lines=3),
            Cell(f"{text.zh} · {text.en}", "strong", align=Align.CENTER, lines=3),
        ),
        inverted=inverted,
    )
    strip.gap(0.5)


def _same(line: ReceiptLine) -> tuple[str | int, ...]:
    """Return the key of bags under one heading: same goods, same price, same kind of container."""
    goods = (line.goods_ug, line.goods_zh, line.goods_en)
    return (*goods, line.price_fen_per_kg, line.container_ug, line.container_zh, line.container_en)


def _goods(strip: Strip, lines: list[ReceiptLine], data: ReceiptDocument) -> None:
    first = lines[0]
    strip.row(Cell(clean(first.goods_ug), "goods_ug", rtl=True, lines=3))
    strip.row(Cell(clean(first.goods_zh), "strong", lines=2), Cell(clean(first.goods_en), align=Align.RIGHT, lines=2))
    if first.price_fen_per_kg:
        price = paper_text("reference_price" if data.mode == "consignment" else "price")
        fact(strip, price, f"× {price_per_kg(first.price_fen_per_kg)}")
    if _NOT_FOR_TRADE in data.scale_marks:  # at the figures it is about, and not only on top of the paper
        mark(strip, paper_text(_NOT_FOR_TRADE))
    strip.gap(0.5)
    gross, tare, net = (paper_text(key) for key in ("gross", "container", "net"))
    figures = (f"{gross.zh} − {tare.zh} = {net.zh}", f"{gross.en} − {tare.en} = {net.en}")
    strip.row(Cell(f"{gross.ug} − {tare.ug} = {net.ug} (kg)", "body", rtl=True, lines=2))
    strip.row(Cell(figures[0], "small", share=4), Cell(f"{figures[1]} (kg)", "small", align=Align.RIGHT, share=6))
    strip.row(
        Cell(f"{tare.zh} {isolate(clean(first.container_zh))} {clean(first.container_en)}", "small", share=5, lines=2),
        Cell(f"{tare.ug} {clean(first.container_ug)}", "small", rtl=True, share=4, lines=2),
    )
    strip.table([_bag(line, data) for line in lines], "bag")
    strip.rule()


def _bag(line: ReceiptLine, data: ReceiptDocument) -> tuple[str, str, str]:
    """Return number of the bag, ``52.350 − 0.640 = 51.710``, and amount."""
    weights = f"{kilograms(line.gross_g)} − {kilograms(line.tare_g)} = {kilograms(line.net_g)}"
    if not line.price_fen_per_kg or (data.mode == "consignment" and not line.amount_fen):
        return str(line.bag), weights, ""
    return str(line.bag), weights, f"{'≈' if data.mode == 'consignment' else ''}{money(line.amount_fen)}"


def _totals(strip: Strip, data: ReceiptDocument) -> None:
    bags = paper_text("bag")
    total = paper_text("total")
    strip.row(
        Cell(f"{len(data.lines)} {bags.zh} {bags.en}", "strong"),
        Cell(f"{isolate(str(len(data.lines)))} {bags.ug}", "strong_ug", rtl=True),
    )
    fact(strip, total, kg_text(data.net_g), "total")
    if data.mode == "purchase":
        fact(strip, paper_text("amount"), money(data.amount_fen), "total")
    elif data.amount_fen:
        fact(strip, paper_text("estimate"), f"≈ {money(data.amount_fen)}", "strong_figures")
    strip.rule()


def _facts(strip: Strip, data: ReceiptDocument) -> None:
    if data.date:
        fact(strip, paper_text("date"), when(data.date, data.time, data.zone))
    else:
        strip.row(*caption(paper_text("date_not_set"), "strong"))
    _certificate(strip, clean(data.certificate))
    for key, text in (
        ("scale_no", data.scale_no),
        ("verified_until", data.verified_until),
    ):
        if text:
            fact(strip, paper_text(key), text)
    strip.rule()


def _certificate(strip: Strip, certificate: str) -> None:
    """Add which certificate, or why there is none: a known word in three languages, any other text unchanged."""
    kind, _, reason = certificate.partition(":")
    name = paper_text("certificate")
    if kind not in ("", "none"):
        fact(strip, name, certificate, "strong")
        return
    none, reason = paper_text("none"), reason.strip()
    known = paper_texts().get(f"reason_{reason}")
    reason_text = known or PaperText(reason, reason, reason)
    zh, en, ug = (
        ": ".join(filter(None, pair))
        for pair in ((none.zh, reason_text.zh), (none.en, reason_text.en), (none.ug, reason_text.ug))
    )
    strip.row(
        Cell(f"{name.zh} {zh} · {name.en} {en}", "small", share=5, lines=3),
        Cell(f"{name.ug} {ug}", "body", rtl=True, share=5, lines=2),
    )


def _codes(strip: Strip, data: ReceiptDocument, layout: ReceiptLayout, per_mm: int) -> None:
    """Add the codes; a void receipt has no signed one."""
    is_signed = bool(data.signed_code) and not data.void
    if data.slip is not None and not data.void and not is_signed:
        _framed(strip, paper_text("signature_failed"), inverted=False)

    millimeters = _SMALL_SYMBOL_MM if is_signed else layout.symbol, MIN_CODE128_MODULE_MM, layout.qr_module
    side, min_dots, max_dots = (round(mm * per_mm) for mm in millimeters)
    own = symbols.square("receipt", data.receipt_code, side, min_dots, max_dots)
    code, lot = Cell(clean(data.receipt_code), "figures", share=5), Cell(clean(data.lot_code), "figures", share=5)
    lot_name, where = paper_text("lot").caption(), place(data.village, data.county)
    if is_signed:
        strip.beside(_slip_symbol(data.signed_code, per_mm), (), own)
        strip.row(code, Cell(lot_name, "small", align=Align.CENTER, share=3, lines=2), replace(lot, align=Align.RIGHT))
        _centered(strip, paper_text("check_slip"))
    else:
        strip.beside(own, (code, Cell(lot_name, "body"), lot, Cell(where, "small", lines=2)))
    _centered(strip, paper_text("keep"))
    checks = map(clean, (data.counters, data.head[:_HEAD_DIGITS], data.software, data.metrology))
    strip.row(Cell(" · ".join(filter(None, checks)), "small", align=Align.CENTER, lines=2))  # For who checks it
    strip.gap()


def _slip_symbol(text: str, per_mm: int) -> Image.Image:
    for module_mm in _SLIP_MODULES_MM:
        drawn = symbols.qr(text, round(module_mm * per_mm), "M")
        if drawn.width <= _MAX_SLIP_MM * per_mm:
            break
    return drawn


def _centered(strip: Strip, text: PaperText) -> None:
    strip.row(Cell(text.ug, "strong_ug", rtl=True, align=Align.CENTER, lines=2))
    strip.row(Cell(f"{text.zh} {text.en}", "small", align=Align.CENTER, lines=2))
