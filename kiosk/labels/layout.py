"""The layouts of the papers: rows of data in layouts/*.toml, checked when they are loaded."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from itertools import combinations
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Final, Literal

import msgspec

from kiosk.labels.typesetting.typeset import Align, Style, styles
from kiosk.protocols.printers.page_setup import DOTS_PER_MM

_MIN_DOTS_PER_MM = min(DOTS_PER_MM.values())

MIN_CODE128_MODULE_MM = 0.25  # Two dots at 203 dpi: the finest bar that cheap thermal heads and scanners agree on


MAX_MODULE_MM = 0.625  # What is sold at a till has bars of at most 0.66 mm (GS1 General Specifications 5.12.3.1)

# What packed produce must say of itself: Order 70 of the Ministry of Agriculture (2006), articles 10 to 12.
MANDATORY_MARKINGS = frozenset({"place", "producer", "date", "grade", "harvest"})

_PRODUCE = frozenset({"bag", "crate"})
_MIN_MARKED_MM = (60, 40)  # A smaller label has no room for it: its goods carry their marks on the crate


class LayoutProblem(ValueError):
    """Names layout, box and problem; ``word`` ends the text id ``technician.layouts.fault.…`` of its sentence."""

    def __init__(self, message: str, word: str = "rows") -> None:
        super().__init__(message)
        self.word = word


# Millimeters. A wrong number must neither fill the memory nor take a minute to draw.
Measure = Annotated[float, msgspec.Meta(ge=0, le=400)]

EmSize = Annotated[float, msgspec.Meta(ge=0.5, le=60)]  # Millimeters


class Area(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A rectangle in mm from the upper left corner of the label."""

    x: Measure
    y: Measure
    w: Measure
    h: Measure

    def dots(self, per_mm: int) -> tuple[int, int, int, int]:
        """Return left, top, width, height in whole dots."""
        left, top = round(self.x * per_mm), round(self.y * per_mm)
        return left, top, round((self.x + self.w) * per_mm) - left, round((self.y + self.h) * per_mm) - top


