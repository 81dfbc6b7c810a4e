"""Colors as they are under neutral light, whatever lamp there was."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from kiosk.photo.arrays import BgrImage
from kiosk.photo.color import SHEET_WINDOW, Correction, find_correction, fit_light
from kiosk.photo.cutout import CUT_WINDOW
from kiosk.photo.markers import find_mat
from kiosk.photo.mat import PATCHES
from kiosk.photo.rectify import detect_patches, flatten
from tests.photo.stage import Array, Plan, Stage, draw, fruit


def corrected(stage: Stage) -> tuple[Correction, BgrImage]:
    mat = find_mat(stage.frame)
    assert mat is not None
    light = fit_light(flatten(stage.frame, mat, SHEET_WINDOW), mat, stage.frame.shape[1], stage.frame.shape[0])
    correction = find_correction(light, detect_patches(stage.frame, mat))
    return correction, correction.apply(flatten(stage.frame, mat, CUT_WINDOW), CUT_WINDOW)


def difference(found: BgrImage, stage: Stage) -> float:
    """Median CIE 1976 difference of the goods, a little inside their outline."""
    size = (CUT_WINDOW.width, CUT_WINDOW.height)
    truth = cv2.resize(stage.color, size, interpolation=cv2.INTER_AREA)
    inside = cv2.erode(cv2.resize(stage.mask, size, interpolation=cv2.INTER_AREA), np.ones((7, 7), np.uint8)) == 255
    return float(np.median(np.linalg.norm(_lab(found) - _lab(truth), axis=2)[inside]))


def _lab(picture: Array) -> Array:
    calm = cv2.GaussianBlur(picture, (0, 0), 2)
    return cv2.cvtColor(calm.astype(np.float32) / 255, cv2.COLOR_BGR2Lab)


def test_goods_have_their_own_color(subtests: pytest.Subtests) -> None:
    for name, cast, gradient, light in [
        ("apple", (0.55, 0.9, 1.0), (0.2, -0.1), 0.9),
        ("apricot", (1.0, 0.95, 0.7), (-0.2, 0.1), 0.7),
        ("garlic", (0.7, 0.95, 1.0), (0.15, 0.15), 0.8),
        ("aubergine", (0.6, 0.9, 1.0), (0.1, 0.1), 0.9),
        ("cucumber", (1.0, 1.0, 1.0), (0.0, 0.0), 1.0),
    ]:
        with subtests.test(name=name, cast=cast, gradient=gradient, light=light):
            stage = draw(replace(fruit(name), cast=cast, gradient=gradient, light=light))
            correction, picture = corrected(stage)
            assert difference(picture, stage) < 3
            assert correction.patch_difference < 1.5
            assert correction.patches == 8


def test_the_mat_is_as_grey_everywhere_as_it_is_printed() -> None:
    _, picture = corrected(draw(Plan(gradient=(0.25, 0.2), cast=(0.6, 0.9, 1.0))))
    blocks = cv2.resize(picture, (14, 10), interpolation=cv2.INTER_AREA).astype(int)
    assert np.abs(blocks - 119).max() <= 3


def test_a_covered_patch_is_left_out() -> None:
    stage = draw(replace(fruit("apple"), covers=((PATCHES[1].box.grown(2), (20, 30, 190)),)))
    correction, picture = corrected(stage)
    assert correction.patches == 7
    assert difference(picture, stage) < 3


def test_without_any_patch_the_colors_are_not_vouched_for() -> None:
    covers = tuple((patch.box.grown(2), (20, 30, 190)) for patch in PATCHES)
    correction, _ = corrected(draw(Plan(covers=covers)))
    assert correction.patches == 0
    assert correction.patch_difference > 3


def test_the_light_is_measured() -> None:
    even, _ = corrected(draw(Plan(gradient=(0.0, 0.0), light=1.0)))
    slanted, _ = corrected(draw(Plan(gradient=(0.4, 0.0), light=1.0)))
    dim, _ = corrected(draw(Plan(gradient=(0.0, 0.0), light=0.25)))
    assert even.light.ratio < 1.15 < slanted.light.ratio
    assert even.light.level_of(119) == pytest.approx(119, abs=4)
    assert dim.light.level_of(119) == pytest.approx(119 * 0.25 ** (1 / 2.2), abs=4)
    assert even.light.color < 2
