"""The mat in a frame: which markers are seen, where every millimetre of the sheet is, how sharp its edges are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.photo.arrays import BgrImage
from kiosk.photo.mat import CORNER_MARKERS, INTERIOR, MIN_CORNER_MARKERS, VERSION_MARKER, Box

Points: TypeAlias = NDArray[np.float64]  # Rows of x and y
_MIN_FRAME_SIDE_PX = 24  # A frame with a shorter side cannot show three markers of 4 x 4 cells with their border
_MIN_MARKER_PX = 12.0  # Side of a marker: two pixels a cell
# What the markers are looked for in first, at a quarter of the time; their corners are measured in the frame.
_QUICK_SHRINK = 2
_SHRINK = 3
_MAX_PRINTS = 4  # Of one number at most, the largest: 5 choices for each of 4 numbers are 625 sets, which takes 0.1 s
_MAX_RESIDUAL_MM = 2.5  # How far a corner may lie from its place. A wide lens gives up to 2 mm; another print far more.
_FOCAL = 0.9  # Focal length as a share of the longer side: webcams see 55 to 65 degrees across
_EDGE_REACH_MM = 4.5  # To either side of a marker's outline: the white around it is 5 mm wide, its black border 6.7 mm
_EDGE_STEPS = 73
_EDGE_PLACES = 16
_EDGE_GROUP = 4  # Neighbouring profiles averaged against noise; an outline does not bend over 7 mm
_EDGE_CONTRAST = 16.0  # Grey levels from black to white, below which an edge says nothing
NO_EDGE_PX: Final = 99.0  # The rise of an edge that cannot be measured: softer than any limit
CELLS: Final = 6  # Of a marker, on a side: four of the code, and the black border around them


@dataclass(frozen=True, slots=True, eq=False)
class DetectedMat:
    """The mat in a frame. Lengths in the frame are in the frame's own pixels, on the sheet in millimetres."""

    # The corner markers that were used, by number: their corners in the frame, in the order of `Box.corners`.
    markers: Mapping[int, Points]
    to_frame: Points  # 3 x 3: millimetres of the sheet to pixels of the frame
    tilt_deg: float  # Between the camera's axis and the vertical of the mat
    px_per_mm: float  # In the middle of the interior
    # From 10 to 90 % of the step at the markers' outlines, in the worse of the sheet's two directions.
    edge_rise_px: float

    def place(self, places: Sequence[tuple[float, float]] | Points) -> Points:
        return _projected(self.to_frame, np.asarray(places, np.float64))

    def enlarged(self, across: float, down: float) -> DetectedMat:
        """Map the mat to the larger frame this one was made of, so many times as wide and high."""
        to_full = np.array([(across, 0, (across - 1) / 2), (0, down, (down - 1) / 2), (0, 0, 1)])
        return replace(self, to_frame=to_full @ self.to_frame, px_per_mm=self.px_per_mm * min(across, down))

    def shows(self, box: Box, width: int, height: int) -> bool:
        """Return whether the box is completely inside a frame of this size."""
        x, y = self.place(box.corners).T
        return bool(min(x) >= 0 and min(y) >= 0 and max(x) <= width - 1 and max(y) <= height - 1)


@dataclass(frozen=True, slots=True, eq=False)
class DetectedMarkers:
    """Every marker of a frame: its number, its four corners; the grey frame they were seen in."""

    prints: tuple[tuple[int, Points], ...]
    grey: NDArray[np.uint8]

    def of(self, number: int) -> tuple[Points, ...]:
        """Return up to _MAX_PRINTS prints of this number, largest first."""
        prints = [corners for seen, corners in self.prints if seen == number]
        return tuple(sorted(prints, key=_area, reverse=True)[:_MAX_PRINTS])

    @property
    def corner_markers(self) -> int:
        """How many of the sheet's four are there at least once."""
        return sum(bool(self.of(marker.number)) for marker in CORNER_MARKERS)


