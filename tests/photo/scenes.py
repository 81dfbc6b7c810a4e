"""Shots of the shipped simulator, judged, beside what is true of them.

    python -m tests.photo.scenes --scenes 250 --sheet docs/pictures/shots.png

prints the figures of so many good and so many spoilt shots, and writes a sheet of shots and what was made of them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean, median
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from kiosk.domain.verdict import Reason, Verdict
from kiosk.photo.pictures import likeness
from kiosk.photo.pipeline import inspect
from kiosk.simulators.camera.goods.layout import GoodsLayout
from kiosk.simulators.camera.goods.produce import FLAT, Arrangement
from kiosk.simulators.camera.stage import Stage, StagePlan, draw_stage
from tests.simulators.camera.plans import FAULTY, faulty_plan_of, plan_of

Array = NDArray[Any]
_SURE: Final = np.ones((11, 11), np.uint8)
"""Edges are mixed with what lies behind them: colors are compared inside."""
_WHITE: Final = 250


@dataclass(frozen=True, slots=True)
class Judged:
    """``overlap`` of the cut-out with the truth, intersection over union; ``color`` the CIE 1976 difference of the
    goods' mean on the master to that under neutral light; ``size`` the larger error of length and width, as a share.
    None where there is nothing to compare.
    """

    seed: int
    goods: str
    spoilt: Reason | None
    verdict: Verdict
    overlap: float | None = None
    color: float | None = None
    size: float | None = None
    likeness: str = ""

    @property
    def reasons(self) -> frozenset[Reason]:
        return frozenset(finding.reason for finding in self.verdict.findings)


@dataclass(frozen=True, slots=True)
class Shown:
    """A shot and what was made of it."""

    judged: Judged
    frame: Array
    master: Array | None


def good(seeds: Iterable[int]) -> Iterator[Shown]:
    """Shots that must be accepted."""
    for seed in seeds:
        yield judged(seed, plan_of(seed), None)


def spoilt(seeds: Iterable[int]) -> Iterator[Shown]:
    """Shots that must be taken again, the reasons by turns."""
    for seed in seeds:
        reason = FAULTY[seed % len(FAULTY)]
        yield judged(seed, faulty_plan_of(seed, reason), reason)


def flat(seeds: Iterable[int]) -> Iterator[Shown]:
    """A single flat object of known size, on any of the good stages."""
    names = sorted(FLAT)
    for seed in seeds:
        plan = plan_of(seed)
        goods = GoodsLayout(
            names[seed % len(names)],
            Arrangement.ONE,
            turn=plan.goods.turn,
            place=plan.goods.place,
            number=plan.goods.number,
        )
        yield judged(seed, replace(plan, goods=goods), None)


def judged(seed: int, plan: StagePlan, reason: Reason | None) -> Shown:
    """Draw, judge, compare."""
    stage = draw_stage(plan)
    found = inspect(stage.frame)
    overlap = None if found.cutout is None or reason is not None else _overlap(found.cutout, stage.mask)
    color = None if found.master is None or reason is not None else _color_error(found.master, stage)
    size = None
    if stage.sizes_mm is not None and found.measures is not None:
        told = found.measures.length_mm, found.measures.width_mm
        size = max(abs(mine / true - 1) for mine, true in zip(told, sorted(stage.sizes_mm, reverse=True), strict=True))
    looks = "" if found.master is None else likeness(found.master)
    row = Judged(seed, plan.goods.name, reason, found.verdict, overlap, color, size, looks)
    return Shown(row, stage.frame, found.master)


def bits_apart(one: str, other: str) -> int:
    """Of two likenesses."""
    return (int(one, 16) ^ int(other, 16)).bit_count()


def _overlap(found: Array, truth: Array) -> float:
    one, two = found > 0, truth > 0
    return float(np.count_nonzero(one & two)) / max(1, np.count_nonzero(one | two))


def _color_error(master: Array, stage: Stage) -> float | None:
    inside = cv2.erode(stage.mask, _SURE)
    shown = cv2.erode((master.min(axis=2) < _WHITE).astype(np.uint8), _SURE)
    if not inside.any() or not shown.any():
        return None
    return float(np.linalg.norm(_mean_lab(stage.true_color, inside) - _mean_lab(master, shown)))


def _mean_lab(picture: Array, mask: Array) -> Array:
    inside = picture[mask > 0].reshape(-1, 1, 3).astype(np.float32) / 255
    return np.asarray(cv2.cvtColor(inside, cv2.COLOR_BGR2Lab).mean(axis=(0, 1)))


def _sheet(shown: Sequence[Shown], path: Path) -> None:
    """Six in a row: the shot above, the master below, red where there is none. In a palette, as documents show it."""
    tiles = []
    for one in shown:
        above = cv2.resize(one.frame, (160, 90), interpolation=cv2.INTER_AREA)
        below = np.full((160, 160, 3), (60, 60, 190), np.uint8)
        if one.master is not None:
            below = cv2.resize(one.master, (160, 160), interpolation=cv2.INTER_AREA)
        tiles.append(np.vstack([above, below]))
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % 6)
    rows = [np.hstack(tiles[first : first + 6]) for first in range(0, len(tiles), 6)]
    picture = Image.fromarray(cv2.cvtColor(np.vstack(rows), cv2.COLOR_BGR2RGB))
    picture.quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=250)
    parser.add_argument("--sheet", type=Path)
    wanted = parser.parse_args()
    cv2.setNumThreads(1)
    kept: list[Shown] = []
    accepted: list[Judged] = []
    for one in good(range(wanted.scenes)):
        accepted.append(one.judged)
        if len(kept) < 24:
            kept.append(one)
    again = [one.judged for one in spoilt(range(wanted.scenes))]
    flats = [one.judged for one in flat(range(wanted.scenes // 5))]
    right = [one for one in accepted if one.verdict.accepted]
    overlaps = [one.overlap for one in right if one.overlap is not None]
    colors = [one.color for one in right if one.color is not None]
    sizes = [one.size for one in flats if one.size is not None]
    print(f"{len(accepted)} good shots: {len(accepted) - len(right)} are taken again")
    print(f"{len(again)} spoilt shots: {sum(one.verdict.accepted for one in again)} are accepted,", end=" ")
    print(f"{sum(one.spoilt in one.reasons for one in again)} name what is wrong")
    print(f"cut-out: mean {fmean(overlaps):.3f}, worst {min(overlaps):.3f} of intersection over union")
    print(f"color: median {median(colors):.1f}, worst {max(colors):.1f} of CIE 1976 difference")
    print(f"{len(sizes)} flat objects: size wrong by {100 * median(sizes):.1f} %, at most {100 * max(sizes):.1f} %")
    for one in [
        *(one for one in accepted if not one.verdict.accepted),
        *(one for one in again if one.verdict.accepted),
    ]:
        print(f"  seed {one.seed}, {one.goods}, {one.spoilt}: {one.verdict.findings}")
    if wanted.sheet is not None:
        _sheet(kept, wanted.sheet)


if __name__ == "__main__":
    main()
