"""A label of fixed size: texts, rules and bars where its layout says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, Generic, TypeVar

from PIL import Image

from kiosk.labels import symbols
from kiosk.labels.layout import (
    MAX_MODULE_MM,
    MIN_CODE128_MODULE_MM,
    SHIPPED,
    BarcodeBox,
    LabelLayout,
    Layouts,
    SymbolBox,
    TextBox,
)
from kiosk.labels.raster import Raster
from kiosk.labels.typesetting import glyphs, typeset
from kiosk.protocols.printers.page_setup import PrintHead

D = TypeVar("D")

# Of a text that is kept, 125 kB: the largest of a shipped layout has a third. What a hand has typed may fill a page of
# 400 x 400 mm, and each stroke makes another one.
_MAX_CACHED_DOTS: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class LabelContent:
    """``texts`` by the field of the box, an empty one leaves its box white; ``code`` is what the bars say.

    ``symbols`` are the 2D symbols the document has, ``bars`` the other bars, by what a layout calls them.
    """

    texts: Mapping[str, str]
    code: str = ""
    symbols: Mapping[str, str] = field(default_factory=dict)
    bars: Mapping[str, str] = field(default_factory=dict)


def draw_label(layout: LabelLayout, content: LabelContent, head: PrintHead) -> Raster:
    """Return one label in dots of the head; a text that its layout has no box for is not drawn.

    Raises SymbolTooWide or NotEncodable for a code that cannot be drawn, FontProblem when a font or the shaping
    library is missing.
    """
    return Raster.from_ink(draw_ink(layout, content, head), glyphs.missing_glyph_warnings(content.texts.values()))


@dataclass(frozen=True, slots=True)
class LabelRenderer(Generic[D]):
    """Draws labels of one kind by their layout. Raises as ``draw_label``."""

    kind: str
    content: Callable[[D], LabelContent]

    def __call__(self, data: D, head: PrintHead, layouts: Layouts = SHIPPED) -> Raster:
        return draw_label(layouts.of(self.kind), self.content(data), head)


def draw_ink(layout: LabelLayout, content: LabelContent, head: PrintHead) -> Image.Image:
    """Draw one label as a picture (mode "1", 1 = ink) into which more can be drawn."""
    per_mm = head.per_mm
    ink = Image.new("1", (round(layout.width * per_mm), round(layout.height * per_mm)), 0)
    for rule in layout.rules:
        left, top, width, height = rule.dots(per_mm)
        ink.paste(1, (left, top, left + width, top + height))
    replaced = {box.instead_of for box in layout.boxes if content.texts.get(box.field)}
    for box in layout.boxes:
        if box.field not in replaced:
            _draw_text(ink, box, content.texts.get(box.field, ""), per_mm)
    for (left, top), picture in _codes(layout, content, per_mm):
        ink.paste(picture, (left, top))
    return ink


def require_codes_fit(layout: LabelLayout, content: LabelContent, head: PrintHead) -> None:
    """Check that codes, which cannot be made to fit like texts, can be drawn. Raises SymbolTooWide or NotEncodable."""
    for _ in _codes(layout, content, head.per_mm):
        pass


def visible_text(box: TextBox, text: str, head: PrintHead) -> str:
    """Return the letters of a text that fit its box, without gaps; "" when the lines are higher than the box."""
    room = _room(box, head.per_mm)
    block = _fitted(text, box, room, head.per_mm)
    return without_gaps(" ".join(block.lines)) if block.height <= room[1] else ""


def without_gaps(text: str) -> str:
    """Remove white space, which line breaks add or drop."""
    return "".join(text.split())


def _codes(layout: LabelLayout, content: LabelContent, per_mm: int) -> Iterator[tuple[tuple[int, int], Image.Image]]:
    if layout.barcode and content.code:
        yield _bars(layout.barcode, content, per_mm)
    for box in layout.symbols:
        if (symbol := _symbol(box, content.symbols, per_mm)) is not None:
            yield symbol


def _draw_text(ink: Image.Image, box: TextBox, text: str, per_mm: int) -> None:
    if not text:
        return
    left, top, width, height = box.dots(per_mm)
    if box.invert:
        ink.paste(1, (left, top, left + width, top + height))
    ink.paste(0 if box.invert else 1, (left + _padding(box, per_mm), top), _letters(text, box, per_mm))


def _padding(box: TextBox, per_mm: int) -> int:
    return per_mm // 2 if box.invert else 0


def _letters(text: str, box: TextBox, per_mm: int) -> Image.Image:
    """Return the text drawn for its box, cached: captions, dates and places are repeated on the next label."""
    _, _, width, height = box.dots(per_mm)
    if width * height > _MAX_CACHED_DOTS:
        return _typeset(text, box, per_mm)
    size, packed = _packed(text, box, per_mm)
    return Image.frombytes("1", size, packed)


@lru_cache(maxsize=64)
def _packed(text: str, box: TextBox, per_mm: int) -> tuple[tuple[int, int], bytes]:
    """Draw the text, packed eight dots a byte: a picture takes a byte for each."""
    picture = _typeset(text, box, per_mm)
    return picture.size, picture.tobytes()


def _typeset(text: str, box: TextBox, per_mm: int) -> Image.Image:
    room = _room(box, per_mm)
    return typeset.draw(_fitted(text, box, room, per_mm), room, box.align)


def _room(box: TextBox, per_mm: int) -> tuple[int, int]:
    _, _, width, height = box.dots(per_mm)
    return width - 2 * _padding(box, per_mm), height


def _fitted(text: str, box: TextBox, room: tuple[int, int], per_mm: int) -> typeset.Block:
    return typeset.fit(text, room, box.size.styles(per_mm), box.direction == "rtl", box.lines)


def _bars(box: BarcodeBox, content: LabelContent, per_mm: int) -> tuple[tuple[int, int], Image.Image]:
    left, top, width, height = box.dots(per_mm)
    known = {"code": content.code, **content.bars}
    kind = next((kind for kind in box.carries if known.get(kind)), "code")
    if kind == "code":
        bars = symbols.code128(content.code, (width, height), round(box.module * per_mm))
    else:
        min_module_dots = round(MIN_CODE128_MODULE_MM * per_mm)
        bars = symbols.gs1_bars(kind, known[kind], (width, height), (min_module_dots, round(MAX_MODULE_MM * per_mm)))
    return (left, top), bars


def _symbol(
    box: SymbolBox, symbols_by_name: Mapping[str, str], per_mm: int
) -> tuple[tuple[int, int], Image.Image] | None:
    """Draw the first symbol of the document that fits; None when it has none. Raises SymbolTooWide when none fits."""
    left, top, width, height = box.dots(per_mm)
    side, min_module_dots = min(width, height), round(MIN_CODE128_MODULE_MM * per_mm)
    known = [(kind, symbols_by_name[kind]) for kind in box.carries if symbols_by_name.get(kind)]
    for number, (kind, text) in enumerate(known, 1):
        try:
            picture = symbols.square(kind, text, side, min_module_dots)
        except symbols.SymbolTooWide:
            if number == len(known):
                raise
        else:
            return (left + (width - side) // 2, top + (height - side) // 2), picture
    return None
