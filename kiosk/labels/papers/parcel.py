"""The two papers of a parcel: the label that is stuck on it and the slip that its addressee brings back."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from kiosk.labels import symbols
from kiosk.labels.documents import DocumentProblem, Paper, check_tail
from kiosk.labels.flow import Cell, Strip
from kiosk.labels.label_page import LabelContent, LabelRenderer
from kiosk.labels.layout import slip_layout
from kiosk.labels.paper_texts import paper_text
from kiosk.labels.raster import Raster
from kiosk.labels.strip_parts import caption, day_and_place, figure, heading, moment, sentence
from kiosk.labels.typesetting.shaping import clean
from kiosk.labels.typesetting.typeset import Align
from kiosk.protocols.printers.page_setup import PrintHead

_PICKUP_CODE = re.compile(r"[0-9]{6}")
_HALF_CODE = 3
# No-break spaces: the six digits stay on one line, in two groups of three.
_WIDE, _WIDER = "\u00a0", "\u00a0\u00a0\u00a0"


@dataclass(frozen=True, slots=True)
class ParcelLabel(Paper):
    """The label on a parcel: its place on the shelf. No pickup code, no name: everyone in the shop can read it.

    ``code`` is the internal code of the shelf slot (type H); ``date`` the day it arrived. Raises DocumentProblem.
    """

    shelf: str
    number: str
    carrier: str
    waybill_last4: str
    code: str
    copy: bool = False

    def __post_init__(self) -> None:
        check_tail("waybill", self.waybill_last4)


@dataclass(frozen=True, slots=True, kw_only=True)
class PickupSlip(Paper):
    """What its addressee brings back. There is no copy of it: a lost slip gets a new code.

    ``code`` is six digits, ``slip_code`` the internal code (type K) that holds them; ``overdue_days`` is counted from
    ``date``. Raises DocumentProblem.
    """

    shelf: str
    number: str
    code: str = field(repr=False)
    slip_code: str = field(repr=False)
    waybill_last4: str
    phone_last4: str | None
    village: str
    overdue_days: int

    def __post_init__(self) -> None:
        check_tail("waybill", self.waybill_last4)
        check_tail("phone number", self.phone_last4 or "")
        if not _PICKUP_CODE.fullmatch(self.code):
            raise DocumentProblem("a pickup code is six digits")
        if self.overdue_days < 0:
            raise DocumentProblem(f"a parcel cannot wait {self.overdue_days} days")


def parcel_content(data: ParcelLabel) -> LabelContent:
    tail = paper_text("last_four")
    texts = {
        "shelf": clean(data.shelf),
        "carrier": clean(data.carrier),
        "waybill_caption": f"{tail.zh} {tail.en}",
        "waybill": _tail(data.waybill_last4),
        "number": clean(data.number),
        "copy": paper_text("copy").caption() if data.copy else "",
        "station": clean(data.station),
        "date": day_and_place(data.date, data.village, data.county),
        "code": clean(data.code),
    }
    return LabelContent(texts, data.code)


render_parcel_label: Final = LabelRenderer("parcel", parcel_content)


def render_pickup_slip(data: PickupSlip, head: PrintHead) -> Raster:
    """Draw the slip. Raises LayoutProblem for too narrow a head, FontProblem. A Code 128 would need 63 mm of 48."""
    layout = slip_layout()
    strip = Strip(layout, head)
    heading(strip, data.station, data.village, data.county)
    strip.row(*caption(paper_text("shelf")))
    strip.row(Cell(clean(data.shelf), "shelf", align=Align.CENTER))
    strip.rule()
    strip.row(*caption(paper_text("pickup_code")))
    halves = (data.code[:_HALF_CODE], data.code[_HALF_CODE:])
    strip.row(Cell(_WIDER.join(_WIDE.join(half) for half in halves), "code", align=Align.CENTER))
    strip.rule()
    strip.beside(symbols.qr(data.slip_code, round(layout.qr_module * head.per_mm)), _parcel(data))
    figure(strip, paper_text("days_to_fetch"), str(data.overdue_days), "days")
    moment(strip, data.date, None, data.zone)
    sentence(strip, paper_text("keep_slip"))
    strip.gap()
    return strip.raster()


def _parcel(data: PickupSlip) -> tuple[Cell, ...]:
    """Identify the parcel for the clerk who compares, without the whole waybill or phone number."""
    rows = [
        Cell(paper_text("parcel").caption(), "small", lines=2),
        Cell(clean(data.number), "strong_figures"),
        Cell(paper_text("waybill").caption(), "small", lines=2),
        Cell(_tail(data.waybill_last4), "strong_figures"),
    ]
    if data.phone_last4:
        rows += [Cell(paper_text("phone").caption(), "small", lines=2), Cell(_tail(data.phone_last4), "strong_figures")]
    return tuple(rows)


def _tail(text: str) -> str:
    return f"•••{clean(text)}"
