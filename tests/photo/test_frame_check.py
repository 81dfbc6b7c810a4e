"""Is it a picture at all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.photo.arrays import BgrImage
from kiosk.photo.frame_check import FrameDefect, find_content_defect, has_shape, is_settled, mean_luminance

RNG = np.random.default_rng(7)


def noisy(level: float, deviation: float = 2.0) -> BgrImage:
    return np.clip(np.rint(RNG.normal(level, deviation, (120, 160, 3))), 0, 255).astype(np.uint8)


def scene() -> BgrImage:
    frame = noisy(119)
    frame[40:80, 50:110] = noisy(60)[40:80, 50:110]
    return frame


def test_a_scene_is_a_picture() -> None:
    assert has_shape(scene(), 160, 120)
    assert find_content_defect(scene()) is None


def test_defects_of_content(subtests: pytest.Subtests) -> None:
    for frame, defect in [
        (noisy(1), FrameDefect.BLACK),
        (np.zeros((120, 160, 3), np.uint8), FrameDefect.BLACK),
        (np.full((120, 160, 3), 90, np.uint8), FrameDefect.CONSTANT),
        (np.full((120, 160, 3), 255, np.uint8), FrameDefect.CONSTANT),
        (noisy(119, 4.0), FrameDefect.FLAT),
    ]:
        with subtests.test(frame=frame, defect=defect):
            assert find_content_defect(frame) is defect


def test_a_dim_scene_is_not_black() -> None:
    assert find_content_defect((scene() // 6).astype(np.uint8)) is None


def test_another_shape_is_refused(subtests: pytest.Subtests) -> None:
    for shape in [(160, 120, 3), (120, 160), (120, 160, 4), (60, 160, 3)]:
        with subtests.test(shape=shape):
            assert not has_shape(np.zeros(shape, np.uint8), 160, 120)


def test_another_depth_is_refused() -> None:
    deep: BgrImage = np.zeros((120, 160, 3), np.uint16)
    assert not has_shape(deep, 160, 120)


def test_luminance_weighs_colors_as_the_eye_does(subtests: pytest.Subtests) -> None:
    for color, luma in [((255, 0, 0), 29.07), ((0, 255, 0), 149.685), ((0, 0, 255), 76.245)]:
        with subtests.test(color=color, luma=luma):
            assert mean_luminance(np.full((4, 4, 3), color, np.uint8)) == pytest.approx(luma)


def test_settled_needs_eight_frames_and_three_still_ones() -> None:
    assert not is_settled([100.0] * 7)
    assert is_settled([100.0] * 8)
    assert is_settled([10, 30, 50, 70, 90, 99.5, 100, 100.2])
    assert not is_settled([100.0] * 7 + [102.0])
    assert not is_settled([100.0 + step for step in range(0, 40, 2)])


def test_darkness_settles_too() -> None:
    assert is_settled([0.0] * 8)


@given(st.lists(st.floats(0, 255), min_size=8, max_size=30))
def test_settled_means_the_last_three_differ_by_at_most_one_percent(means: list[float]) -> None:
    last = means[-3:]
    assert is_settled(means) == (max(last) - min(last) <= 0.01 * max(*last, 1.0))
