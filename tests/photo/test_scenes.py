"""The whole pipeline on the shipped simulator's stages, whose truth is drawn and not measured."""

from __future__ import annotations

from itertools import combinations
from statistics import fmean, median

import cv2
import numpy as np
import pytest

from kiosk.photo.pipeline import inspect
from kiosk.simulators.camera.stage import draw_stage
from kiosk.station.counter.listings import NEAR_BITS
from tests.depth import many
from tests.photo import scenes
from tests.photo.scenes import bits_apart
from tests.simulators.camera.plans import plan_of

GOOD = many(32, torture=340, quick=2)
SPOILT = many(24, torture=260, quick=2)
FLAT = many(4, torture=60, quick=1)


Shots = dict[bool, list[scenes.Judged]]


@pytest.fixture(scope="module")
def shots() -> Shots:
    """Good ones under True, spoilt ones under False, those of a seed one after the other: its goods are drawn once."""
    judged: Shots = {True: [], False: []}
    for seed in range(max(GOOD, SPOILT)):
        judged[True] += [one.judged for one in scenes.good([seed][: seed < GOOD])]
        judged[False] += [one.judged for one in scenes.spoilt([seed][: seed < SPOILT])]
    return judged


def test_good_shots_are_accepted_cut_out_and_true_in_color(shots: Shots) -> None:
    good = shots[True]
    refused = [one for one in good if not one.verdict.accepted]
    assert len(refused) <= 0.05 * len(good), refused
    accepted = [one for one in good if one.verdict.accepted]
    overlaps = {one.seed: one.overlap for one in accepted if one.overlap is not None}
    colors = [one.color for one in accepted if one.color is not None]
    assert len(overlaps) == len(colors) == len(accepted)
    assert fmean(overlaps.values()) >= 0.95
    assert min(overlaps.values()) >= 0.85, min(overlaps, key=lambda seed: overlaps[seed])
    assert median(colors) <= 3
    apart = [bits_apart(one.likeness, other.likeness) for one, other in combinations(accepted, 2)]
    assert sum(bits <= NEAR_BITS for bits in apart) <= len(apart) / 10_000, "other goods do not look alike"


def test_spoilt_shots_are_taken_again_for_what_is_wrong(shots: Shots) -> None:
    spoilt = shots[False]
    accepted = [one for one in spoilt if one.verdict.accepted]
    assert len(accepted) <= 0.01 * len(spoilt), accepted
    unnamed = [one for one in spoilt if one.spoilt not in one.reasons and scenes.Reason.MAT not in one.reasons]
    assert len(unnamed) <= 0.05 * len(spoilt), unnamed


def test_flat_objects_are_measured_within_five_percent() -> None:
    sizes = [one.judged.size for one in scenes.flat(range(FLAT))]
    assert all(size is not None and size <= 0.05 for size in sizes), sizes


# Goods that have gaps; a jar; white and dark ones. With the most of the cut-out that may be mat half a millimetre and
# more away from any goods, and the most of the goods that may be missing as far inside of them, in hundredths percent.
GAPS = {
    0: ("badam", 5, 2),
    5: ("honey", 5, 2),
    14: ("pepper", 10, 2),
    19: ("jujube", 5, 2),
    20: ("raisin", 10, 2),
    10: ("black-raisin", 60, 2),  # Whose gaps are no darker than they are: they stay
    23: ("egg", 2, 30),
    28: ("garlic", 5, 180),
    30: ("aubergine", 2, 5),
}


def test_a_cut_out_has_no_mat_between_its_pieces_and_goods_lose_none(subtests: pytest.Subtests) -> None:
    """By the truth that was drawn."""
    near = np.ones((7, 7), np.uint8)
    for seed, (name, most_mat, most_lost) in list(GAPS.items())[: many(9, torture=9, quick=2)]:
        with subtests.test(seed=seed, name=name):
            plan = plan_of(seed)
            assert plan.goods.name == name
            stage = draw_stage(plan)
            found = inspect(stage.frame).cutout
            assert found is not None
            mat = np.count_nonzero((found > 0) & (cv2.dilate(stage.mask, near) == 0)) / np.count_nonzero(found)
            lost = np.count_nonzero((found == 0) & (cv2.erode(stage.mask, near) > 0)) / np.count_nonzero(stage.mask)
            assert mat * 10_000 <= most_mat
            assert lost * 10_000 <= most_lost
