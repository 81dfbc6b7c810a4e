"""A quick check of the mat while goods are laid on it: a small picture of the interior, and what is plain to see.

It guides the person who takes the shot. The verdict is separate: it is made at full size, faces included.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.domain.verdict import Finding, Reason
from kiosk.photo import checks
from kiosk.photo.arrays import BgrImage
from kiosk.photo.color import SHEET_WINDOW, find_correction, fit_light
from kiosk.photo.cutout import lightness_and_chroma
from kiosk.photo.frame_check import mean_luminance
from kiosk.photo.markers import DetectedMarkers, DetectedMat, detect_markers, fit_mat
from kiosk.photo.mat import INTERIOR
from kiosk.photo.measures import Outline, hand_measure, motion
from kiosk.photo.pipeline import limit_size
from kiosk.photo.rectify import Window, detect_patches, flatten

# Of what the mat is looked for in, and the most of the picture: a marker has some 30 pixels a side there.
LIVE_VIEW_WIDTH_PX: Final = 480
_LIGHT_WIDTH_PX: Final = 960  # Of what light and goods are judged in: a pixel and a half a millimetre
LIVE_VIEW_PX_PER_MM: Final = 1.5
LIVE_VIEW_WINDOW: Final = Window(
    INTERIOR.left,
    INTERIOR.top,
    LIVE_VIEW_PX_PER_MM,
    round(INTERIOR.width * LIVE_VIEW_PX_PER_MM),
    round(INTERIOR.height * LIVE_VIEW_PX_PER_MM),
)
_STILL_LEVELS: Final = 2.0  # Mean difference to the look before, as for the motion of a burst
_COLORED, _BRIGHTER, _BLACKER = 9.0, 6.0, -33.0  # As the cut-out has them for what is goods without a doubt
_RIM_MM = 2  # Of the interior: a pixel of the edge is half of what is beside it


@dataclass(frozen=True, slots=True, eq=False)
class LiveViewAssessment:
    """``small`` is the whole frame, for the next look to compare with: it shows people and must never be handed on.

    ``picture`` is the LIVE_VIEW_WINDOW, None where the mat is not found or goes out of the frame.
    """

    small: BgrImage
    lights: tuple[Reason, ...]
    still: bool = False
    picture: BgrImage | None = None


def assess_live_view(frame: BgrImage, before: BgrImage | None = None) -> LiveViewAssessment:
    """Judge one frame; ``before`` is ``small`` of the previous look."""
    seen = limit_size(frame)
    height, width = seen.shape[:2]
    middle = _shrunk_to_width(seen, _LIGHT_WIDTH_PX)
    small = _shrunk_to_width(middle, LIVE_VIEW_WIDTH_PX)
    mat = fit_mat(_at_full_size(detect_markers(small), seen))
    if mat is None or not mat.shows(INTERIOR, width, height):
        level = mean_luminance(small)
        findings = (checks.check_frame_dark(level), checks.check_frame_bright(level))
        return LiveViewAssessment(small, (Reason.MAT, *_reasons(findings)))
    lights = _lights(middle, _shrunk(mat, seen, middle), checks.check_blur(mat))
    here = _shrunk(mat, seen, small)
    still = before is not None and before.shape == small.shape and motion(before, small, here) < _STILL_LEVELS
    return LiveViewAssessment(small, lights, still, flatten(seen, mat, LIVE_VIEW_WINDOW))


def _shrunk_to_width(frame: BgrImage, widest: int) -> BgrImage:
    height, width = frame.shape[:2]
    share = min(1.0, widest / width)
    size = (max(1, round(width * share)), max(1, round(height * share)))
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)


def _at_full_size(markers: DetectedMarkers, frame: BgrImage) -> DetectedMarkers:
    """Map markers of the small frame to the full frame, which alone shows how soft edges are."""
    grey = np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), np.uint8)
    scale = np.array(grey.shape[::-1]) / markers.grey.shape[::-1]
    return DetectedMarkers(tuple((number, (four + 0.5) * scale - 0.5) for number, four in markers.prints), grey)


def _shrunk(mat: DetectedMat, frame: BgrImage, smaller: BgrImage) -> DetectedMat:
    """Map the mat to a smaller copy of the frame; keep the edge softness measured in the frame."""
    (height, width), (rows, columns) = frame.shape[:2], smaller.shape[:2]
    x, y = columns / width, rows / height
    way = np.array([(x, 0, (x - 1) / 2), (0, y, (y - 1) / 2), (0, 0, 1)])
    return replace(mat, to_frame=way @ mat.to_frame, px_per_mm=mat.px_per_mm * x)


def _lights(frame: BgrImage, mat: DetectedMat, blur: Finding | None) -> tuple[Reason, ...]:
    height, width = frame.shape[:2]
    sheet = flatten(frame, mat, SHEET_WINDOW)
    light = fit_light(sheet, mat, width, height)
    true = find_correction(light, detect_patches(frame, mat)).apply(sheet, SHEET_WINDOW)
    goods, reach = _goods(true), hand_measure(true)
    return _reasons(
        (
            checks.check_dark(light, None),
            checks.check_bright(light, None),
            blur,
            checks.check_hand(reach.body, reach.shadow),
            checks.check_empty(goods),
            *checks.check_place(goods),
        )
    )


def _reasons(findings: tuple[Finding | None, ...]) -> tuple[Reason, ...]:
    """Return each reason once, in the order of the checks."""
    return tuple(dict.fromkeys(finding.reason for finding in findings if finding is not None))


def _goods(sheet: BgrImage) -> Outline | None:
    """Outline what is not bare mat in the SHEET_WINDOW with true colors, to a millimetre."""
    inner = INTERIOR.grown(-_RIM_MM)
    part = np.s_[round(inner.top) : round(inner.bottom), round(inner.left) : round(inner.right)]
    lightness, chroma = lightness_and_chroma(np.asarray(cv2.GaussianBlur(sheet[part], (0, 0), 0.8), np.uint8))
    other = ((chroma > _COLORED) | (lightness > _BRIGHTER) | (lightness < _BLACKER)).astype(np.uint8)
    mask: NDArray[np.uint8] = np.asarray(cv2.morphologyEx(other, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), np.uint8)
    area = cv2.countNonZero(mask)
    if not area:
        return None
    left, top, width, height = (int(side) for side in cv2.boundingRect(mask))
    rows, columns = mask.shape
    near = min(left, top, columns - left - width, rows - top - height) + _RIM_MM
    count, _ = cv2.connectedComponents(mask)
    return Outline(
        coverage=area / (INTERIOR.width * INTERIOR.height),
        box=INTERIOR,
        length=max(width, height),
        width=min(width, height),
        pieces=count - 1,
        edge=near,
    )