class TypeSize(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Em sizes in mm from which the largest that fits is taken."""

    largest: EmSize
    smallest: EmSize
    bold: bool = False
    tight: bool = False

    def __post_init__(self) -> None:
        if self.smallest > self.largest:
            raise LayoutProblem(f"the smallest size, {self.smallest}, is larger than the largest, {self.largest}")

    def styles(self, per_mm: int) -> tuple[Style, ...]:
        return styles(round(self.largest * per_mm), round(self.smallest * per_mm), self.bold, self.tight)


class TextBox(Area, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where a field is drawn and how. ``instead_of`` names the box whose place this one takes when it has text."""

    field: str
    size: TypeSize
    lines: Annotated[int, msgspec.Meta(ge=1, le=20)] = 1
    direction: Literal["ltr", "rtl"] = "ltr"
    align: Align = Align.LEFT
    invert: bool = False
    instead_of: str = ""


class BarcodeBox(Area, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Bars, quiet zones inside the rectangle: the first of ``carries`` that the document has.

    "code" becomes a Code 128 with bars of ``module`` mm, "sscc" a GS1-128 and "in_store" an EAN-13, which are as wide
    as there is room for.
    """

    field: str
    module: Annotated[float, msgspec.Meta(ge=0, le=2)]
    carries: tuple[Literal["code", "sscc", "in_store"], ...] = ("code",)


class SymbolBox(Area, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A 2D symbol with its quiet zone: the first of ``carries`` the document has; "gs1" is a DataMatrix, others QR."""

    carries: tuple[str, ...]

    @property
    def field(self) -> str:
        return self.carries[0]


class LabelLayout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A label of fixed size in mm. ``ruler`` is where a test label shows every dot of the head."""

    name: str
    width: Measure
    height: Measure
    boxes: tuple[TextBox, ...]
    barcode: BarcodeBox | None = None
    symbols: tuple[SymbolBox, ...] = ()
    rules: tuple[Area, ...] = ()
    ruler: Area | None = None

    def __post_init__(self) -> None:
        drawn = tuple(area for area in (self.ruler, self.barcode) if area)
        filled: tuple[Area, ...] = (*self.boxes, *self.symbols, *drawn)
        for area in (*filled, *self.rules):
            if area.x + area.w > self.width or area.y + area.h > self.height:
                raise LayoutProblem(f"layout {self.name}: {_title(area)} reaches over the edge of the label", "edge")
        for box in self.boxes:
            if box.invert and not box.size.bold:
                raise LayoutProblem(f"layout {self.name}: box {box.field} is white on black and must be bold", "bold")
        if self.barcode and self.barcode.module < MIN_CODE128_MODULE_MM:
            raise LayoutProblem(
                f"layout {self.name}: a bar module of {self.barcode.module} mm is too fine to scan", "code"
            )
        for one, other in combinations(filled, 2):
            if is_overlap(one, other) and not (_replaces(other, one) or _replaces(one, other)):
                raise LayoutProblem(f"layout {self.name}: {_title(one)} and {_title(other)} overlap", "overlap")
        missing = self._mandatory_markings() - {box.field for box in self.boxes}
        if missing:
            raise LayoutProblem(
                f"layout {self.name}: a label of this size must show {', '.join(sorted(missing))}", "missing"
            )

    def _mandatory_markings(self) -> frozenset[str]:
        large = self.width >= _MIN_MARKED_MM[0] and self.height >= _MIN_MARKED_MM[1]
        return MANDATORY_MARKINGS if large and self.name in _PRODUCE else frozenset()


class ReceiptLayout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A strip, at least ``width`` mm wide; a sheet has a ``height`` and room for so many ``rows`` of a list."""

    name: str
    width: int
    margin: float
    gap: float
    rule: float
    qr_module: float
    styles: dict[str, TypeSize]
    bar_module: float = MIN_CODE128_MODULE_MM
    height: float = 0.0
    rows: int = 0
    # The square that is kept for the receipt's own symbol.
    symbol: float = 27.0


def _replaces(other: Area, one: Area) -> bool:
    """Return whether ``other`` is printed instead of ``one``, so that only one is ever filled."""
    if not isinstance(one, TextBox | BarcodeBox | SymbolBox) or not isinstance(other, TextBox):
        return False
    return other.instead_of == one.field


def _title(area: Area) -> str:
    return f"box {area.field}" if isinstance(area, TextBox | BarcodeBox | SymbolBox) else "a rule or ruler"


def is_overlap(one: Area, other: Area) -> bool:
    """Return whether the rectangles share a dot of the coarsest head."""
    (x, y, w, h), (u, v, s, t) = one.dots(_MIN_DOTS_PER_MM), other.dots(_MIN_DOTS_PER_MM)
    return x < u + s and u < x + w and y < v + t and v < y + h


# The shipped layout of every kind of label, by its file.
LABELS = {
    "bag": "bag_60x40",
    "bag_small": "bag_40x30",
    "bag_shop": "bag_shop_60x40",
    "crate": "crate_100x150",
    "member": "member_60x40",
    "member_card": "member_86x54",
    "tote": "tote_60x40",
    "seal": "seal_60x40",
    "parcel": "parcel_60x40",
    "test": "test_60x40",
    "calibration": "calibration_60x40",
}

# From this width of the head on a receipt is laid out for 80 mm paper; some of its printers have 512 dots.
_NARROW_MM = 64


# By whole dots to the millimeter: the 2240 dots that office printers print across are 186.7 of these.
A4_PRINTED_MM = 186


def receipt_layout(width_mm: float = 48) -> ReceiptLayout:
    return _strip("receipt_80" if width_mm >= _NARROW_MM else "receipt_58")


def slip_layout() -> ReceiptLayout:
    """Return the layout of the 58 mm slips: pickup, day, test."""
    return _strip("slip_58")


def manifest_layout(width_mm: float) -> ReceiptLayout:
    """Return the layout of a manifest: A4 on a printer that is wide enough, else a 100 x 150 mm label."""
    return _strip("manifest_a4" if width_mm >= A4_PRINTED_MM else "manifest_100x150")


class Layouts:
    """By which layout each kind of label is drawn: a station's ``own`` where there is one, else the shipped one."""

    def __init__(self, own: Mapping[str, LabelLayout]) -> None:
        self._own = own

    def of(self, kind: str) -> LabelLayout:
        """Return the layout of this kind. Raises KeyError for an unknown kind."""
        return self._own.get(kind) or shipped_layout(kind)


SHIPPED: Final = Layouts(MappingProxyType({}))


@cache
def shipped_layout(kind: str) -> LabelLayout:
    """Read the shipped layout of this kind. Raises KeyError for an unknown kind."""
    return parse_label(shipped_text(kind))


def shipped_text(kind: str) -> str:
    return _text(LABELS[kind])


def parse_label(text: str) -> LabelLayout:
    """Read a layout. Raises LayoutProblem, which says what is wrong and where."""
    try:
        return msgspec.convert(tomllib.loads(text), LabelLayout)
    except ValueError as error:  # also a number that Python does not read for its length
        word = error.__cause__.word if isinstance(error.__cause__, LayoutProblem) else "rows"
        raise LayoutProblem(str(error), word) from error
    except RecursionError as error:
        raise LayoutProblem("the layout is nested too deeply") from error


_PREBUILT_DECODERS: Final = (msgspec.json.Decoder(LabelLayout), msgspec.json.Decoder(ReceiptLayout))


@cache
def _strip(name: str) -> ReceiptLayout:
    return msgspec.convert(tomllib.loads(_text(name)), ReceiptLayout)


def _text(name: str) -> str:
    return (Path(__file__).parent / "layouts" / f"{name}.toml").read_text(encoding="utf-8")
