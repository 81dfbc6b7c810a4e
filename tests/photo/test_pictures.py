"""What buyers see: as large as the camera's pixels allow, with a scale bar, and a detail."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.devices.camera.child.server import PICTURE_BYTES
from kiosk.photo.arrays import BgrImage
from kiosk.photo.codec import decode_picture, encode_jpeg, encode_jpeg_within
from kiosk.photo.mat import Box
from kiosk.photo.pictures import DETAIL_MM, GOODS_SHARE, MAX_ENLARGED, MAX_SIDE_PX, MIN_SIDE_PX, crop_window
from kiosk.photo.pipeline import Inspection, inspect
from tests.photo.stage import Plan, draw, fruit
from tests.photo.test_inspect import NoFaces

APPLE = fruit("apple", size=110.0)
LARGE = (3840, 2160)


def judged(plan: Plan) -> Inspection:
    found = inspect(draw(plan).frame, faces=NoFaces())
    assert found.verdict.accepted, found.verdict
    return found


@pytest.fixture(scope="module")
def usual() -> Inspection:
    return judged(APPLE)


@pytest.fixture(scope="module")
def large() -> Inspection:
    return judged(replace(APPLE, frame_size=LARGE, blur=1.0))


def fine(picture: BgrImage) -> float:
    """How much is in the smallest waves of the picture that a camera of fewer pixels cannot have seen."""
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(np.float32)
    return float(np.abs(grey - cv2.GaussianBlur(grey, (0, 0), 1.0)).mean())


@given(st.floats(10, 280), st.floats(10, 200), st.floats(1, 30))
def test_goods_are_never_enlarged_more_than_that_and_always_whole(width: float, height: float, camera: float) -> None:
    window = crop_window(Box(100, 60, width, height), camera)
    assert window.px_per_mm <= MAX_ENLARGED * camera + 1e-9
    assert MIN_SIDE_PX <= window.width == window.height <= MAX_SIDE_PX
    longer_px = max(width, height) * window.px_per_mm
    assert longer_px <= GOODS_SHARE * window.width * 1.03
    if window.px_per_mm < MAX_ENLARGED * camera - 1e-9:
        assert longer_px == pytest.approx(GOODS_SHARE * MAX_SIDE_PX), "goods are small only where they have to be"
    middle = window.left + window.width / window.px_per_mm / 2
    assert middle == pytest.approx(100 + width / 2)


def test_a_camera_of_more_pixels_gives_a_larger_master_of_the_same_goods(usual: Inspection, large: Inspection) -> None:
    assert usual.master is not None and large.master is not None
    assert len(usual.master) == MIN_SIDE_PX < 1150 < len(large.master)
    assert large.verdict == usual.verdict
    assert large.metrics["px_per_mm"] == pytest.approx(usual.metrics["px_per_mm"] * 2200 / 1920, rel=0.01)
    first, second = (
        np.count_nonzero(picture.min(axis=2) < 235) / one.metrics["crop_px_per_mm"] ** 2
        for one, picture in ((usual, usual.master), (large, large.master))
    )
    assert first == pytest.approx(second, rel=0.02), "in square millimetres"


def test_the_master_has_what_only_the_full_frame_shows() -> None:
    """A pattern of half a millimetre, which a frame made smaller for the verdict does not have."""
    stage = draw(replace(APPLE, frame_size=LARGE, blur=0.3, noise=0.0))
    frame = stage.frame.copy()
    middle = np.s_[980:1180, 1820:2020]
    frame[middle] = np.where(
        (np.indices((200, 200)).sum(axis=0) // 2 % 2)[..., None], frame[middle] // 2, frame[middle]
    )
    found = inspect(frame, faces=NoFaces())
    assert found.master is not None and found.detail is not None
    part = np.s_[480:560, 480:560]
    plain = inspect(stage.frame, faces=NoFaces()).master
    assert plain is not None
    assert fine(found.master[part]) > 4 * fine(plain[part])
    assert fine(found.detail) > 2, "the sharpest part is chosen"


def bar(picture: BgrImage) -> tuple[int, int, int, int]:
    """Left, top, width and height of the longest bright row below the goods."""
    low = picture[-len(picture) // 12 :].min(axis=2) >= 240
    opened = cv2.morphologyEx(low.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 60), np.uint8))
    left, top, width, height = cv2.boundingRect(opened)
    return left, top, width, height


def test_the_bar_is_as_long_as_it_says(usual: Inspection, large: Inspection) -> None:
    for one in (usual, large):
        assert one.natural is not None and one.master is not None
        left, _, width, height = bar(one.natural)
        length_mm = width / one.metrics["crop_px_per_mm"]
        assert any(length_mm == pytest.approx(mm, rel=0.02) for mm in (50, 100)), length_mm
        assert height >= 5 and left >= 20
        assert (one.master[-len(one.master) // 12 :] == 255).all(), "the cut-out has none"
        right = one.natural[-len(one.natural) // 12 :, left + width + 4 :]
        assert (right.min(axis=2) >= 200).any(), "its figure stands beside it"


def test_a_detail_is_made_where_the_camera_shows_more(usual: Inspection, large: Inspection) -> None:
    assert usual.detail is None
    detail = large.detail
    assert detail is not None and detail.shape[0] == detail.shape[1] >= 480
    assert detail.shape[0] / DETAIL_MM <= MAX_ENLARGED * large.metrics["px_per_mm"] * 3840 / 2200
    _, green, red = cv2.split(detail.astype(int))
    assert (red > green + 20).mean() > 0.97, "of the apple alone"
    thin = judged(replace(fruit("apple", (-70.0, 0.0), (0.0, 0.0), (70.0, 0.0), size=45.0), frame_size=LARGE))
    assert thin.detail is None, "no square of goods is as large"


def test_what_crosses_a_slow_line_is_bounded() -> None:
    grain = np.random.default_rng(3).normal(128, 22, (1600, 1600, 3))
    picture = np.clip(cv2.GaussianBlur(grain, (0, 0), 0.8), 0, 255).astype(np.uint8)
    assert len(encode_jpeg(picture)) > 2 * PICTURE_BYTES
    jpeg = encode_jpeg_within(picture, len(encode_jpeg(picture, 80)))
    assert jpeg == encode_jpeg(picture, 80), "and no less well than it has to be"
    assert encode_jpeg_within(picture, 1) == encode_jpeg(picture, 60)
    calm = np.full((800, 800, 3), 119, np.uint8)
    assert encode_jpeg_within(calm, PICTURE_BYTES) == encode_jpeg(calm)
    assert decode_picture(jpeg).shape == picture.shape
