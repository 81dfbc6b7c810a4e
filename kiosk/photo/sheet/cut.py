"""The sheet out of a frame, lying flat, with nothing around it."""

from __future__ import annotations

from typing import Final

from kiosk.photo.arrays import BgrImage
from kiosk.photo.markers import DetectedMat
from kiosk.photo.mat import SHEET
from kiosk.photo.rectify import Window, flatten

RIM_MM: Final = 3.0  # Left off on every side: a wide lens moves the edge by up to 2 mm, and beyond it may be people


def flat_sheet(frame: BgrImage, mat: DetectedMat, px_per_mm: float) -> BgrImage:
    """What of the sheet is outside the frame is black."""
    area = SHEET.grown(-RIM_MM)
    width, height = (max(1, round(side * px_per_mm)) for side in (area.width, area.height))
    return flatten(frame, mat, Window(area.left, area.top, px_per_mm, width, height), fine=True)
