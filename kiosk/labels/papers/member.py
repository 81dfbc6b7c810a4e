"""For a member on 58 mm paper: what was brought to this station, and the code that shows it without a card."""

from __future__ import annotations

import re
from dataclasses import astuple, dataclass
from typing import Final

from kiosk.domain.catalog import Names
from kiosk.domain.statement import BroughtSums
from kiosk.labels import symbols
from kiosk.labels.documents import DocumentProblem, Paper, check_head
from kiosk.labels.flow import Cell, Strip
from kiosk.labels.layout import slip_layout
from kiosk.labels.paper_texts import paper_text
from kiosk.labels.raster import Raster
from kiosk.labels.strip_parts import caption, copy_mark, figure, heading, mark, member_text, moment, sentence
from kiosk.labels.typesetting.shaping import clean
from kiosk.labels.typesetting.typeset import Align
from kiosk.protocols.printers.page_setup import PrintHead
from kiosk.texts.formats import kg_text, money

_MODULE_MM: Final = 0.5  # What was crumpled is read by large modules
_CODE: Final = re.compile(r"[0-9]{6}")


@dataclass(frozen=True, slots=True)
class StatementRow:
    """A receipt, grams and fen; ``date`` None when unknown."""

    receipt: str
    date: str | None
    names: Names
    bags: int
    net_g: int
    amount_fen: int
    mode: str
    void: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberStatement(Paper):
    """``sums`` are of all receipts of ``year`` (None: of all there are), ``rows`` the newest of these. ``signed_code``
    is "" where none can be made: ``fails`` then says that there should be one. Raises DocumentProblem.
    """

    member: str
    year: int | None
    time: str | None
    sums: BroughtSums
    rows: tuple[StatementRow, ...]
    head: str
    software: str
    signed_code: str = ""
    fails: bool = False
    copy: bool = False
    copy_no: int = 0

    def __post_init__(self) -> None:
        check_head(self.head)
        receipts, voids, *sums = self.earlier
        if min(receipts, voids, *sums) < 0 or (not receipts and any(sums)):
            raise DocumentProblem(f"the receipts of {self.member} do not add up to the sums")

    @property
    def earlier(self) -> tuple[int, ...]:
        """What the sums hold beside the rows, as `BroughtSums` has it."""
        shown = BroughtSums.of((1, row.mode, row.void, row.net_g, row.amount_fen) for row in self.rows)
        return tuple(total - part for total, part in zip(astuple(self.sums), astuple(shown), strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberCode(Paper):
    """Raises DocumentProblem."""

    member: str
    code: str

    def __post_init__(self) -> None:
        if not _CODE.fullmatch(self.code):
            raise DocumentProblem("a member's code is six digits")


def render_member_statement(data: MemberStatement, head: PrintHead) -> Raster:
    """Draw the statement. Raises LayoutProblem for too narrow a head, FontProblem without fonts or shaping library."""
    strip = Strip(slip_layout(), head)
    heading(strip, data.station, data.village, data.county)
    mark(strip, paper_text("member_statement"))
    strip.gap(0.5)
    copy_mark(strip, data.copy, data.copy_no)
    strip.row(Cell(member_text(data.member), "strong_figures", align=Align.CENTER))
    period = paper_text("all_receipts").caption() if data.year is None else str(data.year)
    strip.row(Cell(period, "strong", align=Align.CENTER, lines=2))
    moment(strip, data.date, data.time, data.zone, unset="clock_not_set")
    strip.rule()
    _sums(strip, data.sums)
    strip.rule()
    for row in data.rows:
        date = clean(row.date) if row.date else paper_text("date_not_set").zh
        strip.row(Cell(clean(row.receipt), "strong_figures"), Cell(date, "figures", align=Align.RIGHT))
        names = clean(f"{row.names.zh} {row.names.en}")
        strip.row(Cell(names, "small", lines=2), Cell(clean(row.names.ug), "body", rtl=True, lines=2))
        amount = f"{'≈ ' if row.mode == 'consignment' else ''}{money(row.amount_fen)}"
        strip.table([(f"{row.bags} ×", kg_text(row.net_g), amount)], "figures")
        if row.void:
            mark(strip, paper_text("void"))
        strip.rule()
    if any(data.earlier):
        strip.row(*caption(paper_text("earlier_receipts"), "strong"))
        _sums(strip, BroughtSums(*data.earlier))
        strip.rule()
    if data.signed_code:
        strip.picture(symbols.qr(data.signed_code, round(_MODULE_MM * head.per_mm)))
        for line, rtl in paper_text("check_slip").lines():
            strip.row(Cell(line, "small", rtl=rtl, align=Align.CENTER, lines=2))
    elif data.fails:
        sentence(strip, paper_text("signature_failed"))
    strip.row(Cell(f"{data.head[:8]} · {clean(data.software)}", "small", align=Align.CENTER, lines=2))
    strip.gap()
    return strip.raster()


def _sums(strip: Strip, sums: BroughtSums) -> None:
    """Add purchases and consignments, always as separate sums."""
    figure(strip, paper_text("receipt"), str(sums.receipts), "strong_figures")
    for name, net_g, amount in (
        ("purchases", sums.purchase_g, money(sums.purchase_fen)),
        ("consignments", sums.consignment_g, f"≈ {money(sums.consignment_fen)}"),
    ):
        figure(strip, paper_text(name), amount, "strong_figures")
        figure(strip, paper_text("net"), kg_text(net_g))
    figure(strip, paper_text("voids"), str(sums.voids))


def render_member_code(data: MemberCode, head: PrintHead) -> Raster:
    """Draw the code. Raises LayoutProblem and FontProblem like ``render_member_statement``."""
    strip = Strip(slip_layout(), head)
    heading(strip, data.station, data.village, data.county)
    strip.row(Cell(member_text(data.member), "strong_figures", align=Align.CENTER))
    strip.row(*caption(paper_text("member_code"), "strong"))
    strip.row(Cell(f"{data.code[:3]} {data.code[3:]}", "code", align=Align.CENTER))
    strip.rule()
    moment(strip, data.date, None, data.zone)
    sentence(strip, paper_text("keep_code"))
    strip.gap()
    return strip.raster()
