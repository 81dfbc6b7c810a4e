"""A lens that bends straight lines, measured once from a few shots of the mat itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from kiosk.photo.arrays import BgrImage
from kiosk.photo.markers import Points, see_markers
from kiosk.photo.mat import CORNER_MARKERS, VERSION_MARKER

LEAST_VIEWS = 3
_LEAST_MARKERS = 4
"""In a view, of five: fewer leave most of the picture untold."""
_WORST_RMS_PX = 1.5
_STRONGEST = 1.0
"""Of k1 and k2: a lens beyond that sees round corners, and the fit is wrong."""


class LensRefused(ValueError):
    """The shots do not tell what the lens does; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Lens:
    """Radial distortion as OpenCV has it, in shares of the frame's longer side, so that it holds for every size."""

    k1: float
    k2: float
    focal: float

    def straightened(self, frame: BgrImage) -> BgrImage:
        """The frame as a lens without distortion would give it; a new array of the same size."""
        height, width = frame.shape[:2]
        return np.asarray(cv2.undistort(frame, self._camera(width, height), self._coefficients()), np.uint8)

    def _camera(self, width: int, height: int) -> Points:
        length = self.focal * max(width, height)
        return np.array([(length, 0, (width - 1) / 2), (0, length, (height - 1) / 2), (0, 0, 1)], np.float64)

    def _coefficients(self) -> Points:
        return np.array([self.k1, self.k2, 0.0, 0.0], np.float64)


def calibrate(frames: Sequence[BgrImage]) -> Lens:
    """From at least three shots of the mat, each lying differently, all of one size. Raises LensRefused."""
    views = [view for frame in frames if (view := _corners(frame)) is not None]
    if len(views) < LEAST_VIEWS:
        raise LensRefused(f"{len(views)} of the shots show the mat with its markers: {LEAST_VIEWS} are needed")
    if len({frame.shape for frame in frames}) != 1:
        raise LensRefused("the shots are not of one size: take them with one camera and one setting")
    height, width = frames[0].shape[:2]
    longer = max(width, height)
    start = Lens(0.0, 0.0, 0.9)._camera(width, height)
    flags = (
        cv2.CALIB_USE_INTRINSIC_GUESS
        | cv2.CALIB_FIX_PRINCIPAL_POINT
        | cv2.CALIB_FIX_ASPECT_RATIO
        | cv2.CALIB_ZERO_TANGENT_DIST
        | cv2.CALIB_FIX_K3
    )
    rms, camera, coefficients, _, _ = cv2.calibrateCamera(
        [sheet for sheet, _ in views], [seen for _, seen in views], (width, height), start, np.zeros(5), flags=flags
    )
    k1, k2 = (float(value) for value in np.asarray(coefficients).ravel()[:2])
    lens = Lens(k1, k2, float(camera[0, 0]) / longer)
    if not np.isfinite([rms, k1, k2, lens.focal]).all() or rms > _WORST_RMS_PX:
        raise LensRefused(f"the corners do not fit together ({rms:.1f} pixels off): lay the mat flat, take them again")
    if max(abs(k1), abs(k2)) > _STRONGEST or not 0.3 <= lens.focal <= 5:
        raise LensRefused("the shots are too alike: tilt the mat and turn it between them")
    return lens


def _corners(frame: BgrImage) -> tuple[Points, Points] | None:
    """Corners on the sheet (z = 0) and in the frame, of markers that are there exactly once."""
    seen = see_markers(frame)
    sheet, frame_points = [], []
    for marker in (*CORNER_MARKERS, VERSION_MARKER):
        prints = seen.of(marker.number)
        if len(prints) == 1:
            sheet += [(x, y, 0.0) for x, y in marker.box.corners]
            frame_points.append(prints[0])
    if len(frame_points) < _LEAST_MARKERS:
        return None
    return np.array(sheet, np.float32), np.concatenate(frame_points).astype(np.float32)
