"""The photo mat, version 1, as pixels: A3 landscape, millimetres from its top left corner.

OpenCV is imported inside the functions: who imports this module may never draw.
"""

from __future__ import annotations

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
    width, height = (round(side * px_per_mm) for side in SHEET_MM)
    sheet: Picture = np.full((height, width, 3), FIELD_GREY, np.uint8)
    for marker, at in MARKERS_AT.items():
        _draw_marker(sheet, px_per_mm, marker, at, MARKER_MM, MARKER_QUIET_MM)
    _draw_marker(sheet, px_per_mm, VERSION_ID, VERSION_AT, VERSION_MM, VERSION_QUIET_MM)
    for left, top, grey in _patches():
        _fill(sheet, px_per_mm, left, top, PATCH_MM, PATCH_MM, grey)
    _draw_bar(sheet, px_per_mm)
    return sheet


def _patches() -> Iterator[tuple[float, float, int]]:
    for left in PATCH_COLUMNS:
        for top, grey in zip(PATCH_TOPS, PATCH_GREYS, strict=True):
            yield left, top, grey


def _fill(sheet: Picture, px_per_mm: int, left: float, top: float, width: float, height: float, grey: int) -> None:
    rows = slice(round(top * px_per_mm), round((top + height) * px_per_mm))
    columns = slice(round(left * px_per_mm), round((left + width) * px_per_mm))
    sheet[rows, columns] = grey


def _draw_marker(
    sheet: Picture, px_per_mm: int, marker: int, at: tuple[float, float], side: float, quiet: float
) -> None:
    import cv2

    left, top = at
    _fill(sheet, px_per_mm, left - quiet, top - quiet, side + 2 * quiet, side + 2 * quiet, 255)
    pixels = round(side * px_per_mm)
    dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50)
    x, y = round(left * px_per_mm), round(top * px_per_mm)
    sheet[y : y + pixels, x : x + pixels] = cv2.aruco.generateImageMarker(dictionary, marker, pixels)[..., None]


def _draw_bar(sheet: Picture, px_per_mm: int) -> None:
    left, top = BAR_AT
    _fill(sheet, px_per_mm, left, top, BAR_MM, BAR_HEIGHT_MM, 0)
    for step in range(int(BAR_MM / TICK_EVERY_MM) + 1):
        _fill(sheet, px_per_mm, left + step * TICK_EVERY_MM - 0.25, top - TICK_MM / 2, 0.5, TICK_MM / 2, 0)
