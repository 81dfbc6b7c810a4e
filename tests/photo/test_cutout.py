"""What is goods and what is mat."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from kiosk.photo.cutout import CUT_WINDOW, cut_out
from kiosk.photo.mat import INTERIOR
from kiosk.photo.measures import outline
from tests.depth import TORTURE
from tests.photo.stage import COLORS, Array, Lump, Plan, fruit, lay, overlap

APART = ((-75.0, -30.0), (75.0, 25.0), (0.0, 30.0))


def interior(plan: Plan, noise: float = 1.5) -> tuple[Array, Array]:
    """The CUT_WINDOW in true colors with a little noise, and the truth in it."""
    mask, color = lay(plan)
    size = (CUT_WINDOW.width, CUT_WINDOW.height)
    seen = cv2.resize(color, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    seen += np.random.default_rng(5).standard_normal(seen.shape, np.float32) * noise
    truth = cv2.resize(mask, size, interpolation=cv2.INTER_AREA)
    return np.clip(np.rint(seen), 0, 255).astype(np.uint8), np.where(truth >= 128, 255, 0)


def test_goods_of_every_color_are_cut_out(subtests: pytest.Subtests) -> None:
    """One piece or three, by turns; in torture both of each color."""
    for number, name in list(enumerate(COLORS)):
        with subtests.test(number=number, name=name):
            plans = (fruit(name), fruit(name, *APART, size=60.0))
            for plan in plans if TORTURE else plans[number % 2 :][:1]:
                seen, truth = interior(plan)
                found = cut_out(seen)
                # The shaded side of a white radish is as grey as the mat, and as its own shadow.
                assert overlap(found.mask, truth) >= (0.85 if name == "radish" else 0.93), f"{len(plan.lumps)} pieces"
                assert not found.grabcut


def test_a_bare_mat_has_nothing_on_it() -> None:
    seen, _ = interior(Plan())
    assert cv2.countNonZero(cut_out(seen).mask) == 0
    assert outline(cut_out(seen).mask) is None


def test_a_gap_in_a_ring_stays_a_gap() -> None:
    ring = [(60 * np.cos(at), 60 * np.sin(at)) for at in np.linspace(0, 2 * np.pi, 9)[:-1]]
    seen, truth = interior(fruit("apple", *ring, size=58.0))
    assert truth[truth.shape[0] // 2, truth.shape[1] // 2] == 0
    mask = cut_out(seen).mask
    assert overlap(mask, truth) >= 0.93
    assert mask[mask.shape[0] // 2, mask.shape[1] // 2] == 0


def test_goods_nearly_as_grey_as_the_mat_are_found() -> None:
    middle = (INTERIOR.left + 140, INTERIOR.top + 100)
    seen, truth = interior(Plan((Lump(*middle, 90, 70, (104, 120, 130), 0.3),)))
    assert overlap(cut_out(seen).mask, truth) >= 0.9


def test_where_most_is_unsure_a_small_picture_decides() -> None:
    middle = (INTERIOR.left + 140, INTERIOR.top + 100)
    plate = Lump(*middle, 120, 100, (20, 30, 200), flat=True)
    seen, truth = interior(Plan((plate, Lump(*middle, 105, 85, (128, 128, 128), flat=True))))
    found = cut_out(seen)
    assert found.grabcut
    rim = cv2.morphologyEx(truth.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((5, 5), np.uint8))
    assert np.count_nonzero(found.mask) <= np.count_nonzero(truth) * 1.03
    assert np.count_nonzero(found.mask & rim) >= 0.4 * np.count_nonzero(rim)
    assert np.array_equal(cut_out(seen).mask, found.mask), "the same picture is cut out in the same way"


def test_a_card_is_measured(subtests: pytest.Subtests) -> None:
    for size in [(60.0, 48.0), (120.0, 80.0), (150.0, 40.0)]:
        with subtests.test(size=size):
            middle = (INTERIOR.left + 140, INTERIOR.top + 100)
            seen, _ = interior(Plan((Lump(*middle, *size, (60, 160, 60), 0.5, flat=True),)))
            found = outline(cut_out(seen).mask)
            assert found is not None
            assert (found.length, found.width) == pytest.approx(size, rel=0.05)
            assert found.pieces == 1
            assert found.coverage == pytest.approx(size[0] * size[1] / (280 * 200), rel=0.05)


def test_pieces_and_the_way_to_the_edge_are_measured() -> None:
    seen, _ = interior(fruit("apple", *APART, size=50.0))
    found = outline(cut_out(seen).mask)
    assert found is not None and found.pieces == 3
    near = Lump(INTERIOR.left + 26, INTERIOR.top + 100, 40, 40, (60, 160, 60), flat=True)
    seen, _ = interior(replace(Plan(), lumps=(near,)))
    found = outline(cut_out(seen).mask)
    assert found is not None and found.edge == pytest.approx(6.0, abs=0.7)
