"""The photo mat, version 1, as pixels: A3 landscape, millimetres from its top left corner.

OpenCV is imported inside the functions: who imports this module may never draw.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterator

Picture: TypeAlias = NDArray[np.uint8]
"""Rows x columns x 3, blue-green-red, 8 bit."""

SHEET_MM = (420.0, 297.0)
FIELD_GREY = 119
MARKER_MM, MARKER_QUIET_MM = 40.0, 5.0
VERSION_ID, VERSION_MM, VERSION_QUIET_MM, VERSION_AT = 10, 20.0, 3.0, (200.0, 12.0)
MARKERS_AT = {0: (10.0, 10.0), 1: (370.0, 10.0), 2: (370.0, 247.0), 3: (10.0, 247.0)}
PATCH_MM = 20.0
PATCH_GREYS = (243, 188, 94, 40)
PATCH_COLUMNS, PATCH_TOPS = (10.0, 390.0), (75.0, 100.0, 125.0, 150.0)
BAR_AT, BAR_MM, BAR_HEIGHT_MM, TICK_EVERY_MM, TICK_MM = (160.0, 280.0), 100.0, 3.0, 10.0, 6.0
INTERIOR_MM = (70.0, 48.5, 350.0, 248.5)
"""Left, top, right, bottom of where goods may lie."""


def draw_mat(px_per_mm: int) -> Picture:
    """The whole sheet at a whole number of pixels per millimetre, flat and evenly lit."""
    sheet = _Sheet(px_per_mm)
    for marker, at in MARKERS_AT.items():
        sheet.draw_marker(marker, _square(at, MARKER_MM), MARKER_QUIET_MM)
    sheet.draw_marker(VERSION_ID, _square(VERSION_AT, VERSION_MM), VERSION_QUIET_MM)
    for left, top, grey in _patches():
        sheet.fill(_square((left, top), PATCH_MM), grey)
    _draw_bar(sheet)
    return sheet.picture


def _patches() -> Iterator[tuple[float, float, int]]:
    for left in PATCH_COLUMNS:
        for top, grey in zip(PATCH_TOPS, PATCH_GREYS, strict=True):
            yield left, top, grey


@dataclass(frozen=True, slots=True)
class _Box:
    """In millimetres."""

    left: float
    top: float
    width: float
    height: float


def _square(at: tuple[float, float], side: float) -> _Box:
    return _Box(*at, side, side)


class _Sheet:
    """Pixels that are drawn on in millimetres."""

    def __init__(self, px_per_mm: int) -> None:
        width, height = (round(side * px_per_mm) for side in SHEET_MM)
        self._px_per_mm = px_per_mm
        self.picture: Picture = np.full((height, width, 3), FIELD_GREY, np.uint8)

    def fill(self, box: _Box, grey: int) -> None:
        rows = slice(self._px(box.top), self._px(box.top + box.height))
        columns = slice(self._px(box.left), self._px(box.left + box.width))
        self.picture[rows, columns] = grey

    def draw_marker(self, marker: int, box: _Box, quiet: float) -> None:
        """With white around it, ``quiet`` millimetres wide."""
        import cv2

        self.fill(_Box(box.left - quiet, box.top - quiet, box.width + 2 * quiet, box.height + 2 * quiet), 255)
        pixels = self._px(box.width)
        dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50)
        x, y = self._px(box.left), self._px(box.top)
        drawn = cv2.aruco.generateImageMarker(dictionary, marker, pixels)
        self.picture[y : y + pixels, x : x + pixels] = drawn[..., None]

    def _px(self, millimetres: float) -> int:
        return round(millimetres * self._px_per_mm)


def _draw_bar(sheet: _Sheet) -> None:
    left, top = BAR_AT
    sheet.fill(_Box(left, top, BAR_MM, BAR_HEIGHT_MM), 0)
    for step in range(int(BAR_MM / TICK_EVERY_MM) + 1):
        sheet.fill(_Box(left + step * TICK_EVERY_MM - 0.25, top - TICK_MM / 2, 0.5, TICK_MM / 2), 0)
