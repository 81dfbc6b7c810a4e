"""The flat sheet out of the slanted frame, as if scanned: a part of it at a scale, and its neutral patches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.photo.arrays import BgrImage
from kiosk.photo.markers import DetectedMat, Points
from kiosk.photo.mat import PATCHES, Patch

Channels: TypeAlias = NDArray[np.float64]  # Blue, green, red
_PATCH_EDGE_MM = 4.0  # Left off on every side of a patch: blur, and the error of a homography that knows no lens
_PATCH_PX_PER_MM = 3.0
_PATCH_SPREAD = 14  # Grey levels around the median; noise stays within, an object on a patch does not
_PATCH_MIN_SHARE = 0.8  # Share of a patch's pixels within the spread


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the sheet at a scale: its top left corner in millimetres, its size in pixels."""

    left: float
    top: float
    px_per_mm: float
    width: int
    height: int

    def to_window(self) -> Points:
        """Return the 3 x 3 matrix from millimetres of the sheet to pixels of the window (centers at whole numbers)."""
        scale = self.px_per_mm
        return np.array([(scale, 0, -self.left * scale - 0.5), (0, scale, -self.top * scale - 0.5), (0, 0, 1)])


def flatten(
    frame: BgrImage, mat: DetectedMat, window: Window, fine: bool = False, outside: tuple[int, int, int] = (0, 0, 0)
) -> BgrImage:
    """Return the window as seen from above; ``fine`` for pictures to look at, ``outside`` colors what is not shown."""
    way = window.to_window() @ np.linalg.inv(mat.to_frame)
    shrink = int(mat.px_per_mm / window.px_per_mm)
    if shrink > 1:  # each pixel of the window must cover its whole part of the frame
        height, width = frame.shape[:2]
        frame = np.asarray(
            cv2.resize(frame, (-(-width // shrink), -(-height // shrink)), interpolation=cv2.INTER_AREA), np.uint8
        )
        half = (shrink - 1) / 2
        way = way @ np.array([(shrink, 0, half), (0, shrink, half), (0, 0, 1)])
    flat = cv2.warpPerspective(
        frame,
        way,
        (window.width, window.height),
        flags=cv2.INTER_CUBIC if fine else cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=outside,
    )
    return np.asarray(flat, np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class DetectedPatch:
    """A neutral patch as the camera gives it: 8-bit levels, before any correction."""

    patch: Patch
    level: Channels


def detect_patches(frame: BgrImage, mat: DetectedMat) -> tuple[DetectedPatch, ...]:
    """Return the patches that are in the frame and of one color all over: the others are covered."""
    height, width = frame.shape[:2]
    found = []
    for patch in PATCHES:
        middle = patch.box.grown(-_PATCH_EDGE_MM)
        if not mat.shows(middle, width, height):
            continue
        side = round(middle.width * _PATCH_PX_PER_MM)
        level = _one_color(flatten(frame, mat, Window(middle.left, middle.top, _PATCH_PX_PER_MM, side, side)))
        if level is not None:
            found.append(DetectedPatch(patch, level))
    return tuple(found)


def _one_color(picture: BgrImage) -> Channels | None:
    levels = cv2.blur(picture, (3, 3)).reshape(-1, 3).astype(np.int16)
    near = (np.abs(levels - np.median(levels, axis=0)) <= _PATCH_SPREAD).all(axis=1)
    if near.mean() < _PATCH_MIN_SHARE:
        return None
    return np.asarray(picture.reshape(-1, 3)[near].mean(axis=0), np.float64)
