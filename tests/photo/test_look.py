"""One cheap look: what it says beside what was drawn, and that nothing beside the mat is in its picture."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from kiosk.devices.camera.wire import LIVE_VIEW_SIDE_PX
from kiosk.devices.ports import LIVE_VIEW_REASONS
from kiosk.domain.verdict import Reason
from kiosk.photo.arrays import BgrImage
from kiosk.photo.mat import INTERIOR
from kiosk.photo.sheet.live_view import LIVE_VIEW_WINDOW, assess_live_view
from kiosk.simulators.camera.stage import draw_stage
from tests.depth import many
from tests.photo.stage import Plan, draw
from tests.simulators.camera.plans import faulty_plan_of, plan_of

TOLD = (Reason.BLUR, Reason.DARK, Reason.BRIGHT, Reason.HAND, Reason.EMPTY, Reason.SMALL)
NO_MAT = np.random.default_rng(1).integers(0, 255, (540, 960, 3)).astype(np.uint8)


def test_nothing_is_said_against_goods_that_lie_as_they_should() -> None:
    for seed in (0, 3, 5, 8)[: many(2, torture=4)]:
        frame = draw_stage(plan_of(seed)).frame
        first = assess_live_view(frame)
        again = assess_live_view(frame, first.small)
        assert (first.lights, first.still, again.lights, again.still) == ((), False, (), True), seed
        assert again.picture is not None and again.picture.shape == (LIVE_VIEW_WINDOW.height, LIVE_VIEW_WINDOW.width, 3)
        assert max(again.picture.shape) <= LIVE_VIEW_SIDE_PX and max(again.small.shape) <= LIVE_VIEW_SIDE_PX


def test_each_light_is_on_for_what_is_wrong() -> None:
    for number, reason in enumerate(TOLD):
        seen = assess_live_view(draw_stage(faulty_plan_of(number, reason)).frame)
        assert reason in seen.lights and set(seen.lights) <= set(LIVE_VIEW_REASONS), (reason, seen.lights)
    assert Reason.FRAMING in assess_live_view(draw_stage(faulty_plan_of(12, Reason.FRAMING)).frame).lights


def test_without_the_whole_mat_there_is_no_picture() -> None:
    for frame in (NO_MAT, draw_stage(faulty_plan_of(6, Reason.MAT)).frame):
        seen = assess_live_view(frame)
        assert (seen.lights[0], seen.still, seen.picture) == (Reason.MAT, False, None)
    assert assess_live_view(np.zeros((540, 960, 3), np.uint8)).lights == (Reason.MAT, Reason.DARK)
    assert assess_live_view(np.full((540, 960, 3), 255, np.uint8)).lights == (Reason.MAT, Reason.BRIGHT)
    assert assess_live_view(np.zeros((1, 1, 3), np.uint8)).picture is None


def test_other_goods_are_not_still_and_the_noise_of_a_sensor_is() -> None:
    plan = plan_of(3)
    frame = draw_stage(plan).frame
    before = assess_live_view(frame).small
    assert assess_live_view(draw_stage(replace(plan, seed=77)).frame, before).still
    assert not assess_live_view(draw_stage(replace(plan, goods=plan_of(5).goods)).frame, before).still
    assert not assess_live_view(frame, cv2.resize(before, (320, 180)).astype(np.uint8)).still, "another frame size"


def test_nothing_beside_the_mat_is_in_the_picture() -> None:
    stage = draw(Plan())
    seen, painted = assess_live_view(stage.frame), assess_live_view(_painted_outside(stage.frame, stage.to_frame))
    assert seen.picture is not None and painted.picture is not None
    rim = np.abs(seen.picture.astype(int) - painted.picture.astype(int))
    assert int(rim.max()) < 12


def _painted_outside(frame: BgrImage, to_frame: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> BgrImage:
    """The same with everything beyond the sheet in bright green."""
    sheet = np.array([(0, 0), (420, 0), (420, 297), (0, 297)], np.float64).reshape(-1, 1, 2)
    corners = np.rint(cv2.perspectiveTransform(sheet, to_frame)).astype(np.int32)
    inside = cv2.fillConvexPoly(np.zeros(frame.shape[:2], np.uint8), corners, 1) > 0
    painted = frame.copy()
    painted[~inside] = (0, 255, 0)
    assert not inside.all() and INTERIOR.left > 0
    return painted
