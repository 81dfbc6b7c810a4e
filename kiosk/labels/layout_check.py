"""What a layout of a village's own must keep to: read, drawn with the longest codes there are, and hiding no weight."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from kiosk.labels.label_page import LabelContent, draw_label, require_codes_fit, visible_text, without_gaps
from kiosk.labels.layout import LabelLayout, LayoutProblem, is_overlap, parse_label, shipped_layout
from kiosk.labels.paper_texts import paper_text
from kiosk.labels.strip_parts import copy_text
from kiosk.labels.symbols import SymbolTooWide
from kiosk.protocols.barcodes.linear import NotEncodable
from kiosk.protocols.printers.page_setup import PrintHead
from kiosk.texts.formats import kg_text

MAX_LAYOUT_CHARACTERS: Final = 32_000  # Characters of a layout; the longest shipped one has 5,000

# As long as the code of a bag, and none: its last character is no check character.
_MAX_LENGTH_CODE: Final = "Y1B0000A00000000*"
_MEMBER_CODE: Final = "Y1P00000*"  # As long as the code of a member, and none

# Every pitch: bars of 0.3 mm are two dots of the one and four of the other.
_HEADS: Final = (PrintHead(203, 832), PrintHead(300, 1248))

_LINK: Final = "https://county.supply-and-marketing.example.org"  # At a domain of 39 characters
_BAG_SYMBOLS: Final = {
    "gs1": "(01)96901234000019(3103)012480(13)261125(10)0000A000000(21)0000A00000000",
    "link": f"{_LINK}/01/96901234000019/10/0000A000000/21/0000A00000000?3103=012480&13=261125",
}
_CRATE_SYMBOLS: Final = {
    "gs1": "(00)069012340000000016(02)96901234000019(3103)412480(13)261125(10)0000A000000(37)40",
    "link": f"{_LINK}/00/069012340000000016",
}
# What a station with numbers of GS1 prints besides, as long as it becomes; a link only where its domain is set. Bars of
# an SSCC, or of a shop's number, are narrower than those of the code.
_GS1: Final = {"bag": _BAG_SYMBOLS, "crate": _CRATE_SYMBOLS}


_MAX_WEIGHT_G: Final = 8_888_888
_MAX_COPIES: Final = 88


def check(kind: str, text: str, sample: LabelContent) -> LabelLayout:
    """Read a layout for a kind of label, and draw it with the longest codes there are, for every pitch.

    Draw texts at the coarsest pitch only: they are made to fit, except the weight and the copy mark. Raises
    LayoutProblem, also for a field that such a label never has, and SymbolTooWide.
    """
    if len(text) > MAX_LAYOUT_CHARACTERS:
        raise LayoutProblem(
            f"a layout has at most {MAX_LAYOUT_CHARACTERS} characters, this one has {len(text)}", "long"
        )
    layout = parse_label(text)
    name = shipped_layout(kind).name
    if layout.name != name:
        raise LayoutProblem(f"the layout of this label is called {name!r}, not {layout.name!r}", "name")
    unknown = sorted({box.field for box in layout.boxes} - set(sample.texts))
    if unknown:
        known = ", ".join(sorted(sample.texts))
        raise LayoutProblem(f"layout {name}: there is no field {', '.join(unknown)}; there are {known}", "field")
    code = _MEMBER_CODE if kind == "member" else _MAX_LENGTH_CODE
    plain = replace(sample, code=code, symbols={name: code for name, text in sample.symbols.items() if text}, bars={})
    draw_label(layout, plain, _HEADS[0])
    numbers = _GS1.get(kind, {})
    symbol_sets = (plain.symbols, {**plain.symbols, "gs1": numbers.get("gs1", "")}, {**plain.symbols, **numbers})
    for symbols in symbol_sets:
        for head in _HEADS:
            require_codes_fit(layout, replace(plain, symbols=symbols), head)
    _require_mandatory_texts(layout, sample)
    return layout


def problem_word(error: Exception) -> str:
    """Return the end of the text id ``technician.layouts.fault.…`` for an error that makes a layout unusable."""
    if isinstance(error, OSError | UnicodeDecodeError):
        return "file"
    if isinstance(error, SymbolTooWide | NotEncodable):
        return "code"
    return error.word if isinstance(error, LayoutProblem) else "rows"


def _require_mandatory_texts(layout: LabelLayout, sample: LabelContent) -> None:
    """Check that mandatory texts fit at their longest: a weight missing a digit is false, and without the copy mark a
    bag has two labels. Raises LayoutProblem.
    """
    weight, trade = kg_text(_MAX_WEIGHT_G), paper_text("not_for_trade").caption()
    copy = copy_text(True, _MAX_COPIES)
    required_texts = {"net": (weight, weight), "copy": (copy, str(_MAX_COPIES)), "not_for_trade": (trade, trade)}
    for field in sorted(required_texts.keys() & sample.texts.keys()):
        boxes = [box for box in layout.boxes if box.field == field]
        if not boxes or field in {box.instead_of for box in layout.boxes}:
            raise LayoutProblem(f"layout {layout.name}: every such label must show {field}", "missing")
        text, needed = required_texts[field]
        if not all(without_gaps(needed) in visible_text(box, text, head) for box in boxes for head in _HEADS):
            raise LayoutProblem(f"layout {layout.name}: box {field} is too small for {needed}", "small")
        if any(is_overlap(rule, box) for rule in layout.rules for box in boxes):
            raise LayoutProblem(f"layout {layout.name}: a rule runs through box {field}", "overlap")
