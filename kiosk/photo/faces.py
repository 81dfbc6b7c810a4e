"""Is a person in the frame? Asked of the whole frame, before anything of it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class SeenFace:
    """An upright square in pixels of the frame."""

    left: float
    top: float
    side: float
    profile: bool
    """Turned to one side: less certain."""


class FaceDetector(Protocol):
    """Finds the faces of a frame of any size."""

    def find(self, frame: BgrImage) -> Sequence[SeenFace]: ...


class HaarFaces:
    """The cascades that OpenCV brings along: frontal faces, and profiles to either side.

    They were trained on bare faces; one under a mask or behind a wide hat may pass. Profiles are found less often (42
    of 100) than frontal faces.
    """

    def __init__(self) -> None:
        folder = Path(cv2.__file__).parent / "data"
        self._frontal = cv2.CascadeClassifier(str(folder / "haarcascade_frontalface_alt2.xml"))
        self._profile = cv2.CascadeClassifier(str(folder / "haarcascade_profileface.xml"))
        if self._frontal.empty() or self._profile.empty():
            raise OSError(f"the face cascades of OpenCV are missing from {folder}: install the package again")

    def find(self, frame: BgrImage) -> tuple[SeenFace, ...]:
        """Every hit; one head may be found by more than one of the searches."""
        grey = np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), np.uint8)
        width = grey.shape[1]
        frontal = _search(self._frontal, grey, _FRONTAL_PX, _FRONTAL_STEP)
        profile = _search(self._profile, grey, _PROFILE_PX, _PROFILE_STEP)
        other = _search(self._profile, np.asarray(cv2.flip(grey, 1), np.uint8), _PROFILE_PX, _PROFILE_STEP)
        turned = [*profile, *((width - left - side, top, side) for left, top, side in other)]
        return (*(SeenFace(*hit, False) for hit in frontal), *(SeenFace(*hit, True) for hit in turned))


def _search(
    cascade: cv2.CascadeClassifier, grey: _Grey, longer_px: int, step: float
) -> list[tuple[float, float, float]]:
    """Left, top and side of the hits, in pixels of the frame."""
    share = min(1.0, longer_px / max(grey.shape))
    height, width = (max(1, round(side * share)) for side in grey.shape)
    margin = round(_MARGIN * max(width, height))
    small = cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA)
    wide = cv2.copyMakeBorder(small, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
    least = max(20, round(_LEAST_FACE * max(width, height)))
    if min(wide.shape) < least:
        return []
    hits = cascade.detectMultiScale(wide, step, _NEIGHBORS, minSize=(least, least))
    return [((left - margin) / share, (top - margin) / share, side / share) for left, top, side, _ in hits]


@lru_cache(maxsize=1)  # reading the cascades takes as long as three shots
def haar_faces() -> HaarFaces:
    """The one detector of this process."""
    return HaarFaces()
