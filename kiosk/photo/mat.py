"""The photo mat, version 1: the position of everything on the printed sheet. A3 landscape, millimetres from its top
left corner, x to the right, y down.

All code that prints, draws or reads a mat takes it from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Box:
    """An upright rectangle in millimetres of the sheet."""

    left: float
    top: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.left + self.width

    @property
    def bottom(self) -> float:
        return self.top + self.height

    @property
    def corners(self) -> tuple[tuple[float, float], ...]:
        """Top left, top right, bottom right, bottom left: the order of an upright ArUco marker's corners."""
        return (self.left, self.top), (self.right, self.top), (self.right, self.bottom), (self.left, self.bottom)

    def grown(self, by: float) -> Box:
        """Add ``by`` millimetres on every side; negative shrinks the box."""
        return Box(self.left - by, self.top - by, self.width + 2 * by, self.height + 2 * by)


def _square(left: float, top: float, side: float) -> Box:
    return Box(left, top, side, side)


@dataclass(frozen=True, slots=True)
class Marker:
    """An ArUco marker of ``DICT_4X4_50``: its black square, and how far the white around it reaches."""

    number: int
    box: Box
    quiet: float


@dataclass(frozen=True, slots=True)
class Patch:
    """A neutral patch: its sRGB grey, the same in all three channels."""

    box: Box
    grey: int


SHEET: Final = Box(0.0, 0.0, 420.0, 297.0)
FIELD_GREY: Final = 119  # sRGB of the whole sheet, L* 50: the only mat on which neither white nor dark goods were lost
CORNER_MARKERS: Final = tuple(
    Marker(number, _square(left, top, 40.0), 5.0)
    for number, (left, top) in enumerate(((10.0, 10.0), (370.0, 10.0), (370.0, 247.0), (10.0, 247.0)))
)
# Its number says which mat this is: 10 is version 1.
VERSION_MARKER: Final = Marker(10, _square(200.0, 12.0, 20.0), 3.0)
# The set along the left edge, then the same greys in the same order along the right edge.
PATCHES: Final = tuple(
    Patch(_square(left, top, 20.0), grey)
    for left in (10.0, 390.0)
    for top, grey in ((75.0, 243), (100.0, 188), (125.0, 94), (150.0, 40))
)
SCALE_BAR: Final = Box(160.0, 280.0, 100.0, 3.0)
TICK_EVERY_MM: Final = 10.0
TICK_MM: Final = 6.0
# Where a printed sheet may say how to print and glue it.
WORDS: Final = (Box(60.0, 253.0, 95.0, 37.0), Box(265.0, 253.0, 95.0, 37.0))
# By which two halves are glued.
SEAM_MARKS: Final = tuple(Box(205.0, top, 10.0, 5.0) for top in (37.5, 42.5, 249.5, 286.5))
INTERIOR: Final = Box(70.0, 48.5, 280.0, 200.0)  # Where goods may lie, and all that is ever kept of a shot
PX_PER_MM: Final = 6  # Of a rectified picture: the interior is 1680 x 1200 pixels
MIN_CORNER_MARKERS: Final = 3
