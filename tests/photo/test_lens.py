"""A lens that bends lines is measured from the mat and taken out."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from kiosk.photo.lens import Lens, LensRefused, calibrate
from kiosk.photo.markers import find_mat
from kiosk.photo.mat import INTERIOR
from kiosk.photo.pipeline import inspect
from tests.photo.stage import Array, Plan, draw, fruit

VIEWS = ((0.0, 0.0), (15.0, 6.0), (20.0, -8.0), (18.0, 180.0))
BARREL = -0.12


@pytest.fixture(scope="module")
def frames() -> list[Array]:
    return [draw(Plan(tilt_deg=tilt, roll_deg=roll, k1=BARREL)).frame for tilt, roll in VIEWS]


@pytest.fixture(scope="module")
def lens(frames: list[Array]) -> Lens:
    return calibrate(frames)


def test_the_distortion_is_measured(lens: Lens) -> None:
    assert lens.k1 == pytest.approx(BARREL, abs=0.03)
    assert lens.focal == pytest.approx(1600 / 1920, rel=0.08)


def test_a_straightened_frame_shows_the_interior_in_its_place(frames: list[Array], lens: Lens) -> None:
    plan = Plan(tilt_deg=VIEWS[0][0], roll_deg=VIEWS[0][1], k1=BARREL)
    true = cv2.perspectiveTransform(np.array(INTERIOR.corners).reshape(-1, 1, 2), draw(plan).to_frame).reshape(-1, 2)
    mat = find_mat(lens.straightened(frames[0]))
    assert mat is not None
    assert np.linalg.norm(mat.place(INTERIOR.corners) - true, axis=1).max() / mat.px_per_mm < 1.0


def test_goods_are_measured_through_the_lens(lens: Lens) -> None:
    card = replace(fruit("apple"), k1=BARREL)
    card = replace(card, lumps=(replace(card.lumps[0], length=120.0, width=80.0, flat=True),))
    inspection = inspect(draw(card).frame, lens)
    assert inspection.measures is not None
    assert inspection.measures.length_mm == pytest.approx(120, rel=0.03)
    assert inspection.measures.width_mm == pytest.approx(80, rel=0.03)


def test_too_little_to_calibrate_from_is_refused(frames: list[Array]) -> None:
    with pytest.raises(LensRefused, match="2 of the shots"):
        calibrate([frames[0], np.zeros((1080, 1920, 3), np.uint8), frames[1]])
    smaller = cv2.resize(frames[2], (1600, 900)).astype(np.uint8)
    with pytest.raises(LensRefused, match="one size"):
        calibrate([frames[0], frames[1], smaller])
    with pytest.raises(LensRefused, match="do not fit"):
        calibrate([frames[0], frames[1], wrinkled(frames[2])])


def wrinkled(frame: Array) -> Array:
    """Paper that does not lie flat."""
    rows, columns = np.mgrid[0:1080, 0:1920].astype(np.float32)
    return cv2.remap(frame, columns + 14 * np.sin(rows / 90), rows + 14 * np.sin(columns / 110), cv2.INTER_LINEAR)