def detect_markers(frame: BgrImage) -> DetectedMarkers:
    """Look for the markers of the mat; a frame too small to show any has none."""
    grey = np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), np.uint8)
    if min(grey.shape) < _MIN_FRAME_SIDE_PX:
        return DetectedMarkers((), grey)
    quick = _detect_smaller(grey, _QUICK_SHRINK, _detector(), refined_in_full=True)
    if _is_whole(quick):
        return quick
    seen = DetectedMarkers(tuple((number, _refined(grey, four)) for number, four in _detect(grey, _detector())), grey)
    if _best(seen) is not None:
        return seen
    # What is out of focus is sharp in a smaller picture; the frame itself still shows how soft its edges are.
    rough = _detect_smaller(grey, _SHRINK, _soft_detector(), refined_in_full=False)
    return rough if rough.corner_markers > seen.corner_markers or _best(rough) is not None else seen


def _detect_smaller(
    grey: NDArray[np.uint8], shrink: int, detector: cv2.aruco.ArucoDetector, refined_in_full: bool
) -> DetectedMarkers:
    """Detect in a shrunk picture; corners are in pixels of the frame."""
    size = tuple(max(1, side // shrink) for side in grey.shape[::-1])
    small = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)
    scale = np.array(grey.shape[::-1]) / size

    def in_frame(four: Points) -> Points:
        return np.asarray((four + 0.5) * scale - 0.5, np.float64)

    prints = (
        (number, _refined(grey, in_frame(four)) if refined_in_full else in_frame(_refined(small, four)))
        for number, four in _detect(small, detector)
    )
    return DetectedMarkers(tuple(prints), grey)


def _is_whole(seen: DetectedMarkers) -> bool:
    """Return whether all five markers are found and fit the mat, so that a second search is not needed."""
    best = _best(seen)
    if best is None or len(best.chosen) < len(CORNER_MARKERS):
        return False
    return _versions(seen, best.to_frame) == {VERSION_MARKER.number}


def find_mat(frame: BgrImage) -> DetectedMat | None:
    """Find the mat in the frame; None when fewer than three corner markers fit together, or it is another mat."""
    return fit_mat(detect_markers(frame))


def fit_mat(seen: DetectedMarkers) -> DetectedMat | None:
    """Fit the sheet that most of the markers agree on; None as for ``find_mat``."""
    best = _best(seen)
    if best is None or _versions(seen, best.to_frame) - {VERSION_MARKER.number}:
        return None
    chosen, to_frame = best.chosen, best.to_frame
    height, width = seen.grey.shape
    return DetectedMat(
        markers=chosen,
        to_frame=to_frame,
        tilt_deg=_tilt(to_frame, width, height),
        px_per_mm=_scale(to_frame),
        edge_rise_px=_edge_rise(seen.grey, chosen, to_frame),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _SheetFit:
    chosen: dict[int, Points]
    residual_mm: float
    to_frame: Points


def _best(seen: DetectedMarkers) -> _SheetFit | None:
    """Return the largest set of markers that fit the sheet; of equals the one with the least residual."""
    best: _SheetFit | None = None
    for chosen in _sets(seen):
        if best is not None and len(chosen) < len(best.chosen):
            break
        fit = _fit(chosen)
        if fit is not None and (best is None or fit.residual_mm < best.residual_mm):
            best = fit
    return best


def _detect(grey: NDArray[np.uint8], detector: cv2.aruco.ArucoDetector) -> list[tuple[int, Points]]:
    if min(grey.shape) < _MIN_FRAME_SIDE_PX:
        return []
    corners, numbers, _ = detector.detectMarkers(grey)
    prints = (
        (int(number[0]), np.asarray(four, np.float64).reshape(4, 2))
        for number, four in zip(() if numbers is None else numbers, corners, strict=bool(corners))
    )
    return [(number, four) for number, four in prints if _area(four) >= _MIN_MARKER_PX**2]


@lru_cache(maxsize=1)
def _detector() -> cv2.aruco.ArucoDetector:
    return _make_detector(25)


@lru_cache(maxsize=1)
def _soft_detector() -> cv2.aruco.ArucoDetector:
    return _make_detector(45, 0.06)


def _make_detector(widest_px: int, corner_rate: float = 0.03) -> cv2.aruco.ArucoDetector:
    parameters = cv2.aruco.DetectorParameters()
    parameters.adaptiveThreshWinSizeMin = 5
    parameters.adaptiveThreshWinSizeMax = widest_px
    parameters.adaptiveThreshWinSizeStep = 20
    parameters.polygonalApproxAccuracyRate = corner_rate
    parameters.minMarkerPerimeterRate = 0.04
    return cv2.aruco.ArucoDetector(cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50), parameters)


def _refined(grey: NDArray[np.uint8], four: Points) -> Points:
    """Refine the corners to a tenth of a pixel; the window must not reach the cells of the pattern."""
    reach = int(np.clip(np.sqrt(_area(four)) / 12, 2, 6))
    corners = four.astype(np.float32).reshape(4, 1, 2)
    until = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 20, 0.03)
    fine = cv2.cornerSubPix(grey, corners, (reach, reach), (-1, -1), until).reshape(4, 2).astype(np.float64)
    moved = np.abs(fine - four).max()
    return fine if moved <= reach + 1 else four


