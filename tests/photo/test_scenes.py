"""The whole pipeline on the shipped simulator's stages, whose truth is drawn and not measured."""

from __future__ import annotations

from itertools import combinations
from statistics import fmean, median

import pytest

from kiosk.station.counter.listings import NEAR_BITS
from tests.depth import many
from tests.photo import scenes
from tests.photo.scenes import bits_apart

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
