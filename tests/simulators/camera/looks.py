"""An independent look at a frame: markers by OpenCV, the sheet by their printed places, edges by their profile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.photo.arrays import BgrImage

MARKERS_AT = {0: (10.0, 10.0), 1: (370.0, 10.0), 2: (370.0, 247.0), 3: (10.0, 247.0)}
"""As on the page that describes the mat, in millimetres; not read from the code under test."""
INTERIOR = (slice(291, 1491), slice(420, 2100))
"""Of the sheet at six pixels a millimetre: x 70 to 350, y 48.5 to 248.5 mm."""


def markers(frame: BgrImage) -> dict[int, Any]:
    """Corners of each marker, to a fraction of a pixel."""
    fine = cv2.aruco.DetectorParameters()
    fine.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    detector = cv2.aruco.ArucoDetector(cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50), fine)
    corners, ids, _ = detector.detectMarkers(frame)
    return {} if ids is None else {int(i): c.reshape(4, 2) for i, c in zip(ids.ravel(), corners, strict=True)}


def rectify(frame: BgrImage, found: dict[int, Any], px_per_mm: int) -> BgrImage:
    """The whole sheet straightened, from the corners of its four markers."""
    seen = np.concatenate([found[i] for i in MARKERS_AT])
    true = np.concatenate([[(x, y), (x + 40, y), (x + 40, y + 40), (x, y + 40)] for x, y in MARKERS_AT.values()])
    view, _ = cv2.findHomography(seen, np.array(true, np.float32) * px_per_mm - 0.5)
    return cv2.warpPerspective(frame, view, (420 * px_per_mm, 297 * px_per_mm)).astype(np.uint8)


def faces(frame: BgrImage) -> int:
    cascade = cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / "haarcascade_frontalface_alt2.xml"))
    small = cv2.resize(frame, (640, 360), interpolation=cv2.INTER_AREA)
    return len(cascade.detectMultiScale(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), 1.1, 5, minSize=(32, 32)))


def edge_rise_px(frame: BgrImage) -> float:
    """Pixels from 10 to 90 % across the outer edges of the corner markers, in the middle."""
    grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
    rises = [
        _rise(grey, corners[side], corners[(side + 1) % 4])
        for number, corners in markers(frame).items()
        if number in MARKERS_AT
        for side in range(4)
    ]
    return float(np.median(rises))


def _rise(grey: NDArray[Any], start: Any, end: Any) -> float:
    along = (end - start) / np.hypot(*(end - start))
    out = np.array((along[1], -along[0]))
    steps = np.arange(-9, 9, 0.1)
    line = (start + end) / 2 + steps[:, None] * out
    profile = cv2.remap(grey, line[None].astype(np.float32), None, cv2.INTER_LINEAR)[0].astype(float)
    low, high = np.median(profile[:30]), np.median(profile[-30:])
    share = (profile - low) / (high - low)
    return float(np.argmax(share > 0.9) - np.argmax(share > 0.1)) * 0.1
