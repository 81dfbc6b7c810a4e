"""What a camera makes of the mat, measured when it is set up, by the limits that shots are judged by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from kiosk.domain.mat_measures import MatMeasure, MatMeasures, MatQuality
from kiosk.photo.arrays import BgrImage
from kiosk.photo.checks import COARSE_PX_PER_MM, RISE_PX, STRIPES, TILT_DEG, rise_at_usual_scale
from kiosk.photo.color import SHEET_WINDOW, fit_light
from kiosk.photo.markers import DetectedMat, detect_markers, fit_mat
from kiosk.photo.mat import CORNER_MARKERS, INTERIOR, MIN_CORNER_MARKERS, SHEET
from kiosk.photo.measures import stripes
from kiosk.photo.pipeline import MAX_OTHERS, limit_size
from kiosk.photo.rectify import Window, flatten

RIM_MM: Final = 3.0  # Left off on every side: a wide lens moves the edge by up to 2 mm, and beyond it may be people


def flat_sheet(frame: BgrImage, mat: DetectedMat, px_per_mm: float) -> BgrImage:
    """Flatten the sheet; parts outside the frame are black."""
    area = SHEET.grown(-RIM_MM)
    width, height = (max(1, round(side * px_per_mm)) for side in (area.width, area.height))
    return flatten(frame, mat, Window(area.left, area.top, px_per_mm, width, height), fine=True)


PREVIEW_PX_PER_MM: Final = 1.2
# Brightest to darkest, as the fit of the light has it, which is cautious at the corners: more than one stop. Shots are
# set right whatever it is, but noise grows in what is brightened.
_MAX_UNEVENNESS: Final = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredMat:
    """``preview`` is the sheet lying flat, with nothing around it; None where the mat is not found."""

    measures: MatMeasures
    preview: BgrImage | None = None


def measure_mat(frame: BgrImage, others: Sequence[BgrImage] = ()) -> MeasuredMat:
    """Measure the sharpest frame of a burst with its others; a frame without the mat gets a marker count only."""
    frames = [limit_size(one) for one in (frame, *others[:MAX_OTHERS]) if one.shape == frame.shape]
    seen = detect_markers(frames[0])
    mat = fit_mat(seen)
    if mat is None:
        # Markers that do not fit together, or those of another mat, count for nothing.
        count = seen.corner_markers if seen.corner_markers < MIN_CORNER_MARKERS else 0
        return MeasuredMat(MatMeasures((_row(MatQuality.MARKERS, count, MIN_CORNER_MARKERS),)))
    return MeasuredMat(MatMeasures(tuple(_rows(frames, mat))), flat_sheet(frames[0], mat, PREVIEW_PX_PER_MM))


def _rows(frames: Sequence[BgrImage], mat: DetectedMat) -> Iterator[MatMeasure]:
    height, width = frames[0].shape[:2]
    whole = mat.shows(INTERIOR, width, height)
    sheets = [flatten(frame, mat, SHEET_WINDOW) for frame in frames]
    lights = [fit_light(sheet, mat, width, height) for sheet in sheets]
    flicker = max(stripes(sheet, light, mat) for sheet, light in zip(sheets, lights, strict=True))
    yield _row(MatQuality.MARKERS, len(mat.markers), MIN_CORNER_MARKERS if whole else len(CORNER_MARKERS))
    yield _row(MatQuality.TILT, mat.tilt_deg, TILT_DEG)
    yield _row(MatQuality.SCALE, mat.px_per_mm, COARSE_PX_PER_MM)
    yield _row(MatQuality.SHARPNESS, rise_at_usual_scale(mat), RISE_PX)
    yield _row(MatQuality.EVENNESS, lights[0].ratio, _MAX_UNEVENNESS)
    yield _row(MatQuality.FLICKER, flicker * 100, STRIPES * 100)


def _row(quality: MatQuality, value: float, limit: float) -> MatMeasure:
    return MatMeasure(quality, round(value * 1000), round(limit * 1000))