def _area(four: Points) -> float:
    return float(abs(cv2.contourArea(four.astype(np.float32))))


def _sets(seen: DetectedMarkers) -> Iterator[dict[int, Points]]:
    """Yield every choice of one print or none for each corner, fullest first; none below three corners."""
    choices = [(*seen.of(marker.number), None) for marker in CORNER_MARKERS]
    sets = [
        {marker.number: four for marker, four in zip(CORNER_MARKERS, chosen, strict=True) if four is not None}
        for chosen in product(*choices)
    ]
    yield from sorted((one for one in sets if len(one) >= MIN_CORNER_MARKERS), key=len, reverse=True)


def _fit(chosen: dict[int, Points]) -> _SheetFit | None:
    """Fit the sheet; None when a corner is too far from its place, or the sheet would be mirrored."""
    sheet = np.concatenate([CORNER_MARKERS[number].box.corners for number in chosen])
    frame = np.concatenate(list(chosen.values()))
    to_frame = np.asarray(cv2.findHomography(sheet, frame)[0], np.float64)  # of None, which is no matrix, NaN
    if to_frame.shape != (3, 3) or not np.isfinite(to_frame).all() or abs(np.linalg.det(to_frame)) < 1e-9:
        return None
    # Depths of the interior's corners: negative behind the camera, as in a mirrored or absurd fit.
    corners = np.array([(*corner, 1.0) for corner in INTERIOR.corners])
    if (corners @ to_frame[2] <= 0).any() or _jacobian(to_frame) <= 0:
        return None
    residual = float(np.linalg.norm(_projected(np.linalg.inv(to_frame), frame) - sheet, axis=1).max())
    return _SheetFit(chosen, residual, to_frame) if residual <= _MAX_RESIDUAL_MM else None


def _versions(seen: DetectedMarkers, to_frame: Points) -> set[int]:
    """Return the marker numbers seen at the version marker's place; empty where it is covered."""
    to_sheet = np.linalg.inv(to_frame)
    at = VERSION_MARKER.box.grown(VERSION_MARKER.box.width / 4)
    found = set()
    for number, four in seen.prints:
        x, y = _projected(to_sheet, four).mean(axis=0)
        if at.left <= x <= at.right and at.top <= y <= at.bottom:
            found.add(number)
    return found


def _projected(way: Points, places: Points) -> Points:
    return cv2.perspectiveTransform(places.reshape(-1, 1, 2), way).reshape(-1, 2).astype(np.float64)


def _jacobian(to_frame: Points) -> float:
    """Return square pixels per square millimetre in the middle of the interior; negative when mirrored."""
    x, y = (INTERIOR.left + INTERIOR.right) / 2, (INTERIOR.top + INTERIOR.bottom) / 2
    middle, right, down = _projected(to_frame, np.array([(x, y), (x + 1, y), (x, y + 1)]))
    across, along = right - middle, down - middle
    return float(across[0] * along[1] - across[1] * along[0])


def _scale(to_frame: Points) -> float:
    return float(np.sqrt(_jacobian(to_frame)))


def _tilt(to_frame: Points, width: int, height: int) -> float:
    """Estimate the tilt in degrees with ``_FOCAL`` (Z. Zhang, "A flexible new technique for camera calibration")."""
    length = _FOCAL * max(width, height)
    camera = np.array([(length, 0, width / 2), (0, length, height / 2), (0, 0, 1)])
    across, along, _ = (np.linalg.inv(camera) @ to_frame).T
    normal = np.cross(across, along)
    return float(np.degrees(np.arccos(np.clip(abs(normal[2]) / np.linalg.norm(normal), 0, 1))))


