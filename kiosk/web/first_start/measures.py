"""What was measured of the mat, as the page of the camera shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from kiosk.domain.mat_measures import MatMeasure, MatMeasures, MatQuality
from kiosk.first_start.shared.ports import TrialView
from kiosk.texts.html import bdi


@dataclass(frozen=True, slots=True)
class _MeasureFormat:
    """How a number is written, and what to do when it is bad: a text id and a drawing."""

    digits: int
    unit: str
    advice: str
    picture: str


_FORMATS: Final[Mapping[MatQuality, _MeasureFormat]] = {
    MatQuality.MARKERS: _MeasureFormat(0, " / 4", "photo.reason.mat", "shot-mat"),
    MatQuality.TILT: _MeasureFormat(1, "°", "photo.reason.tilt", "shot-tilt"),
    MatQuality.SCALE: _MeasureFormat(1, " px/mm", "setup.advice.scale", "shot-small"),
    MatQuality.SHARPNESS: _MeasureFormat(1, " px", "photo.reason.blur", "shot-blur"),
    MatQuality.EVENNESS: _MeasureFormat(1, " : 1", "setup.advice.evenness", "shot-dark"),
    MatQuality.FLICKER: _MeasureFormat(1, " %", "photo.reason.banding", "shot-banding"),
}


@dataclass(frozen=True, slots=True)
class Advice:
    text_id: str
    picture: str


@dataclass(frozen=True, slots=True)
class MeasureRow:
    text_id: str
    value: Markup
    good: bool


def mat_rows(trial: TrialView | None) -> tuple[MeasureRow, ...]:
    """None before the mat was measured."""
    measures = _measures(trial)
    return tuple(_row(row) for row in measures.rows) if measures else ()


def advice(trial: TrialView | None) -> Advice | None:
    """The first thing to do; others may come right with it, as light and sharpness do with the place of the camera."""
    measures = _measures(trial)
    bad = next((row for row in measures.rows if not row.good), None) if measures else None
    return Advice(_FORMATS[bad.quality].advice, _FORMATS[bad.quality].picture) if bad else None


def _measures(trial: TrialView | None) -> MatMeasures | None:
    return trial.mat if trial else None


def _row(row: MatMeasure) -> MeasureRow:
    measure_format = _FORMATS[row.quality]
    return MeasureRow(
        f"setup.measure.{row.quality}",
        bdi(f"{row.value / 1000:.{measure_format.digits}f}{measure_format.unit}"),
        row.good,
    )
