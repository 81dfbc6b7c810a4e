"""The layouts of the papers: rows of data in layouts/*.toml, checked when they are loaded."""

from __future__ import annotations

import tomllib
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Final, Literal

import msgspec

from kiosk.labels.typesetting.typeset import Align, Style, styles
from kiosk.protocols.printers.page_setup import DOTS_PER_MM

_COARSEST = min(DOTS_PER_MM.values())

LEAST_CODE128_MODULE_MM = 0.25
"""Two dots at 203 dpi: the finest bar that cheap thermal heads and scanners agree on."""


class LayoutProblem(ValueError):
    """The text names the layout, the box and what is wrong."""


class Area(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A rectangle in mm from the upper left corner of the label."""

    x: float
    y: float
    w: float
    h: float

    def dots(self, per_mm: int) -> tuple[int, int, int, int]:
        """Left, top, width, height in whole dots."""
        left, top = round(self.x * per_mm), round(self.y * per_mm)
        return left, top, round((self.x + self.w) * per_mm) - left, round((self.y + self.h) * per_mm) - top


class TypeSize(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Em sizes in mm from which the largest that fits is taken."""

    largest: float
    smallest: float
    bold: bool = False
    tight: bool = False

    def styles(self, per_mm: int) -> tuple[Style, ...]:
        return styles(round(self.largest * per_mm), round(self.smallest * per_mm), self.bold, self.tight)


class TextBox(Area, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where a field is drawn and how. ``instead_of`` names the box whose place this one takes when it has text."""

    field: str
    size: TypeSize
    lines: int = 1
    direction: Literal["ltr", "rtl"] = "ltr"
    align: Align = Align.LEFT
    invert: bool = False
    instead_of: str = ""


class BarcodeBox(Area, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A Code 128 symbol, quiet zones inside the rectangle, ``module`` wide in mm."""

    field: str
    module: float


class LabelLayout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A label of fixed size in mm. ``ruler`` is where a test label shows every dot of the head."""

    name: str
    width: int
    height: int
    barcode: BarcodeBox
    boxes: tuple[TextBox, ...]
    rules: tuple[Area, ...] = ()
    ruler: Area | None = None

    def __post_init__(self) -> None:
        ruler = (self.ruler,) if self.ruler else ()
        for area in (*self.boxes, *self.rules, *ruler, self.barcode):
            if min(area.x, area.y) < 0 or area.x + area.w > self.width or area.y + area.h > self.height:
                raise LayoutProblem(f"layout {self.name}: {_title(area)} reaches over the edge of the label")
        for box in self.boxes:
            if box.invert and not box.size.bold:
                raise LayoutProblem(f"layout {self.name}: box {box.field} is white on black and must be bold")
        if self.barcode.module < LEAST_CODE128_MODULE_MM:
            raise LayoutProblem(f"layout {self.name}: a bar module of {self.barcode.module} mm is too fine to scan")
        filled: tuple[Area, ...] = (*self.boxes, *ruler, self.barcode)
        for one, other in combinations(filled, 2):
            if _overlap(one, other) and not _stands_instead(other, one):
                raise LayoutProblem(f"layout {self.name}: {_title(one)} and {_title(other)} overlap")


class ReceiptLayout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A strip as wide as the print head, at least ``width`` mm, and as long as needed: receipts and slips."""

    name: str
    width: int
    margin: float
    gap: float
    rule: float
    qr_module: float
    styles: dict[str, TypeSize]
    bar_module: float = LEAST_CODE128_MODULE_MM


def _stands_instead(other: Area, one: Area) -> bool:
    """Whether of two boxes only one is ever filled."""
    return isinstance(one, TextBox | BarcodeBox) and isinstance(other, TextBox) and other.instead_of == one.field


def _title(area: Area) -> str:
    return f"box {area.field}" if isinstance(area, TextBox | BarcodeBox) else "a rule or ruler"


def _overlap(one: Area, other: Area) -> bool:
    """True when the rectangles share a dot of the coarsest head."""
    (x, y, w, h), (u, v, s, t) = one.dots(_COARSEST), other.dots(_COARSEST)
    return x < u + s and u < x + w and y < v + t and v < y + h


def bag_layout() -> LabelLayout:
    """The 60 x 40 mm bag label."""
    return _label("bag_60x40")


def parcel_layout() -> LabelLayout:
    """The 60 x 40 mm parcel label."""
    return _label("parcel_60x40")


def printer_test_layout() -> LabelLayout:
    """The 60 x 40 mm label that shows whether the printer is well."""
    return _label("test_60x40")


def receipt_layout() -> ReceiptLayout:
    """The 58 mm receipt."""
    return _strip("receipt_58")


def slip_layout() -> ReceiptLayout:
    """The 58 mm slips: pickup, day, test."""
    return _strip("slip_58")


_LOOKED_AT: Final = (msgspec.json.Decoder(LabelLayout), msgspec.json.Decoder(ReceiptLayout))


@cache
def _label(name: str) -> LabelLayout:
    return msgspec.convert(_table(name), LabelLayout)


@cache
def _strip(name: str) -> ReceiptLayout:
    return msgspec.convert(_table(name), ReceiptLayout)


def _table(name: str) -> dict[str, object]:
    return tomllib.loads((Path(__file__).parent / "layouts" / f"{name}.toml").read_text(encoding="utf-8"))
