"""What is measured of the photo mat when a camera is set up: six numbers, each with its limit."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class MatQuality(StrEnum):
    """What a number says; in brackets its unit."""

    MARKERS = "markers"  # Corner markers that are seen, of four
    TILT = "tilt"  # Between the camera's axis and the vertical of the mat (degrees)
    SCALE = "scale"  # In the middle of the mat (pixels a millimetre)
    SHARPNESS = "sharpness"  # Of the markers' edges (pixels from 10 to 90 % of the rise)
    EVENNESS = "evenness"  # Of the light: the brightest place of the interior to the darkest (ratio)
    FLICKER = "flicker"  # Stripes of a lamp (percent of the light), the worst of a burst


_LOWER_LIMITED = frozenset({MatQuality.MARKERS, MatQuality.SCALE})


@dataclass(frozen=True, slots=True)
class MatMeasure:
    """What was measured and its limit, both in thousandths of the unit."""

    quality: MatQuality
    value: int
    limit: int

    @property
    def good(self) -> bool:
        return self.value >= self.limit if self.quality in _LOWER_LIMITED else self.value <= self.limit


@dataclass(frozen=True, slots=True)
class MatMeasures:
    """In the order of MatQuality. Where the mat is not found there is nothing to measure: the markers alone."""

    rows: tuple[MatMeasure, ...]

    @property
    def is_mat_found(self) -> bool:
        return len(self.rows) == len(MatQuality)

    @property
    def good(self) -> bool:
        return self.is_mat_found and all(row.good for row in self.rows)
