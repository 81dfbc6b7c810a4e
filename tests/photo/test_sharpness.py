"""The sharpest of one burst."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from kiosk.photo.arrays import BgrImage
from kiosk.photo.frame_check import sharpest, tenengrad


def checkers() -> BgrImage:
    squares = np.kron(np.indices((12, 16)).sum(axis=0) % 2, np.ones((10, 10))) * 160 + 40
    return np.repeat(squares.astype(np.uint8)[..., None], 3, axis=2)


def blurred(sigma: float) -> BgrImage:
    return cv2.GaussianBlur(checkers(), (0, 0), sigma).astype(np.uint8) if sigma else checkers()


def test_more_blur_is_less_sharp() -> None:
    scores = [tenengrad(blurred(sigma)) for sigma in (0, 0.8, 1.5, 3, 6)]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == len(scores)


def test_the_sharpest_wins_wherever_it_stands(subtests: pytest.Subtests) -> None:
    for place in [0, 1, 2]:
        with subtests.test(place=place):
            burst = [blurred(2.0), blurred(1.6), blurred(3.0)]
            burst[place] = blurred(0.5)
            assert sharpest(burst) == place


def test_the_earliest_of_equals_wins() -> None:
    assert sharpest([checkers(), checkers()]) == 0


def test_a_flat_picture_has_no_sharpness() -> None:
    assert tenengrad(np.full((20, 20, 3), 99, np.uint8)) == 0


def test_an_empty_burst_is_an_error() -> None:
    with pytest.raises(ValueError):
        sharpest([])
