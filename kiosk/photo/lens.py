"""A lens that bends straight lines, taken out of a frame."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.photo.arrays import BgrImage
from kiosk.photo.markers import Points


@dataclass(frozen=True, slots=True)
class Lens:
    """Radial distortion as OpenCV has it, in shares of the frame's longer side, so that it holds for every size."""

    k1: float
    k2: float
    focal: float

    def straightened(self, frame: BgrImage) -> BgrImage:
        """The frame as a lens without distortion would give it; a new array of the same size."""
        height, width = frame.shape[:2]
        places, shares = _places(self, width, height)
        return np.asarray(cv2.remap(frame, places, shares, cv2.INTER_LINEAR), np.uint8)

    def straight(self, points: Points, width: int, height: int) -> Points:
        """Where points of a frame of this size lie in its straightened one; rows of x and y."""
        matrix = self.camera(width, height)
        rows = np.asarray(points, np.float64).reshape(-1, 1, 2)
        return np.asarray(cv2.undistortPoints(rows, matrix, self._coefficients(), P=matrix), np.float64).reshape(-1, 2)

    def camera(self, width: int, height: int) -> Points:
        """The camera matrix for frames of this size."""
        length = self.focal * max(width, height)
        return np.array([(length, 0, (width - 1) / 2), (0, length, (height - 1) / 2), (0, 0, 1)], np.float64)

    def maps(self, width: int, height: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """For every pixel of the straightened frame its place in the frame, in the form that ``cv2.remap`` likes."""
        matrix = self.camera(width, height)
        size = (width, height)
        return cv2.initUndistortRectifyMap(matrix, self._coefficients(), np.eye(3), matrix, size, cv2.CV_16SC2)

    def _coefficients(self) -> Points:
        return np.array([self.k1, self.k2, 0.0, 0.0], np.float64)


@lru_cache(maxsize=1)  # 12 MB for 1920 x 1080, and more time to make than a look at the mat takes
def _places(lens: Lens, width: int, height: int) -> tuple[NDArray[Any], NDArray[Any]]:
    return lens.maps(width, height)
