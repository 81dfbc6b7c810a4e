"""A lens that bends lines is measured from the mat and taken out."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from kiosk.domain.lens import LensFit, LensRefusal, LensRefused
from kiosk.photo.lens import Lens
from kiosk.photo.markers import find_mat
from kiosk.photo.mat import INTERIOR
from kiosk.photo.pipeline import inspect
from kiosk.photo.sheet.calibration import Calibration
from kiosk.photo.sheet.look import look
from kiosk.simulators.camera.goods.layout import Goods
from kiosk.simulators.camera.goods.produce import Way
from kiosk.simulators.camera.pose import Pose
from kiosk.simulators.camera.stage import StagePlan, draw_frame, draw_stage
from tests.photo.stage import Array, Plan, draw

VIEWS = (
    Pose(),
    Pose(tilt_deg=12, tilt_toward_deg=90),
    Pose(tilt_deg=12, tilt_toward_deg=270),
    Pose(tilt_deg=12, tilt_toward_deg=0),
    Pose(tilt_deg=12, tilt_toward_deg=180),
    Pose(roll_deg=180, shift_x=0.08),
)
BARREL = -0.12


def seen(k1: float, poses: tuple[Pose, ...] = VIEWS) -> list[Array]:
    return [draw_frame(StagePlan(pose=replace(pose, k1=k1), seed=number)) for number, pose in enumerate(poses)]


def measured(frames: list[Array]) -> LensFit:
    calibration = Calibration()
    for frame in frames:
        calibration.add(frame)
    return calibration.fit()


@pytest.fixture(scope="module")
def frames() -> list[Array]:
    return seen(BARREL)


@pytest.fixture(scope="module")
def fit(frames: list[Array]) -> LensFit:
    return measured(frames)


@pytest.fixture(scope="module")
def lens(fit: LensFit) -> Lens:
    return Lens(fit.k1, fit.k2, fit.focal)


def test_the_distortion_is_measured_and_is_a_gain_in_shots_it_was_made_without(fit: LensFit) -> None:
    # k1 and the focal length may trade a little: what counts is how far a corner of the frame moves.
    reach = 1100 / 1600
    true, found = BARREL * reach**2, fit.k1 * (reach / (fit.focal * 1.2)) ** 2 + fit.k2 * (reach / fit.focal / 1.2) ** 4
    assert found == pytest.approx(true, rel=0.15)
    assert (fit.width, fit.height) == (1920, 1080)
    assert fit.error_px < 0.5
    assert fit.error_px < fit.plain_error_px / 2
    assert 0.55 < fit.coverage <= 1


def test_sizes_come_out_within_a_hundredth_where_without_they_are_off(lens: Lens) -> None:
    stage = draw_stage(StagePlan(goods=Goods("box-lid", Way.ONE), pose=Pose(k1=BARREL)))
    assert stage.sizes_mm is not None
    bent, straight = inspect(stage.frame).metrics, inspect(stage.frame, lens).metrics
    for side, true in zip(("length_mm", "width_mm"), stage.sizes_mm, strict=True):
        assert straight[side] == pytest.approx(true, rel=0.01), side
        assert abs(bent[side] / true - 1) > 0.01, side


def test_edges_are_straight_and_the_interior_is_in_its_place(frames: list[Array], lens: Lens) -> None:
    plan = Plan(tilt_deg=15.0, roll_deg=6.0, k1=BARREL)
    stage = draw(plan)
    true = cv2.perspectiveTransform(np.array(INTERIOR.corners).reshape(-1, 1, 2), stage.to_frame).reshape(-1, 2)
    straight, bent = find_mat(lens.straightened(stage.frame), lens.focal), find_mat(stage.frame)
    assert straight is not None
    assert np.linalg.norm(straight.place(INTERIOR.corners) - true, axis=1).max() / straight.px_per_mm < 1.0
    if bent is not None:
        off = np.linalg.norm(bent.place(INTERIOR.corners) - true, axis=1).max() / bent.px_per_mm
        assert off > np.linalg.norm(straight.place(INTERIOR.corners) - true, axis=1).max() / straight.px_per_mm
    assert look(frames[0], None, lens).picture is not None


def test_points_go_where_the_pixels_go(lens: Lens) -> None:
    frame = np.zeros((1080, 1920, 3), np.uint8)
    cv2.circle(frame, (200, 150), 4, (255, 255, 255), -1)
    rows, columns = np.nonzero(lens.straightened(frame)[..., 0] > 127)
    ((x, y),) = lens.straight(np.array([(200.0, 150.0)]), 1920, 1080)
    assert (columns.mean(), rows.mean()) == pytest.approx((x, y), abs=0.5)


def test_a_straight_lens_needs_none() -> None:
    assert refusal(seen(0.0)) is LensRefusal.STRAIGHT


def refusal(frames: list[Array]) -> LensRefusal:
    with pytest.raises(LensRefused) as caught:
        measured(frames)
    return caught.value.refusal


def test_shots_that_do_not_count_leave_the_others_as_they_were(frames: list[Array]) -> None:
    calibration = Calibration()
    calibration.add(frames[0], (frames[0],))
    black = np.zeros((1080, 1920, 3), np.uint8)
    for frame, others, why in (
        (black, (), LensRefusal.MAT),
        (frames[0], (), LensRefusal.ALIKE),
        (frames[1], (frames[2],), LensRefusal.MOVING),
        (frames[1], (black,), LensRefusal.MOVING),
        (cv2.resize(frames[1], (1600, 900)).astype(np.uint8), (), LensRefusal.SIZE),
    ):
        with pytest.raises(LensRefused) as caught:
            calibration.add(frame, others)
        assert (caught.value.refusal, calibration.views) == (why, 1)
    calibration.add(frames[1], (frames[1][:100],))
    assert calibration.views == 2, "a frame of another size in a burst says nothing"


def test_too_little_to_calibrate_from_is_refused(frames: list[Array]) -> None:
    assert refusal(frames[:3]) is LensRefusal.FEW
    far = tuple(replace(pose, zoom=0.6, shift_x=0.0) for pose in VIEWS)
    assert refusal(seen(BARREL, far)) is LensRefusal.COVERAGE
    pushed = tuple(Pose(roll_deg=roll, shift_x=x) for roll, x in ((0, 0), (180, 0.02), (8, 0), (5, 0.05), (180, -0.06)))
    assert refusal(seen(BARREL, pushed)) is LensRefusal.ALIKE, "never tipped: the focal length is anybody's guess"
    assert refusal([wrinkled(frame, number) for number, frame in enumerate(frames)]) is LensRefusal.BENT


def wrinkled(frame: Array, number: int) -> Array:
    """Paper that does not lie flat, another way in each shot."""
    rows, columns = np.mgrid[0:1080, 0:1920].astype(np.float32)
    x, y = 10 * np.sin(rows / 90 + number), 10 * np.sin(columns / 110 + 2 * number)
    return cv2.remap(frame, columns + x, rows + y, cv2.INTER_LINEAR)
