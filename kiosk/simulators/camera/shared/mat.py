"""The photo mat as pixels, drawn from its geometry.

OpenCV is imported inside the functions: who imports this module may never draw.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from kiosk.photo.mat import (
    CORNER_MARKERS,
    FIELD_GREY,
    PATCHES,
    SCALE_BAR,
    SHEET,
    TICK_EVERY_MM,
    TICK_MM,
    VERSION_MARKER,
    Box,
    Marker,
)

Picture: TypeAlias = NDArray[np.uint8]  # Rows x columns x 3, blue-green-red, 8 bit


def draw_mat(px_per_mm: int) -> Picture:
    """Draw the whole sheet at a whole number of pixels per millimetre, flat and evenly lit."""
    sheet = _Sheet(px_per_mm)
    for marker in (*CORNER_MARKERS, VERSION_MARKER):
        sheet.draw_marker(marker)
    for patch in PATCHES:
        sheet.fill(patch.box, patch.grey)
    sheet.fill(SCALE_BAR, 0)
    for step in range(int(SCALE_BAR.width / TICK_EVERY_MM) + 1):
        left = SCALE_BAR.left + step * TICK_EVERY_MM - 0.25
        sheet.fill(Box(left, SCALE_BAR.top - TICK_MM / 2, 0.5, TICK_MM / 2), 0)
    return sheet.picture


class _Sheet:
    """Pixels that are drawn on in millimetres."""

    def __init__(self, px_per_mm: int) -> None:
        width, height = round(SHEET.width * px_per_mm), round(SHEET.height * px_per_mm)
        self._px_per_mm = px_per_mm
        self.picture: Picture = np.full((height, width, 3), FIELD_GREY, np.uint8)

    def fill(self, box: Box, grey: int) -> None:
        rows = slice(self._px(box.top), self._px(box.top + box.height))
        columns = slice(self._px(box.left), self._px(box.left + box.width))
        self.picture[rows, columns] = grey

    def draw_marker(self, marker: Marker) -> None:
        import cv2

        self.fill(marker.box.grown(marker.quiet), 255)
        pixels = self._px(marker.box.width)
        dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50)
        x, y = self._px(marker.box.left), self._px(marker.box.top)
        drawn = cv2.aruco.generateImageMarker(dictionary, marker.number, pixels)
        self.picture[y : y + pixels, x : x + pixels] = drawn[..., None]

    def _px(self, millimetres: float) -> int:
        return round(millimetres * self._px_per_mm)
