"""Papers that show whether a printer is well: three scripts, a ruler of whole dots, bars."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image, ImageChops

from kiosk.labels import symbols
from kiosk.labels.documents import SAMPLE_CODE, Paper
from kiosk.labels.flow import Cell, Strip
from kiosk.labels.label_page import LabelContent, draw_ink, draw_label
from kiosk.labels.layout import SHIPPED, LayoutProblem, Layouts, shipped_layout, slip_layout
from kiosk.labels.paper_texts import paper_text
from kiosk.labels.papers.samples import SAMPLES
from kiosk.labels.raster import Raster
from kiosk.labels.strip_parts import day_and_place, heading, mark, moment
from kiosk.labels.typesetting import typeset
from kiosk.labels.typesetting.shaping import clean
from kiosk.labels.typesetting.typeset import Align, Style
from kiosk.protocols.printers.page_setup import PrintHead

HEIGHT_MM = 9
_NUMBERS_MM, _FOOT_MM = 3, 6
_TICKS_MM = {10: 3.0, 5: 2.25, 1: 1.25}  # Height of the tick at every so many mm; the first that divides counts

_STEPS = 8


def ruler(width: int, per_mm: int) -> Image.Image:
    """Draw a picture (1 = ink), ``width`` dots by 9 mm: numbers, ticks one dot wide at each mm, and a staircase.

    In the staircase each dot of the head burns in one of eight steps, alone among white neighbors: a dead dot is a gap
    in it, a weak one a pale mark.
    """
    ink = Image.new("1", (width, HEIGHT_MM * per_mm), 0)
    for millimeter in range(width // per_mm):
        height = next(tick for step, tick in _TICKS_MM.items() if millimeter % step == 0)
        left, foot = millimeter * per_mm, _FOOT_MM * per_mm
        ink.paste(1, (left, foot - round(height * per_mm), left + 1, foot))
        if millimeter and millimeter % 10 == 0:
            room = (6 * per_mm, _NUMBERS_MM * per_mm)
            style = Style(round(2.4 * per_mm), bold=True, tight=True)
            block = typeset.fit(str(millimeter), room, (style,), rtl=False)
            ink.paste(1, ((millimeter - 3) * per_mm, 0), typeset.draw(block, room, Align.CENTER))
    step = per_mm // 4
    for left in range(width):
        start = (_FOOT_MM + 1) * per_mm + left % _STEPS * step
        ink.paste(1, (left, start, left + 1, start + step))
    return ink


CALIBRATION = "calibration"  # The sample that is no label of the station: the stock in the printer is judged by it

DENSITY = ("CAL1", "CAL2", "CAL3")
# Left, top, width and height of the first code; the others are below it.
_STRIP_MM, _STRIP_STEP_MM = (2, 19.5, 44, 5), 6

# Three dots at 203 dpi: a dot more or less is what a wrong density does, and a scanner just bears it.
_DENSITY_MODULE_MM = 0.375

_BARS_MM = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class TestLabel(Paper):
    """A label that shows whether the label printer is well: every dot of the head, three scripts, bars.

    With ``sample`` it is a label of that kind with sample data, by the layout that is used for it.
    """

    software: str
    sample: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestReceipt(Paper):
    """The same for the receipt printer."""

    village: str
    time: str | None
    software: str


def render_test_label(data: TestLabel, head: PrintHead, layouts: Layouts = SHIPPED) -> Raster:
    """Draw the 60 x 40 mm label, or the sample it names. Raises LayoutProblem for an unknown one, FontProblem."""
    if data.sample == CALIBRATION:
        return _calibration(data, head)
    if data.sample:
        if data.sample not in SAMPLES:
            raise LayoutProblem(f"there is no sample {data.sample!r}")
        return draw_label(layouts.of(data.sample), SAMPLES[data.sample], head)
    layout, per_mm = shipped_layout("test"), head.per_mm
    ink = draw_ink(layout, LabelContent(printer_test_fields(data), SAMPLE_CODE), head)
    if layout.ruler:
        left, top, width, _ = layout.ruler.dots(per_mm)
        ink.paste(1, (left, top), ruler(width, per_mm))
    return Raster.from_ink(ink)


def _calibration(data: TestLabel, head: PrintHead) -> Raster:
    """Draw a frame 1 mm from every edge, a ruler, and one code in bars a dot too thin, right, a dot too thick.

    The frame shows the offset; cut off at one side it shows that gap or mark is not found. Where only the thin bars
    cannot be read, the print is too pale; where only the thick ones cannot, too dark.
    """
    layout, per_mm = shipped_layout(CALIBRATION), head.per_mm
    name = paper_text(CALIBRATION)
    texts = {"title_ug": name.ug, "title": f"{name.zh} {name.en}", "station": clean(data.station)}
    ink = draw_ink(layout, LabelContent({**texts, **{f"density_{n}": code for n, code in enumerate(DENSITY, 1)}}), head)
    if layout.ruler:
        left, top, width, _ = layout.ruler.dots(per_mm)
        ink.paste(1, (left, top), ruler(width, per_mm))
    for row, (code, thicker) in enumerate(zip(DENSITY, (-1, 0, 1), strict=True)):
        size = (_STRIP_MM[2] * per_mm, _STRIP_MM[3] * per_mm)
        bars = _thicker(symbols.code128(code, size, round(_DENSITY_MODULE_MM * per_mm)), thicker)
        ink.paste(1, (_STRIP_MM[0] * per_mm, round((_STRIP_MM[1] + row * _STRIP_STEP_MM) * per_mm)), bars)
    return Raster.from_ink(ink)


def _thicker(bars: Image.Image, dots: int) -> Image.Image:
    """Make every bar so many dots wider (1) or narrower (-1) at its right side."""
    shifted = ImageChops.offset(bars, 1, 0)
    return {1: ImageChops.logical_or, -1: ImageChops.logical_and}.get(dots, lambda same, _: same)(bars, shifted)


def printer_test_fields(data: TestLabel) -> dict[str, str]:
    sample = paper_text("heading")
    return {
        "test": paper_text("test").caption(),
        "not_for_trade": paper_text("not_for_trade").caption(),
        "sample_ug": sample.ug,
        "sample_zh": sample.zh,
        "sample_en": sample.en,
        "station": clean(data.station),
        "date": day_and_place(data.date, data.village, data.county),
        "software": f"{SAMPLE_CODE} {clean(data.software)}",
    }


def render_test_receipt(data: TestReceipt, head: PrintHead) -> Raster:
    """Draw the receipt. Raises LayoutProblem for too narrow a head, FontProblem without fonts or shaping library."""
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
    strip.picture(symbols.code128(SAMPLE_CODE, (strip.width, _BARS_MM * per_mm), round(layout.bar_module * per_mm)))
    strip.row(Cell(SAMPLE_CODE, "figures", align=Align.CENTER))
    strip.rule()
    strip.row(Cell(clean(data.software), "small", align=Align.CENTER, lines=2))
    strip.gap()
    return strip.raster()
