"""The mat itself: measured when a camera is set up, and cut out of pictures that were kept before."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from kiosk.domain.mat_measures import MatMeasures, MatQuality
from kiosk.photo.arrays import BgrImage
from kiosk.photo.mat import SHEET
from kiosk.photo.pipeline import inspect
from kiosk.photo.sheet.mat_measurement import measure_mat
from tests.photo.stage import Plan, draw, fruit

GREEN = (0, 255, 0)
NO_MAT = np.random.default_rng(1).integers(0, 255, (540, 960, 3)).astype(np.uint8)


def measured(plan: Plan) -> MatMeasures:
    return measure_mat(draw(plan).frame).measures


def bad(measures: MatMeasures) -> set[MatQuality]:
    return {row.quality for row in measures.rows if not row.good}


def test_a_well_placed_camera_is_good_and_the_numbers_are_those_of_a_shot() -> None:
    frame = draw(Plan()).frame
    told = measure_mat(frame)
    values = {row.quality: row.value / 1000 for row in told.measures.rows}
    assert told.measures.good and list(values) == list(MatQuality)
    metrics = inspect(frame).metrics
    for quality, metric in (
        (MatQuality.MARKERS, metrics["corner_markers"]),
        (MatQuality.TILT, metrics["tilt_deg"]),
        (MatQuality.SCALE, metrics["px_per_mm"]),
        (MatQuality.SHARPNESS, metrics["edge_rise_px"]),
        (MatQuality.EVENNESS, metrics["light_ratio"]),
        (MatQuality.FLICKER, metrics["stripes_percent"]),
    ):
        assert values[quality] == pytest.approx(metric, abs=1e-3), quality


def test_what_is_wrong_is_the_row_that_is_bad(subtests: pytest.Subtests) -> None:
    for plan, quality in [
        (Plan(tilt_deg=32.0), MatQuality.TILT),
        (Plan(blur=2.2), MatQuality.SHARPNESS),
        (Plan(stripes=0.12), MatQuality.FLICKER),
        (Plan(gradient=(0.55, 0.2)), MatQuality.EVENNESS),
        (Plan(frame_size=(960, 540)), MatQuality.SCALE),
    ]:
        with subtests.test(plan=plan, quality=quality):
            told = measured(plan)
            assert told.is_mat_found and quality in bad(told), told


def test_goods_on_the_mat_are_no_fault_of_the_camera() -> None:
    assert measured(fruit("apple", (-40.0, 0.0), (45.0, 10.0))).good


def test_the_worst_frame_of_a_burst_tells_of_flicker() -> None:
    calm, striped = draw(Plan()).frame, draw(Plan(stripes=0.12)).frame
    told, alone = (one.measures.rows[-1].value for one in (measure_mat(calm, (calm, striped)), measure_mat(striped)))
    assert told == pytest.approx(alone, rel=0.01)
    assert told > 5 * measure_mat(calm).measures.rows[-1].value
    assert measure_mat(calm, (striped[:100],)).measures.good, "a frame of another size is left out"


def test_without_the_mat_there_are_only_markers_and_no_preview() -> None:
    told = measure_mat(NO_MAT)
    assert (len(told.measures.rows), told.measures.rows[0].value, told.preview) == (1, 0, None)
    assert not told.measures.is_mat_found and not told.measures.good
    frame = draw(Plan()).frame.copy()
    frame[:, : frame.shape[1] // 2] = 128
    (row,) = measure_mat(frame).measures.rows
    assert (row.value, row.limit, row.good) == (2_000, 3_000, False)


def surrounded(plan: Plan) -> BgrImage:
    """The same, with a color that is nowhere on the mat all around the sheet."""
    stage = draw(plan)
    corners = cv2.perspectiveTransform(np.array([SHEET.grown(1.0).corners]), stage.to_frame)
    inside = cv2.fillConvexPoly(np.zeros(stage.frame.shape[:2], np.uint8), np.rint(corners).astype(np.int32)[0], 255)
    frame = stage.frame.copy()
    frame[inside == 0] = GREEN
    return frame


def test_nothing_around_the_sheet_is_left(subtests: pytest.Subtests) -> None:
    for plan in [Plan(), Plan(tilt_deg=18.0), Plan(roll_deg=14.0), Plan(shift=(150.0, 0.0)), Plan(k1=-0.03)]:
        with subtests.test(plan=plan):
            frame = surrounded(plan)
            assert (frame == GREEN).all(axis=2).mean() > 0.05
            picture = measure_mat(frame).preview
            assert picture is not None
            green = picture[..., 1].astype(int) - picture[..., [0, 2]].max(axis=2).astype(int)
            assert green.max() < 60
