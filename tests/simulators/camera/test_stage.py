"""What a drawn stage says of itself, held against what is seen in its frame."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from kiosk.domain.verdict import Reason
from kiosk.simulators.camera.goods.layout import EMPTY, GoodsLayout
from kiosk.simulators.camera.goods.produce import FLAT, PRODUCE, Arrangement
from kiosk.simulators.camera.pose import Pose
from kiosk.simulators.camera.stage import Light, Sensor, Stage, StagePlan, draw_frame, draw_stage
from tests.depth import many
from tests.simulators.camera.files import lay_file, next_shot
from tests.simulators.camera.looks import INTERIOR, MARKERS_AT, edge_rise_px, faces, markers, rectify
from tests.simulators.camera.plans import FAULTY, faulty_plan_of, plan_of

PLAIN = StagePlan(light=Light(vignette=0), pose=Pose(tilt_deg=0, roll_deg=0, zoom=0.97), sensor=Sensor(0.35, 0.5, 97))
"""Evenly lit, from straight above: what is seen is what was drawn."""
SEED = 4
"""Of the stage that the faults are seen on: dried apricots."""


def interior(stage: Stage) -> Any:
    return rectify(stage.frame, markers(stage.frame), 6)[INTERIOR].astype(int)


def overlap(seen: Any, drawn: Any) -> float:
    """Intersection over union."""
    return float(np.count_nonzero(seen & drawn) / np.count_nonzero(seen | drawn))


@pytest.fixture(scope="module")
def bare() -> Any:
    return interior(draw_stage(PLAIN))


@pytest.fixture(scope="module")
def healthy() -> Stage:
    return draw_stage(plan_of(SEED))


def test_the_mask_is_where_goods_are_seen(subtests: pytest.Subtests, bare: Any) -> None:
    for goods, colored in [
        (GoodsLayout("apricot", Arrangement.HEAP, place=(0.9, 0.2)), True),
        (GoodsLayout("egg", Arrangement.SEVERAL, count=4), False),
        (GoodsLayout("pepper", Arrangement.SEVERAL, count=6), True),
        (GoodsLayout("orange", Arrangement.ONE, place=(0.1, 0.9)), True),
    ][: many(2, torture=4)]:
        with subtests.test(goods=goods, colored=colored):
            # A shadow changes the color of the mat as little as its light: what is colored, or much lighter, is goods.
            stage = draw_stage(replace(PLAIN, goods=goods))
            seen = interior(stage)
            spread = seen.max(axis=2) - seen.min(axis=2)
            lighter = (seen - bare).min(axis=2)
            looked = spread > 24 if colored else (lighter > 14) | (spread > 12)
            assert overlap(looked, stage.mask > 0) > 0.96
            assert stage.mask.shape == (1200, 1680) and set(np.unique(stage.mask)) == {0, 255}
            assert abs(stage.coverage - np.count_nonzero(looked) / looked.size) < 0.01


def test_the_true_color_is_what_even_white_light_shows(bare: Any) -> None:
    stage = draw_stage(replace(PLAIN, goods=GoodsLayout("orange", Arrangement.ONE)))
    inside = cv2.erode(stage.mask, np.ones((25, 25))) > 0
    soft = cv2.GaussianBlur(interior(stage).astype(np.float32), (0, 0), 2)
    true = cv2.GaussianBlur(stage.true_color.astype(np.float32), (0, 0), 2)
    assert np.abs(soft - true)[inside].mean() < 3
    assert stage.sizes_mm is None, "an orange is not flat"
    dim = draw_stage(
        replace(PLAIN, goods=GoodsLayout("orange", Arrangement.ONE), light=Light(0.4, cast=(0.6, 0.9, 1.0)))
    )
    assert np.array_equal(dim.true_color, stage.true_color), "another lamp does not color the goods"


def test_flat_things_are_as_large_as_they_say(subtests: pytest.Subtests) -> None:
    for name in FLAT:
        with subtests.test(name=name):
            stage = draw_stage(replace(PLAIN, goods=GoodsLayout(name, Arrangement.ONE, turn=0.4)))
            assert stage.sizes_mm is not None
            contours, _ = cv2.findContours(stage.mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
            sides = sorted((side + 1) / 6 for side in cv2.minAreaRect(contours[0])[1])
            assert sides == pytest.approx(sorted(stage.sizes_mm), abs=0.5)


def test_the_homography_says_where_the_markers_are_seen() -> None:
    plan = replace(plan_of(SEED), pose=Pose(tilt_deg=14, tilt_toward_deg=40, roll_deg=4))
    stage = draw_stage(plan)
    found = markers(stage.frame)
    for number, (x, y) in MARKERS_AT.items():
        corners = np.array([[(x, y)], [(x + 40, y)], [(x + 40, y + 40)], [(x, y + 40)]])
        true = cv2.perspectiveTransform(corners, stage.sheet_to_frame).reshape(4, 2)
        assert np.abs(found[number] - true).max() < 0.8


def test_equal_plans_give_equal_stages_and_other_seeds_others() -> None:
    first = draw_stage(plan_of(19))
    other = draw_stage(plan_of(38))
    again = draw_stage(plan_of(19))
    assert np.array_equal(first.frame, again.frame) and np.array_equal(first.mask, again.mask)
    assert not np.array_equal(first.mask, other.mask)
    assert len({plan_of(seed).goods for seed in range(60)}) == 60


def test_the_plans_hold_every_produce_in_every_way() -> None:
    planned = {(plan_of(seed).goods.name, plan_of(seed).goods.way) for seed in range(400)}
    assert planned == {(name, way) for name, produce in PRODUCE.items() for way in produce.ways}


def test_a_plan_without_a_fault_is_a_good_shot(subtests: pytest.Subtests) -> None:
    for seed in [1, 6, 12, 16][: many(2, torture=4)]:
        with subtests.test(seed=seed):
            stage = draw_stage(plan_of(seed))
            assert stage.faults == frozenset()
            assert stage.frame.shape == (1080, 1920, 3)
            found = markers(stage.frame)
            assert len(set(MARKERS_AT) & set(found)) >= 3
            assert 0.05 <= stage.coverage <= 0.75
            rows, columns = np.nonzero(stage.mask)
            assert min(rows.min(), columns.min(), 1199 - rows.max(), 1679 - columns.max()) >= 8 * 6
            assert edge_rise_px(stage.frame) < 2.9
            assert faces(stage.frame) == 0


def test_a_pile_covers_most_of_the_interior() -> None:
    stage = draw_stage(plan_of(20))
    assert plan_of(20).goods.way is Arrangement.PILE
    assert 0.6 < stage.coverage < 0.75


def clipped(frame: Any) -> float:
    return float((frame.min(axis=2) >= 250).mean())


def stripes(frame: Any, healthy: Any) -> float:
    """How unevenly the rows have lost light."""
    rows = frame.mean(axis=(1, 2)) / healthy.mean(axis=(1, 2))
    return float(np.ptp(cv2.blur(rows[:, None], (1, 25))))


def sides(frame: Any) -> float:
    """The longest side of a corner marker over the shortest."""
    lengths = [np.hypot(*(c[i] - c[i - 1])) for n, c in markers(frame).items() if n in MARKERS_AT for i in range(4)]
    return float(max(lengths) / min(lengths))


def test_each_fault_is_seen_in_the_frame(healthy: Stage) -> None:
    faulty = {reason: draw_stage(faulty_plan_of(SEED, reason)) for reason in FAULTY}
    for reason, stage in faulty.items():
        assert reason in stage.faults, reason
        if reason not in (Reason.FRAMING, Reason.SMALL):
            assert stage.faults == {reason}
    frames = {reason: stage.frame for reason, stage in faulty.items()}
    assert edge_rise_px(frames[Reason.BLUR]) > 3.3 > 2.9 > edge_rise_px(healthy.frame)
    assert frames[Reason.DARK].mean() < healthy.frame.mean() / 2.5
    assert clipped(frames[Reason.BRIGHT]) > 0.02 > 0.001 > clipped(healthy.frame)
    balance = sorted(frames[Reason.CAST].mean(axis=(0, 1)))
    assert balance[2] > 5 * balance[0]
    assert clipped(frames[Reason.GLARE]) > 5 * clipped(healthy.frame) + 0.002
    assert stripes(frames[Reason.BANDING], healthy.frame) > 0.1
    assert sides(frames[Reason.TILT]) > 1.5 > sides(healthy.frame)
    assert faces(frames[Reason.FACE]) == 1 and faces(healthy.frame) == 0
    assert len(set(MARKERS_AT) & set(markers(frames[Reason.MAT]))) < 3
    assert not faulty[Reason.EMPTY].mask.any() and faulty[Reason.EMPTY].coverage == 0
    assert 0 < faulty[Reason.SMALL].coverage < 0.04


def test_a_hand_reaches_in_over_the_goods_and_their_mask_stays(healthy: Stage) -> None:
    plan = faulty_plan_of(SEED, Reason.HAND)
    assert plan.hand is not None
    stage = draw_stage(plan)
    changed = np.abs(stage.frame.astype(int) - healthy.frame).max(axis=2) > 30
    assert 0.02 < changed.mean() < 0.25
    edges = np.concatenate([changed[0], changed[-1], changed[:, 0], changed[:, -1]])
    assert edges.any(), "it comes from outside the frame"
    assert np.array_equal(stage.mask, healthy.mask)


def test_goods_near_the_edge_or_on_the_patches_are_badly_framed(subtests: pytest.Subtests) -> None:
    for margin, side, reasons in [(3.0, 0.0, {Reason.FRAMING}), (9.0, 0.0, set()), (-30.0, 1.0, {Reason.FRAMING})]:
        with subtests.test(margin=margin, side=side, reasons=reasons):
            stage = draw_stage(
                replace(PLAIN, goods=GoodsLayout("box-lid", Arrangement.ONE, margin_mm=margin, place=(side, 0.5)))
            )
            assert stage.faults == reasons


@pytest.mark.parametrize("covered, seen", [((2,), 3), ((0, 2), 2)])
def test_papers_cover_markers(covered: tuple[int, ...], seen: int) -> None:
    stage = draw_stage(replace(PLAIN, goods=GoodsLayout("orange", Arrangement.ONE), covered=covered))
    assert len(set(MARKERS_AT) & set(markers(stage.frame))) == seen
    assert stage.faults == ({Reason.MAT} if seen < 3 else set())


def test_the_next_frame_of_a_burst_differs_by_noise_or_by_what_moved() -> None:
    plan = replace(PLAIN, goods=GoodsLayout("walnut", Arrangement.HEAP))
    frames = [draw_frame(each_plan) for each_plan in (plan, next_shot(plan), next_shot(plan, (6.0, 2.0)))]
    small = [cv2.resize(frame, (480, 270), interpolation=cv2.INTER_AREA).astype(int) for frame in frames]
    still, moved = (np.abs(other - small[0]) for other in small[1:])
    assert still.mean() < 0.5 and not np.array_equal(frames[0], frames[1])
    assert moved.mean() > 2 * still.mean() and moved.max() > 40
    assert moved[:, :80].mean() < 0.5, "only the goods moved"


def test_a_picture_file_lies_on_the_mat(tmp_path: Path) -> None:
    leaf = np.zeros((300, 400, 4), np.uint8)
    cv2.ellipse(leaf, (200, 150), (190, 100), 20, 0, 360, (40, 160, 60, 255), -1)
    cut_out, photo = tmp_path / "leaf.png", tmp_path / "photo.jpg"
    cv2.imwrite(str(cut_out), leaf)
    cv2.imwrite(str(photo), np.full((300, 400, 3), (30, 90, 200), np.uint8))
    with_alpha, rectangle = (draw_stage(lay_file(PLAIN, path, 120)) for path in (cut_out, photo))
    true = np.count_nonzero(leaf[..., 3]) * (120 / 400) ** 2 / (280 * 200)
    assert with_alpha.coverage == pytest.approx(true, rel=0.02)
    assert rectangle.coverage == pytest.approx(120 * 90 / (280 * 200), rel=0.02)
    assert np.abs(rectangle.true_color[600, 840].astype(int) - (30, 90, 200)).max() < 6
    assert with_alpha.faults == frozenset()


def test_what_is_not_in_the_lists_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        draw_stage(StagePlan(goods=GoodsLayout("cat")))
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "words.png").write_bytes(b"no picture")
    for name in ("empty.png", "words.png", "absent.png"):
        with pytest.raises(OSError):
            draw_stage(lay_file(StagePlan(), tmp_path / name, 100))
    assert draw_stage(StagePlan(goods=GoodsLayout(EMPTY))).faults == {Reason.EMPTY}
