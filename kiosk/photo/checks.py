"""The reasons to take a shot again (*retake*), each with its limit; `pipeline` puts them in order.

A frozen camera and an unreadable picture are found before (`kiosk.devices.camera`, `pipeline`).
"""

from __future__ import annotations

from typing import Final

from kiosk.domain.verdict import Finding, Reason
from kiosk.photo.color import Correction, Light
from kiosk.photo.markers import DetectedMat
from kiosk.photo.mat import CORNER_MARKERS, MIN_CORNER_MARKERS
from kiosk.photo.measures import DetailLoss, Outline

TILT_DEG: Final = 25.0
RISE_PX: Final = 3.5  # Measured on printed edges: 2.9 pixels at a blur of sigma 1, 4.1 at 1.5
# Below that a sharp edge shows no more than a soft one does at this scale; a 1080p frame of the mat has 2.9 to 3.6.
COARSE_PX_PER_MM: Final = 2.7
_MOTION_LEVELS = 2.0
STRIPES: Final = 0.04
_DARK_LEVEL, _DARK_GREY = 45.0, 94  # At an eighth to a quarter of the right light; noise shows in what is brightened
_BRIGHT_LEVEL, _BRIGHT_GREY = 232.0, 188  # White goods have long lost their shape then
# Of the two patches: within, black and white goods may well be black and white.
_USUAL_GREY_LEVELS: Final = (60.0, 196.0)
_FRAME_EDGE_PX = 6.0  # Of a frame without a mat: sharp ones have 3 to 4, and markers are lost above 8
_DARK_MEAN, _BRIGHT_MEAN = 18.0, 235.0  # Of a frame without a mat: it may not be found because nothing can be seen
_LOST, _BURNT = 0.20, 0.05
_GLARE, _LARGEST_GLARE = 0.02, 0.005
_PATCH_DIFFERENCE = 3.0
# A red-hot lamp gives 30 to 40. Beyond, one channel is almost dark, and balancing it shows little but noise.
_FIELD_CHROMA = 42.0
_EMPTY, _SMALL, _FULL = 0.003, 0.04, 0.75
_EDGE_MM = 8.0


def _finding(reason: Reason, value: float, limit: float) -> Finding:
    return Finding(reason, round(value * 1000), round(limit * 1000))


def _above(reason: Reason, value: float, limit: float) -> Finding | None:
    return _finding(reason, value, limit) if value > limit else None


def check_face(faces: int) -> Finding | None:
    return _above(Reason.FACE, faces, 0)


def check_mat(mat: DetectedMat | None, corner_markers: int, whole: bool) -> Finding | None:
    """Check that the mat is found; ``whole``: all of the interior is in the frame."""
    if mat is None:  # another mat, or markers that do not fit together, count for nothing
        return _finding(Reason.MAT, corner_markers if corner_markers < MIN_CORNER_MARKERS else 0, MIN_CORNER_MARKERS)
    return None if whole else _finding(Reason.MAT, len(mat.markers), len(CORNER_MARKERS))


def check_tilt(mat: DetectedMat) -> Finding | None:
    return _above(Reason.TILT, mat.tilt_deg, TILT_DEG)


def check_blur(mat: DetectedMat) -> Finding | None:
    return _above(Reason.BLUR, rise_at_usual_scale(mat), RISE_PX)


def rise_at_usual_scale(mat: DetectedMat) -> float:
    """Scale the edge rise up for coarse pictures: few pixels show as little as blur does."""
    return mat.edge_rise_px * max(1.0, COARSE_PX_PER_MM / mat.px_per_mm)


def check_motion(levels: float) -> Finding | None:
    return _above(Reason.MOTION, levels, _MOTION_LEVELS)


def check_banding(stripes: float) -> Finding | None:
    return _above(Reason.BANDING, stripes * 100, STRIPES * 100)


def check_dark(light: Light, detail: DetailLoss | None) -> Finding | None:
    level = light.level_of(_DARK_GREY)
    if level < _DARK_LEVEL:
        return _finding(Reason.DARK, level, _DARK_LEVEL)
    if detail is None or level > _USUAL_GREY_LEVELS[0]:
        return None
    return _above(Reason.DARK, detail.lost * 100, _LOST * 100)


def check_bright(light: Light, detail: DetailLoss | None) -> Finding | None:
    level = light.level_of(_BRIGHT_GREY)
    if level > _BRIGHT_LEVEL:
        return _finding(Reason.BRIGHT, level, _BRIGHT_LEVEL)
    if detail is None or level < _USUAL_GREY_LEVELS[1]:
        return None
    return _above(Reason.BRIGHT, detail.burnt * 100, _BURNT * 100)


def check_frame_blur(edge_px: float | None) -> Finding | None:
    return None if edge_px is None else _above(Reason.BLUR, edge_px, _FRAME_EDGE_PX)


def check_frame_dark(mean: float) -> Finding | None:
    return _finding(Reason.DARK, mean, _DARK_MEAN) if mean < _DARK_MEAN else None


def check_frame_bright(mean: float) -> Finding | None:
    return _above(Reason.BRIGHT, mean, _BRIGHT_MEAN)


def levels(light: Light) -> dict[str, float]:
    """Return the two grey levels that DARK and BRIGHT are judged by."""
    return {"dark_grey_level": light.level_of(_DARK_GREY), "light_grey_level": light.level_of(_BRIGHT_GREY)}


def check_glare(detail: DetailLoss) -> Finding | None:
    if detail.largest_glare > _LARGEST_GLARE:
        return _finding(Reason.GLARE, detail.largest_glare * 100, _LARGEST_GLARE * 100)
    return _above(Reason.GLARE, detail.glare * 100, _GLARE * 100)


def check_cast(correction: Correction) -> Finding | None:
    if correction.patch_difference > _PATCH_DIFFERENCE:
        return _finding(Reason.CAST, correction.patch_difference, _PATCH_DIFFERENCE)
    return _above(Reason.CAST, correction.light.color, _FIELD_CHROMA)


def check_hand(body: float, shadow: float) -> Finding | None:
    """Check the shares of the interior covered by a hand, and by a hard shadow, that reaches in."""
    return _above(Reason.HAND, max(body, shadow) * 100, 0)


def check_empty(outline: Outline | None) -> Finding | None:
    share = outline.coverage if outline else 0.0
    return _finding(Reason.EMPTY, share * 100, _EMPTY * 100) if share < _EMPTY else None


def check_place(outline: Outline | None) -> tuple[Finding | None, ...]:
    """Check that goods are not too small, too large or too near to the edge; an empty mat is for ``check_empty``."""
    if outline is None or outline.coverage < _EMPTY:
        return ()
    if outline.coverage > _FULL:
        return (_finding(Reason.FRAMING, outline.coverage * 100, _FULL * 100),)
    small = _finding(Reason.SMALL, outline.coverage * 100, _SMALL * 100) if outline.coverage < _SMALL else None
    near = _finding(Reason.FRAMING, outline.edge, _EDGE_MM) if outline.edge < _EDGE_MM else None
    return small, near