def _edge_rise(grey: NDArray[np.uint8], chosen: Mapping[int, Points], to_frame: Points) -> float:
    places = _across_edges([CORNER_MARKERS[number].box for number in chosen])
    seen = _projected(to_frame, places.reshape(-1, 2)).reshape(places.shape)
    step_px = np.linalg.norm(seen[..., -1, :] - seen[..., 0, :], axis=-1).mean(axis=-1) / (_EDGE_STEPS - 1)
    steps = _rise_steps(_sampled(grey, seen.reshape(-1, _EDGE_STEPS, 2)))
    rises = steps.reshape(*step_px.shape, -1) * step_px[..., None]
    return max(_median(rises[:, direction::2]) for direction in (0, 1))


def _across_edges(boxes: Sequence[Box]) -> Points:
    """Return places on the sheet: box, side, place on it, step from the inside to the outside; x and y."""
    corners = np.array([box.corners for box in boxes])
    along = np.roll(corners, -1, axis=1) - corners
    outward = corners + along / 2 - corners.mean(axis=1, keepdims=True)
    outward /= np.linalg.norm(outward, axis=-1, keepdims=True)
    base = corners[:, :, None] + along[:, :, None] * np.linspace(0.15, 0.85, _EDGE_PLACES)[:, None]
    reach = np.linspace(-_EDGE_REACH_MM, _EDGE_REACH_MM, _EDGE_STEPS)
    return np.asarray(base[..., None, :] + outward[:, :, None, None] * reach[:, None], np.float64)


def _median(rises: Points) -> float:
    finite = rises[np.isfinite(rises)]
    return float(np.median(finite)) if finite.size else NO_EDGE_PX


def _sampled(grey: NDArray[np.uint8], places: Points) -> NDArray[np.float32]:
    x, y = places[..., 0].astype(np.float32), places[..., 1].astype(np.float32)
    return np.asarray(cv2.remap(grey, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


def _rise_steps(profiles: NDArray[np.float32]) -> Points:
    """Count steps from 10 to 90 % for each group of profiles; NaN where one does not go from black to white."""
    groups, ends = profiles.reshape(-1, _EDGE_GROUP, profiles.shape[1]).mean(axis=1), profiles.shape[1] // 6
    lows, highs = (np.median(end, axis=1) for end in (groups[:, :ends], groups[:, -ends:]))
    contrast = highs - lows
    share = (groups - lows[:, None]) / np.maximum(contrast, 1)[:, None]
    steps, half = np.arange(share.shape[1]), np.argmax(share >= 0.5, axis=1)[:, None]
    below, above = (share <= 0.1) & (steps < half), (share >= 0.9) & (steps >= half)
    measurable = (contrast >= _EDGE_CONTRAST) & below.any(axis=1) & above.any(axis=1)
    leaves = share.shape[1] - np.argmax(below[:, ::-1], axis=1)
    found = np.full(len(share), np.nan)
    found[measurable] = (_crossing(share, np.argmax(above, axis=1), 0.9) - _crossing(share, leaves, 0.1))[measurable]
    return found


def _crossing(share: NDArray[np.float32], after: NDArray[np.intp], level: float) -> Points:
    """Interpolate where each row crosses the level, between ``after`` and the step before."""
    row = np.arange(len(share))
    before, behind = (share[row, np.clip(at, 0, share.shape[1] - 1)].astype(np.float64) for at in (after - 1, after))
    rise = np.where(behind == before, 1.0, behind - before)
    return np.where(behind == before, after, after - 1 + (level - before) / rise)


def white_cells(number: int) -> tuple[tuple[bool, ...], ...]:
    """Return the cells of a ``DICT_4X4_50`` marker to draw: rows from the top, True for white, left to right."""
    dictionary = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50)
    drawn = cv2.aruco.generateImageMarker(dictionary, number, CELLS)
    return tuple(tuple(bool(cell) for cell in row) for row in drawn)
