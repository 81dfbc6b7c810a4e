"""The mat as a PDF to scale: one A3 sheet, or two A4 sheets to glue.

Everything that is measured is a filled rectangle in millimeters, never a picture: it is as exact as the printer. Only
the words are pictures, because a PDF needs their letters joined beforehand.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from fpdf import FPDF
from fpdf.prefs import ViewerPreferences
from PIL import Image, ImageOps

from kiosk.cli.shared.pdf import new_pdf, text_picture
from kiosk.labels.paper_texts import read_texts
from kiosk.photo.markers import CELLS, white_cells
from kiosk.photo.mat import (
    CORNER_MARKERS,
    FIELD_GREY,
    PATCHES,
    SCALE_BAR,
    SEAM_MARKS,
    SHEET,
    TICK_EVERY_MM,
    TICK_MM,
    VERSION_MARKER,
    WORDS,
    Box,
    Marker,
)


class PaperSize(StrEnum):
    A3 = "a3"
    A4 = "a4"


BLACK, WHITE = 0, 255
SEAM_MM: Final = SHEET.width / 2  # Edge of the right half where it overlaps the left one, from the left of the sheet
# Most printers leave this much of the paper white. The white around the markers ends there, so nothing is lost.
UNPRINTED_MM: Final = 5.0
A4_WIDTH_MM: Final = 210.0
# The right half is printed this far beyond its seam: scissors that stray leave no white line in the mat.
BLEED_MM: Final = 1.0
_TEXTS: Final = Path(__file__).with_name("mat_texts.toml")
_DOTS_PER_MM: Final = 24
_LINE_MM: Final = WORDS[0].height / 9
_LETTER_MM: Final = 3.1
_SMALLEST_MM: Final = 2.0


@dataclass(frozen=True, slots=True)
class _SheetPart:
    """What one paper shows of the sheet: where it begins, what is printed, and the texts of each place for words."""

    left: float
    printed: Box
    texts: tuple[tuple[str, ...], tuple[str, ...]]


_WHOLE: Final = _SheetPart(0.0, SHEET, (("title",), ("measure",)))
_LEFT: Final = _SheetPart(
    UNPRINTED_MM,
    Box(UNPRINTED_MM, 0.0, A4_WIDTH_MM, SHEET.height),
    (("title", "left_half", "measure_half"), ()),
)
_RIGHT: Final = _SheetPart(
    SEAM_MM - UNPRINTED_MM,
    Box(SEAM_MM - BLEED_MM, 0.0, SEAM_MM - UNPRINTED_MM + BLEED_MM, SHEET.height),
    ((), ("title", "right_half", "measure_half")),
)


def mat_pdf(paper: PaperSize) -> bytes:
    """Return the document, the same bytes at each call. Raises FontProblem when letters are missing."""
    pdf = new_pdf("Photo mat, version 1")
    pdf.viewer_preferences = ViewerPreferences(print_scaling="None")
    if paper is PaperSize.A3:
        _page(pdf, _WHOLE, SHEET.width)
    else:
        for part in (_LEFT, _RIGHT):
            _page(pdf, part, A4_WIDTH_MM)
    return bytes(pdf.output())


def _page(pdf: FPDF, part: _SheetPart, width: float) -> None:
    pdf.add_page(orientation="P", format=(width, SHEET.height))
    sheet = _PdfSheet(pdf, part.left)
    with pdf.rect_clip(part.printed.left - part.left, 0.0, part.printed.width, part.printed.height):
        sheet.fill(part.printed, FIELD_GREY)
        for marker in (*CORNER_MARKERS, VERSION_MARKER):
            sheet.marker(marker)
        for patch in PATCHES:
            sheet.fill(patch.box, patch.grey)
        for box in _scale_bar():
            sheet.fill(box, BLACK)
        for room, texts in zip(WORDS, part.texts, strict=True):
            sheet.words(room, texts)
    if part is not _WHOLE:
        sheet.seam(towards=-1 if part is _LEFT else 1)


def _scale_bar() -> Iterator[Box]:
    yield SCALE_BAR
    hair = 0.3
    for tick in range(round(SCALE_BAR.width / TICK_EVERY_MM) + 1):
        at = SCALE_BAR.left + tick * TICK_EVERY_MM
        # The outer ones end with the bar: its length is what people measure.
        left = min(max(at - hair / 2, SCALE_BAR.left), SCALE_BAR.right - hair)
        yield Box(left, SCALE_BAR.bottom - TICK_MM, hair, TICK_MM)


class _PdfSheet:
    """A page on which places are named as on the mat."""

    def __init__(self, pdf: FPDF, left: float) -> None:
        self._pdf, self._left = pdf, left

    def fill(self, box: Box, grey: int) -> None:
        self._pdf.set_fill_color(grey)
        self._pdf.rect(box.left - self._left, box.top, box.width, box.height, style="F")

    def marker(self, marker: Marker) -> None:
        """Draw white cells on one black square, so that its edge, by which everything is measured, is one line."""
        self.fill(marker.box.grown(marker.quiet), WHITE)
        self.fill(marker.box, BLACK)
        cell = marker.box.width / CELLS
        for row, whites in enumerate(white_cells(marker.number)):
            for first, count in _stretches(whites):
                left, top = marker.box.left + first * cell, marker.box.top + row * cell
                self.fill(Box(left, top, count * cell, cell), WHITE)

    def words(self, room: Box, texts: tuple[str, ...]) -> None:
        """Write each text in three languages, a line each, at the bottom of ``room``."""
        lines = [(text, rtl) for name in texts for text, rtl in read_texts(_TEXTS)[name].lines()]
        top = room.bottom - len(lines) * _LINE_MM
        for number, (text, rtl) in enumerate(lines):
            picture = _line(text, rtl, (room.width, _LINE_MM))
            self._pdf.image(picture, room.left - self._left, top + number * _LINE_MM, room.width, _LINE_MM)

    def seam(self, towards: int) -> None:
        """Draw where to cut or align the edge: at the rims and beside the interior, with the marks that must meet."""
        at = SEAM_MM - self._left
        self._pdf.set_draw_color(BLACK)
        self._pdf.set_fill_color(BLACK)
        self._pdf.set_line_width(0.1)
        for mark in SEAM_MARKS:
            top, bottom = mark.top + 0.5, mark.bottom - 0.5
            self._pdf.line(at, mark.top, at, mark.bottom)
            tip = at + towards * (bottom - top)
            self._pdf.polygon([(at, top), (at, bottom), (tip, (top + bottom) / 2)], style="F")


def _stretches(cells: tuple[bool, ...]) -> Iterator[tuple[int, int]]:
    first = None
    for index, value in enumerate([*cells, False]):
        if value and first is None:
            first = index
        elif not value and first is not None:
            yield first, index - first
            first = None


def _line(text: str, rtl: bool, size_mm: tuple[float, float]) -> Image.Image:
    """Draw one line as black letters on the gray of the field."""
    ink = text_picture(text, rtl, size_mm, _DOTS_PER_MM, (_LETTER_MM, _SMALLEST_MM))
    return ImageOps.colorize(ink, black=(FIELD_GREY,) * 3, white=(BLACK,) * 3).convert("L")
