"""Shots that look almost the same: of goods that were photographed twice, or for another lot than they are of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from kiosk.store.shared.records import ListedPhoto, SeenShot

# Of 64: up to so many that differ, two shots are taken for the same goods. Seven of eight pairs are found, see
# `kiosk.photo.pictures.likeness`; among 2,000 shots of other goods hardly one in a hundred is as near by chance, with
# 12 bits one in five would be.
NEAR_BITS: Final = 8
# Shots of other lots that are compared: those of several weeks, in a few milliseconds.
MAX_COMPARED_SHOTS: Final = 2_000


def lookalikes(lot: str, photos: Sequence[ListedPhoto], shots: Iterable[SeenShot]) -> dict[str, str]:
    """For each photo of the lot that has one, the lot of the shot that looks most like it.

    Of two of the lot itself the later one is named, and only while neither is left out. Another lot counts first.
    """
    others = [(shot.lot, int(shot.likeness, 16)) for shot in shots if shot.lot != lot]
    found: dict[str, str] = {}
    before: list[tuple[str, int]] = []
    for photo in photos:
        if not photo.likeness or photo.left_out:
            continue
        likeness = int(photo.likeness, 16)
        like = _nearest(likeness, others) or _nearest(likeness, before)
        if like:
            found[photo.sha256] = like
        before.append((lot, likeness))
    return found


def _nearest(likeness: int, shots: Sequence[tuple[str, int]]) -> str:
    differ, like = min((((likeness ^ other).bit_count(), lot) for lot, other in shots), default=(64, ""))
    return like if differ <= NEAR_BITS else ""
