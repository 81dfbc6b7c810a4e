"""Is a person in the frame? Checked on the whole frame, before any part of it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.photo.arrays import BgrImage

_Grey: TypeAlias = NDArray[np.uint8]

# Longer side of the frame that is searched; profiles are searched twice, and each time take longer. With less, small
# faces are missed: a profile is found from a sixteenth of the longer side on.
_FRONTAL_PX, _PROFILE_PX = 480, 320
_MIN_FACE_SHARE = 0.05  # Of the frame's longer side. A head beside the mat is more than a tenth of it.
_MIN_FACE_PX = 20
_FRONTAL_STEP, _PROFILE_STEP = 1.15, 1.2
# In few pixels and at wide steps a face is met less often. Measured on 60 small photographs of faces at the edge of
# shots: 58 are found, 57 in 640 pixels with 4. One man from the side is found as often in 320 pixels as in 400, and
# less often in 280. On 31 photographs of fruit, animals and things there is one false face, with either.
_NEIGHBORS = 3
# Of the longer side, added around: the cascades want to see a whole head, and people are cut by the frame.
_MARGIN = 0.04


@dataclass(frozen=True, slots=True)
class DetectedFace:
    """An upright square in pixels of the frame."""

    left: float
    top: float
    side: float
    profile: bool  # Turned to one side: less certain


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

    def find(self, frame: BgrImage) -> tuple[DetectedFace, ...]:
        """Return every hit; one head may be found by more than one of the searches."""
        grey = _smaller(np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), np.uint8), _FRONTAL_PX)
        found = [(hit, False) for hit in _search(self._frontal, grey, _FRONTAL_STEP)]
        grey = _smaller(grey, _PROFILE_PX)
        found += [(hit, True) for hit in _search(self._profile, grey, _PROFILE_STEP)]
        other = _search(self._profile, np.asarray(cv2.flip(grey, 1), np.uint8), _PROFILE_STEP)
        found += [((1 - left - side, top, side), True) for left, top, side in other]
        wide = frame.shape[1]
        return tuple(DetectedFace(left * wide, top * wide, side * wide, turned) for (left, top, side), turned in found)


def _smaller(grey: _Grey, longer_px: int) -> _Grey:
    share = min(1.0, longer_px / max(grey.shape))
    height, width = (max(1, round(side * share)) for side in grey.shape)
    return np.asarray(cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _search(cascade: cv2.CascadeClassifier, grey: _Grey, step: float) -> list[tuple[float, float, float]]:
    """Return left, top and side of the hits, as shares of the picture's width."""
    longer, width = max(grey.shape), grey.shape[1]
    margin = round(_MARGIN * longer)
    wide = cv2.copyMakeBorder(grey, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
    min_side = max(_MIN_FACE_PX, round(_MIN_FACE_SHARE * longer))
    if min(wide.shape) < min_side:
        return []
    hits = cascade.detectMultiScale(wide, step, _NEIGHBORS, minSize=(min_side, min_side))
    return [((left - margin) / width, (top - margin) / width, side / width) for left, top, side, _ in hits]


@lru_cache(maxsize=1)  # reading the cascades takes as long as three shots
def haar_faces() -> HaarFaces:
    """Return the shared detector of this process."""
    return HaarFaces()
