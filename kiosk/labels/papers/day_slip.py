"""The close of a day on 58 mm paper: what was counted, and the last hash of the journal that says the same."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from kiosk.domain.day import DayTotals
from kiosk.labels.documents import DocumentProblem, Paper, check_head
from kiosk.labels.flow import Cell, Strip
from kiosk.labels.layout import slip_layout
from kiosk.labels.paper_texts import paper_text
from kiosk.labels.raster import Raster
from kiosk.labels.strip_parts import caption, copy_mark, figure, heading, mark, moment
from kiosk.labels.typesetting.shaping import clean
from kiosk.labels.typesetting.typeset import Align
from kiosk.protocols.printers.page_setup import PrintHead
from kiosk.texts.formats import kg_text, money

# Hex digits that are read aloud together: a person compares the head with the one at the sorting center.
_GROUP, _GROUPS_IN_LINE = 8, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class DaySlip(Paper):
    """The close of a day; ``head`` is the hash of event ``seq``, the last one of the day. ``log_origin``, ``log_size``
    and ``log_root`` (64 hex digits) are of the newest checkpoint of the county's log that is kept; "" for none. Raises
    DocumentProblem.
    """

    village: str
    time: str | None
    totals: DayTotals
    head: str
    seq: int
    actor: str
    software: str
    log_origin: str = ""
    log_size: int = 0
    log_root: str = ""
    copy: bool = False

    def __post_init__(self) -> None:
        negative = [name for name, figure in asdict(self.totals).items() if figure < 0]
        if negative or self.seq < 0:
            raise DocumentProblem(f"{negative[0] if negative else 'seq'} cannot be negative on a day slip")
        check_head(self.head)
        if self.log_origin:
            check_head(self.log_root)


def render_day_slip(data: DaySlip, head: PrintHead) -> Raster:
    """Draw the slip. Raises LayoutProblem for too narrow a head, FontProblem without fonts or shaping library."""
    strip = Strip(slip_layout(), head)
    heading(strip, data.station, data.village, data.county)
    mark(strip, paper_text("day_close"))
    strip.gap(0.5)
    copy_mark(strip, data.copy)
    moment(strip, data.date, data.time, data.zone, unset="clock_not_set")
    strip.rule()
    for key, text in (
        ("intakes", str(data.totals.intakes)),
        ("bags", str(data.totals.bags)),
        ("net", kg_text(data.totals.net_g)),
        ("purchases", money(data.totals.purchase_fen)),
        ("consignments", money(data.totals.consignment_fen)),
        ("voids", str(data.totals.voids)),
        ("abandoned", str(data.totals.abandoned)),
        ("parcels_in", str(data.totals.parcels_in)),
        ("parcels_out", str(data.totals.parcels_out)),
        ("parcels_returned", str(data.totals.parcels_returned)),
        ("photos", str(data.totals.photos)),
        ("prints_unknown", str(data.totals.prints_unknown)),
    ):
        figure(strip, paper_text(key), text, "strong_figures")
    strip.rule()
    figure(strip, paper_text("events"), f"{data.totals.first_seq}–{data.totals.last_seq}")
    strip.row(*caption(paper_text("journal_head"), "small"))
    strip.row(Cell(f"#{data.seq}", "strong_figures", align=Align.CENTER))
    for line in _head_lines(data.head):
        strip.row(Cell(line, "figures", align=Align.CENTER))
    if data.log_origin:
        strip.row(*caption(paper_text("county_log"), "small"))
        strip.row(Cell(clean(data.log_origin), "figures", align=Align.CENTER))
        strip.row(Cell(f"#{data.log_size}", "strong_figures", align=Align.CENTER))
        strip.row(Cell(_head_lines(data.log_root)[0], "figures", align=Align.CENTER))
    strip.rule()
    figure(strip, paper_text("closed_by"), clean(data.actor))
    strip.row(Cell(clean(data.software), "small", align=Align.CENTER, lines=2))
    strip.gap()
    return strip.raster()


def _head_lines(head: str) -> list[str]:
    groups = [head[start : start + _GROUP] for start in range(0, len(head), _GROUP)]
    return [" ".join(groups[start : start + _GROUPS_IN_LINE]) for start in range(0, len(groups), _GROUPS_IN_LINE)]
