"""A lens measured from a few shots of the mat itself, lying or tipped another way in each.

Of a shot nothing is kept but where the corners of the markers are. Whether the fit is a gain is asked of shots that it
was made without: each is straightened by a fit to the others, and then looked at for what a flat sheet cannot do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.domain.lens import FOCAL_RANGE, STRONGEST, LensFit, LensRefusal, LensRefused
from kiosk.photo.arrays import BgrImage
from kiosk.photo.lens import Lens
from kiosk.photo.markers import Points, see_markers
from kiosk.photo.mat import CORNER_MARKERS, VERSION_MARKER
from kiosk.photo.pipeline import bounded

LEAST_VIEWS: Final = 4
MOST_VIEWS: Final = 12
_LEAST_MARKERS: Final = 3
"""Of five: 12 corners, of which 8 numbers tell how the sheet lies. A side that is lifted may leave the frame."""
_LEAST_COVERAGE: Final = 0.55
"""The mat in the middle of the frame, as shots of goods have it, covers 0.62 between its corners."""
_WORST: Final = 1.5 / 1920
"""Shares of the longer side. A flat sheet leaves 0.1 to 0.3 pixels of 1920, one that is bent by 3 mm more than 3."""
_GAIN: Final = 0.8
"""At most this share of the error may be left: less of a gain is chance."""
_ALIKE: Final = 0.005
"""Share of the longer side that corners must have moved since a shot before, in the mean: a tilt of some 4 degrees."""
_LEAST_TILTED_DEG: Final = 8.0
"""Between the two views that differ most. A sheet that was only pushed and turned about leaves the focal length open:
the fit is no worse by its error, and a fourth off in it, and so in how far a camera is found to be tilted.
"""
_MOVED: Final = 1.0 / 1920
"""Share of the longer side that corners may move within a burst."""
_FIRST_FOCAL: Final = 0.9
_FLAGS: Final = (
    cv2.CALIB_USE_INTRINSIC_GUESS
    | cv2.CALIB_FIX_PRINCIPAL_POINT
    | cv2.CALIB_FIX_ASPECT_RATIO
    | cv2.CALIB_ZERO_TANGENT_DIST
    | cv2.CALIB_FIX_K3
)


@dataclass(frozen=True, slots=True, eq=False)
class _View:
    """Corners of markers that are there exactly once."""

    sheet: NDArray[np.float32]
    """Millimetres; n x 3, z = 0."""
    seen: NDArray[np.float32]
    """Pixels of a frame of ``width`` x ``height``; n x 2."""
    numbers: tuple[int, ...]
    width: int
    height: int

    @property
    def longer(self) -> int:
        return max(self.width, self.height)


class Calibration:
    """Shots are added until ``fit`` says what the lens does. Not thread-safe."""

    def __init__(self) -> None:
        self._views: list[_View] = []
        self._full_size = (0, 0)

    @property
    def views(self) -> int:
        return len(self._views)

    @property
    def coverage(self) -> float:
        """Share of the frame between the corners of all shots."""
        return _coverage(self._views)

    def add(self, frame: BgrImage, others: Sequence[BgrImage] = ()) -> None:
        """The sharpest frame of a burst and its others. Raises LensRefused: then everything is as before."""
        view = _view(frame)
        if view is None:
            raise LensRefused(LensRefusal.MAT)
        full_size = (frame.shape[1], frame.shape[0])
        if self._views and full_size != self._full_size:
            raise LensRefused(LensRefusal.SIZE)
        for other in [one for one in others if one.shape == frame.shape][:1]:
            again = _view(other)
            if again is None or _shift(view, again) > _MOVED * view.longer:
                raise LensRefused(LensRefusal.MOVING)
        if len(self._views) == MOST_VIEWS or any(_shift(view, one) < _ALIKE * view.longer for one in self._views):
            raise LensRefused(LensRefusal.ALIKE)
        self._views.append(view)
        self._full_size = full_size

    def fit(self) -> LensFit:
        """From at least LEAST_VIEWS shots. Raises LensRefused."""
        views = self._views
        if len(views) < LEAST_VIEWS:
            raise LensRefused(LensRefusal.FEW)
        if self.coverage < _LEAST_COVERAGE:
            raise LensRefused(LensRefusal.COVERAGE)
        lens, normals = _fitted(views)
        if max(abs(lens.k1), abs(lens.k2)) > STRONGEST or not FOCAL_RANGE[0] <= lens.focal <= FOCAL_RANGE[1]:
            raise LensRefused(LensRefusal.ALIKE)
        unseen = [_residuals(view, _fitted([one for one in views if one is not view])[0]) for view in views]
        error, plain = _rms(unseen), _rms([_residuals(view, None) for view in views])
        if not np.isfinite(error) or error > _WORST * views[0].longer:
            raise LensRefused(LensRefusal.BENT)
        if error > _GAIN * plain:
            raise LensRefused(LensRefusal.STRAIGHT)
        if _widest_deg(normals) < _LEAST_TILTED_DEG:
            raise LensRefused(LensRefusal.ALIKE)
        scale = max(self._full_size) / views[0].longer
        return LensFit(
            lens.k1, lens.k2, lens.focal, *self._full_size, error * scale, plain * scale, min(1.0, self.coverage)
        )


def _view(frame: BgrImage) -> _View | None:
    small = bounded(frame)
    seen = see_markers(small)
    sheet, frame_points, numbers = [], [], []
    for marker in (*CORNER_MARKERS, VERSION_MARKER):
        prints = seen.of(marker.number)
        if len(prints) == 1:
            sheet += [(x, y, 0.0) for x, y in marker.box.corners]
            frame_points.append(prints[0])
            numbers.append(marker.number)
    if len(frame_points) < _LEAST_MARKERS:
        return None
    height, width = small.shape[:2]
    corners = np.concatenate(frame_points).astype(np.float32)
    return _View(np.array(sheet, np.float32), corners, tuple(numbers), width, height)


def _shift(view: _View, other: _View) -> float:
    """Mean distance in pixels of the corners that both show; infinite when they show none together."""
    rows = [
        np.linalg.norm(_of(view, number) - _of(other, number), axis=1)
        for number in view.numbers
        if number in other.numbers
    ]
    return float(np.mean(rows)) if rows else float("inf")


def _of(view: _View, number: int) -> NDArray[np.float32]:
    at = view.numbers.index(number) * 4
    return view.seen[at : at + 4]


def _coverage(views: Sequence[_View]) -> float:
    if not views:
        return 0.0
    hull = cv2.convexHull(np.concatenate([view.seen for view in views]))
    return float(cv2.contourArea(hull)) / (views[0].width * views[0].height)


def _fitted(views: Sequence[_View]) -> tuple[Lens, Points]:
    """The lens, and where the sheet faces in each view. Raises LensRefused where OpenCV finds nothing at all."""
    width, height = views[0].width, views[0].height
    start = Lens(0.0, 0.0, _FIRST_FOCAL).camera(width, height)
    sheets, seen = [view.sheet for view in views], [view.seen for view in views]
    try:
        _, camera, coefficients, rotations, _ = cv2.calibrateCamera(
            sheets, seen, (width, height), start, np.zeros(5), flags=_FLAGS
        )
    except cv2.error as error:
        raise LensRefused(LensRefusal.ALIKE) from error
    k1, k2 = (float(value) for value in np.asarray(coefficients).ravel()[:2])
    focal = float(np.asarray(camera)[0, 0]) / max(width, height)
    if not np.isfinite([k1, k2, focal]).all():
        raise LensRefused(LensRefusal.BENT)
    normals = np.array([np.asarray(cv2.Rodrigues(rotation)[0], np.float64)[:, 2] for rotation in rotations])
    return Lens(k1, k2, focal), normals


def _widest_deg(normals: Points) -> float:
    """The largest angle between two of these directions."""
    return float(np.degrees(np.arccos(np.clip(normals @ normals.T, -1.0, 1.0)).max()))


def _residuals(view: _View, lens: Lens | None) -> Points:
    """How far each corner lies from where a flat sheet has it, in pixels, however the sheet lies."""
    seen = np.asarray(view.seen, np.float64)
    straight = seen if lens is None else lens.straight(seen, view.width, view.height)
    flat = np.asarray(view.sheet[:, :2], np.float64)
    homography = np.asarray(cv2.findHomography(flat, straight, 0)[0], np.float64)
    if homography.shape != (3, 3):  # OpenCV gives None where points tell nothing
        return np.full(len(flat), np.inf)
    placed = cv2.perspectiveTransform(flat.reshape(-1, 1, 2), homography).reshape(-1, 2)
    return np.asarray(np.linalg.norm(placed - straight, axis=1), np.float64)


def _rms(residuals: Sequence[Points]) -> float:
    every = np.concatenate(residuals)
    return float(np.sqrt(np.mean(every * every)))
