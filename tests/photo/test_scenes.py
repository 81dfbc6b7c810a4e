"""The whole pipeline on the shipped simulator's stages, whose truth is drawn and not measured."""

from __future__ import annotations

from itertools import combinations
from statistics import fmean, median

from kiosk.station.counter.listings.lookalikes import NEAR_BITS
from tests.depth import many
from tests.photo import scenes
from tests.photo.scenes import bits_apart

GOOD = many(32, torture=340, quick=2)
SPOILT = many(24, torture=260, quick=2)
FLAT = many(4, torture=60, quick=1)


def test_good_shots_are_accepted_cut_out_and_true_in_color() -> None:
    shots = [one.judged for one in scenes.good(range(GOOD))]
    refused = [one for one in shots if not one.verdict.accepted]
    assert len(refused) <= 0.05 * len(shots), refused
    accepted = [one for one in shots if one.verdict.accepted]
    overlaps = {one.seed: one.overlap for one in accepted if one.overlap is not None}
    colors = [one.color for one in accepted if one.color is not None]
    assert len(overlaps) == len(colors) == len(accepted)
    assert fmean(overlaps.values()) >= 0.95
    assert min(overlaps.values()) >= 0.85, min(overlaps, key=lambda seed: overlaps[seed])
    assert median(colors) <= 3
    apart = [bits_apart(one.likeness, other.likeness) for one, other in combinations(accepted, 2)]
    assert sum(bits <= NEAR_BITS for bits in apart) <= len(apart) / 10_000, "other goods do not look alike"


def test_spoilt_shots_are_taken_again_for_what_is_wrong() -> None:
    shots = [one.judged for one in scenes.spoilt(range(SPOILT))]
    accepted = [one for one in shots if one.verdict.accepted]
    assert len(accepted) <= 0.01 * len(shots), accepted
    unnamed = [one for one in shots if one.spoilt not in one.reasons and scenes.Reason.MAT not in one.reasons]
    assert len(unnamed) <= 0.05 * len(shots), unnamed


def test_flat_objects_are_measured_within_five_percent() -> None:
    sizes = [one.judged.size for one in scenes.flat(range(FLAT))]
    assert all(size is not None and size <= 0.05 for size in sizes), sizes
