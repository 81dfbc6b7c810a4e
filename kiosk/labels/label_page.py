"""A label of fixed size: texts, rules and bars where its layout says."""

from __future__ import annotations

from collections.abc import Mapping

from PIL import Image

from kiosk.labels import symbols
from kiosk.labels.layout import BarcodeBox, LabelLayout, TextBox
from kiosk.labels.typesetting import typeset
from kiosk.protocols.printers.page_setup import PrintHead


def draw_label(layout: LabelLayout, fields: Mapping[str, str], code: str, head: PrintHead) -> Image.Image:
    """Return the ink (mode "1", 1 = ink) of one label in dots of the head.

    ``fields`` holds the text of every box; an empty one leaves its box white. ``code`` is what the bars say.
    Raises SymbolTooWide or NotEncodable for a code that cannot be barred, FontProblem when a font or the shaping
    library is missing.
    """
    per_mm = head.per_mm
    ink = Image.new("1", (layout.width * per_mm, layout.height * per_mm), 0)
    for rule in layout.rules:
        left, top, width, height = rule.dots(per_mm)
        ink.paste(1, (left, top, left + width, top + height))
    for box in layout.boxes:
        _draw_text(ink, box, fields[box.field], per_mm)
    _draw_bars(ink, layout.barcode, code, per_mm)
    return ink


def _draw_text(ink: Image.Image, box: TextBox, text: str, per_mm: int) -> None:
    if not text:
        return
    left, top, width, height = box.dots(per_mm)
    pad = per_mm // 2 if box.invert else 0
    block = typeset.fit(text, (width - 2 * pad, height), box.size.styles(per_mm), box.direction == "rtl", box.lines)
    letters = typeset.draw(block, (width - 2 * pad, height), box.align)
    if box.invert:
        ink.paste(1, (left, top, left + width, top + height))
    ink.paste(0 if box.invert else 1, (left + pad, top), letters)


def _draw_bars(ink: Image.Image, box: BarcodeBox, code: str, per_mm: int) -> None:
    left, top, width, height = box.dots(per_mm)
    bars = symbols.code128(code, (width, height), round(box.module * per_mm))
    ink.paste(1, (left, top), bars)
