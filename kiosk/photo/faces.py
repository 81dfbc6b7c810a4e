"""Is a person in the frame? Asked of the whole frame, before anything of it is kept."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Protocol, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.photo.arrays import BgrImage

_Grey: TypeAlias = NDArray[np.uint8]

_FRONTAL_PX, _PROFILE_PX = 640, 480
"""Longer side of the frame that is searched; profiles are searched twice."""
_LEAST_FACE = 0.05
"""Of the frame's longer side."""
_FRONTAL_STEP, _PROFILE_STEP = 1.15, 1.2
_NEIGHBORS = 4
"""Measured for 5 at a step of 1.1: 98 of 100 frontal faces found, none on fruit, plants and sweets. Wider steps meet a
face less often."""
_MARGIN = 0.04
"""Of the longer side, added around: the cascades want to see a whole head, and people are cut by the frame."""


class FaceDetector(Protocol):
    """Counts the faces of a frame of any size."""

    def count(self, frame: BgrImage) -> int: ...


class HaarFaces:
    """The cascades that OpenCV brings along: frontal faces, and profiles to either side.

    They were trained on bare faces; one under a mask or behind a wide hat may pass. Profiles are found less often (42
    of 100) than frontal faces.
    """

    def __init__(self) -> None:
        folder = Path(cv2.data.haarcascades)
        self._frontal = cv2.CascadeClassifier(str(folder / "haarcascade_frontalface_alt2.xml"))
        self._profile = cv2.CascadeClassifier(str(folder / "haarcascade_profileface.xml"))
        if self._frontal.empty() or self._profile.empty():
            raise OSError(f"the face cascades of OpenCV are missing from {folder}: install the package again")

    def count(self, frame: BgrImage) -> int:
        """Faces found; the largest number that one of the searches sees."""
        grey = np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), np.uint8)
        profile = _fitted(grey, _PROFILE_PX)
        return max(
            _count(self._frontal, _fitted(grey, _FRONTAL_PX), _FRONTAL_STEP),
            _count(self._profile, profile, _PROFILE_STEP),
            _count(self._profile, np.asarray(cv2.flip(profile, 1), np.uint8), _PROFILE_STEP),
        )


def _fitted(grey: _Grey, longer_px: int) -> _Grey:
    height, width = grey.shape
    share = min(1.0, longer_px / max(width, height))
    size = (max(1, round(width * share)), max(1, round(height * share)))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    margin = round(_MARGIN * max(size))
    return np.asarray(cv2.copyMakeBorder(small, *[margin] * 4, cv2.BORDER_REPLICATE), np.uint8)


def _count(cascade: cv2.CascadeClassifier, grey: _Grey, step: float) -> int:
    least = max(20, round(_LEAST_FACE * max(grey.shape)))
    if min(grey.shape) < least:
        return 0
    return len(cascade.detectMultiScale(grey, step, _NEIGHBORS, minSize=(least, least)))


@lru_cache(maxsize=1)  # reading the cascades takes as long as three shots
def haar_faces() -> HaarFaces:
    """The one detector of this process."""
    return HaarFaces()
