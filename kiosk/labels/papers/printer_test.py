"""Papers that show whether a printer is well: three scripts, a ruler of whole dots, bars."""

from __future__ import annotations

from kiosk.labels import symbols
from kiosk.labels.documents import TestLabel, TestReceipt
from kiosk.labels.flow import Cell, Strip
from kiosk.labels.label_page import LabelContent, draw_ink
from kiosk.labels.layout import printer_test_layout, slip_layout
from kiosk.labels.paper_texts import paper_text
from kiosk.labels.raster import Raster
from kiosk.labels.strip_parts import day_and_place, heading, mark, moment
from kiosk.labels.typesetting.ruler import ruler
from kiosk.labels.typesetting.shaping import clean
from kiosk.labels.typesetting.typeset import Align
from kiosk.protocols.printers.page_setup import PrintHead

CODE = "TEST"
"""No internal code: whoever scans a test paper is told that it is none of the station's codes."""

_BARS_MM = 8


def render_test_label(data: TestLabel, head: PrintHead) -> Raster:
    """Return the 60 x 40 mm label. Raises FontProblem when a font is missing."""
    layout, per_mm = printer_test_layout(), head.per_mm
    ink = draw_ink(layout, LabelContent(printer_test_fields(data), CODE), head)
    if layout.ruler:
        left, top, width, _ = layout.ruler.dots(per_mm)
        ink.paste(1, (left, top), ruler(width, per_mm))
    return Raster.from_ink(ink)


def printer_test_fields(data: TestLabel) -> dict[str, str]:
    """Return what is drawn in every box of the layout."""
    sample = paper_text("heading")
    return {
        "test": paper_text("test").caption(),
        "not_for_trade": paper_text("not_for_trade").caption(),
        "sample_ug": sample.ug,
        "sample_zh": sample.zh,
        "sample_en": sample.en,
        "station": clean(data.station),
        "date": day_and_place(data.date, data.village, data.county),
        "software": f"{CODE} {clean(data.software)}",
    }


def render_test_receipt(data: TestReceipt, head: PrintHead) -> Raster:
    """Return the slip, as wide as the head.

    Raises LayoutProblem for too narrow a head and FontProblem when a font or the shaping library is missing.
    """
    layout, per_mm = slip_layout(), head.per_mm
    strip = Strip(layout, head)
    heading(strip, data.station, data.village, data.county)
    mark(strip, paper_text("test"))
    mark(strip, paper_text("not_for_trade"))
    strip.gap()
    moment(strip, data.date, data.time, data.zone, unset="clock_not_set")
    strip.rule()
    strip.picture(ruler(strip.width, per_mm))
    strip.gap()
    strip.picture(symbols.code128(CODE, (strip.width, _BARS_MM * per_mm), round(layout.bar_module * per_mm)))
    strip.row(Cell(CODE, "figures", align=Align.CENTER))
    strip.rule()
    strip.row(Cell(clean(data.software), "small", align=Align.CENTER, lines=2))
    strip.gap()
    return strip.raster()
