"""What every PDF of the commands has in common: the same bytes at each call, and words as pictures."""

from __future__ import annotations

from datetime import UTC, datetime

from fpdf import FPDF
from PIL import Image

from kiosk.labels.typesetting.typeset import Align, draw, fit, styles


def new_pdf(title: str) -> FPDF:
    """Create a PDF in millimeters, without a page."""
    pdf = FPDF(unit="mm")
    pdf.set_auto_page_break(False)
    pdf.set_title(title)
    pdf.set_creation_date(datetime(2026, 1, 1, tzinfo=UTC))
    return pdf


def text_picture(
    text: str, rtl: bool, size_mm: tuple[float, float], dots_per_mm: int, letters_mm: tuple[float, float]
) -> Image.Image:
    """Draw one line, white on black, in letters of the first height or, where they do not fit, down to the second: a
    PDF needs letters of Uyghur joined beforehand. Raises FontProblem.
    """
    room = round(size_mm[0] * dots_per_mm), round(size_mm[1] * dots_per_mm)
    choices = styles(round(letters_mm[0] * dots_per_mm), round(letters_mm[1] * dots_per_mm))
    return draw(fit(text, room, choices, rtl), room, Align.CENTER).convert("L")
