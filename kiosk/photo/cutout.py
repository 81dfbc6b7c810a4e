"""What of the interior is goods: everything that is not the grey of the mat, and not a shadow on it.

Goods are sure where the color is another, or it is brighter than the mat, or darker than a shadow gets. The mat is sure
where the color is its own. What is left, shadows and soft rims, goes to the side from which no edge parts it
(watershed). Only where much is left unsure does GrabCut decide, on a small picture: at full size it takes a minute.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.photo.arrays import BgrImage
from kiosk.photo.mat import INTERIOR
from kiosk.photo.rectify import Window

Mask: TypeAlias = NDArray[np.uint8]
"""255 where it is, else 0."""
_Plane: TypeAlias = NDArray[np.float32]

CUT_PX_PER_MM: Final = 3.0
"""About what a 1080p frame of the whole mat has itself."""
CUT_WINDOW: Final = Window(
    INTERIOR.left,
    INTERIOR.top,
    CUT_PX_PER_MM,
    round(INTERIOR.width * CUT_PX_PER_MM),
    round(INTERIOR.height * CUT_PX_PER_MM),
)

_FIELD_L = 50.03
"""CIE L* of the field."""
_NOISE_SIGMA_PX = 0.9
_COLORED = 7.0
"""Chroma of what is no mat; stains of light stay below 3."""
_COLORED_DARK = 0.12
"""Added for each unit of L* below the mat: noise of dark pixels is more colorful, and shadows in daylight are bluish."""
_BRIGHTER = 6.0
"""L* above the mat."""
_BLACK_L = 17.0
"""A shadow that still lets a ninth of the light through is brighter."""
_HARD_EDGE_PX, _HARD_LEAST_PX, _HARD_SHARE = 5, 8, 0.1
"""Black goods end on bare mat within 1.7 mm, along a tenth of their outline at least: on the side of the lamp."""
_MAT_CHROMA, _MAT_BRIGHTER, _MAT_DARKER = 3.2, 2.5, 3.5
_LEAST_PIECE_MM2 = 12.0
"""Smaller is a crumb, or noise."""
_LARGEST_HOLE_MM2 = 20.0
"""A smaller gap inside goods is a highlight or a spot as grey as the mat, and is filled."""
_UNSURE = 0.35
"""Share of the goods left unsure, above which GrabCut decides."""
_GRABCUT_WIDTH, _GRABCUT_TURNS = 420, 2
"""Pixels: 0.1 to 0.2 s there, 20 to 70 s at 1920."""


@dataclass(frozen=True, slots=True, eq=False)
class CutOut:
    """The goods in the CUT_WINDOW."""

    mask: Mask
    unsure: float
    """Area that neither color nor lightness told, as a share of the goods."""
    grabcut: bool


def cut_out(interior: BgrImage) -> CutOut:
    """From the CUT_WINDOW with true colors."""
    calm = np.asarray(cv2.GaussianBlur(interior, (0, 0), _NOISE_SIGMA_PX), np.uint8)
    lightness, chroma = lightness_and_chroma(calm)
    goods, bare = _sure(lightness, chroma)
    if not goods.any():
        return CutOut(goods, 0.0, False)
    mask = _parted(calm, goods, bare)
    mask = _tidied(mask)
    area = max(1, cv2.countNonZero(mask))
    unsure = float(cv2.countNonZero(cv2.bitwise_and(mask, cv2.bitwise_not(cv2.bitwise_or(goods, bare))))) / area
    if unsure <= _UNSURE:
        return CutOut(mask, unsure, False)
    return CutOut(_tidied(_grabcut(calm, mask, goods, bare)), unsure, True)


def lightness_and_chroma(picture: BgrImage) -> tuple[_Plane, _Plane]:
    """CIE L* against that of the field, and the distance from its grey in a* and b*."""
    lab = cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_BGR2Lab)
    return np.asarray(lab[..., 0] - _FIELD_L, np.float32), np.asarray(cv2.magnitude(lab[..., 1], lab[..., 2]))


def _sure(lightness: _Plane, chroma: _Plane) -> tuple[Mask, Mask]:
    colored = chroma > _COLORED + _COLORED_DARK * np.maximum(-lightness, 0)
    bare = _opened((chroma < _MAT_CHROMA) & (lightness < _MAT_BRIGHTER) & (lightness > -_MAT_DARKER))
    black = _opened((lightness < _BLACK_L - _FIELD_L) & ~colored)
    goods = _opened(colored | (lightness > _BRIGHTER))
    return np.asarray(cv2.bitwise_or(goods, _without_shadows(black, bare)), np.uint8), bare


def _without_shadows(black: Mask, bare: Mask) -> Mask:
    """The black areas that somewhere end hard on bare mat; the deepest shadow fades into it."""
    if not cv2.countNonZero(black):
        return black
    near = 2 * _HARD_EDGE_PX + 1
    rim = cv2.subtract(black, cv2.erode(black, np.ones((3, 3), np.uint8)))
    hard = cv2.bitwise_and(rim, cv2.dilate(bare, np.ones((near, near), np.uint8)))
    count, labels = cv2.connectedComponents(black, connectivity=8)
    along, ends = (np.bincount(labels[some > 0], minlength=count) for some in (rim, hard))
    keep = np.where((ends >= _HARD_LEAST_PX) & (ends >= _HARD_SHARE * along), 255, 0).astype(np.uint8)
    keep[0] = 0
    return keep[labels]


def _opened(told: NDArray[np.bool_]) -> Mask:
    return np.asarray(cv2.morphologyEx(told.astype(np.uint8) * 255, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), np.uint8)


def _parted(calm: BgrImage, goods: Mask, bare: Mask) -> Mask:
    """Goods, and of the unsure what no edge parts from them."""
    sides = np.zeros(goods.shape, np.int32)
    sides[bare > 0] = 1
    sides[cv2.erode(goods, np.ones((3, 3), np.uint8)) > 0] = 2
    if not (sides == 1).any():
        return goods
    cv2.watershed(calm, sides)
    return np.asarray(np.where((sides == 2) | ((sides == -1) & (goods > 0)), 255, 0), np.uint8)


def _tidied(mask: Mask) -> Mask:
    """Without crumbs and with small holes filled."""
    mask = _without_small(mask, _LEAST_PIECE_MM2)
    return np.asarray(cv2.bitwise_not(_without_small(np.asarray(cv2.bitwise_not(mask), np.uint8), _LARGEST_HOLE_MM2)), np.uint8)


def _without_small(mask: Mask, least_mm2: float) -> Mask:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    keep = np.zeros(count, np.uint8)
    keep[1:] = np.where(stats[1:, cv2.CC_STAT_AREA] >= least_mm2 * CUT_PX_PER_MM**2, 255, 0)
    return keep[labels]


def _grabcut(calm: BgrImage, mask: Mask, goods: Mask, bare: Mask) -> Mask:
    """C. Rother et al., "GrabCut", 2004, begun with what is sure."""
    height, width = mask.shape
    size = (_GRABCUT_WIDTH, round(_GRABCUT_WIDTH * height / width))
    small = np.asarray(cv2.resize(calm, size, interpolation=cv2.INTER_AREA), np.uint8)
    start = np.where(mask > 0, cv2.GC_PR_FGD, cv2.GC_PR_BGD)
    start[bare > 0] = cv2.GC_BGD
    start[goods > 0] = cv2.GC_FGD
    sides = np.asarray(cv2.resize(start.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST), np.uint8)
    has = {side: bool((sides == side).any()) for side in range(4)}
    if not (has[cv2.GC_BGD] or has[cv2.GC_PR_BGD]) or not (has[cv2.GC_FGD] or has[cv2.GC_PR_FGD]):
        return mask
    cv2.setRNGSeed(1)  # its k-means begins at random
    cv2.grabCut(small, sides, None, np.zeros((1, 65)), np.zeros((1, 65)), _GRABCUT_TURNS, cv2.GC_INIT_WITH_MASK)
    found = np.where((sides == cv2.GC_FGD) | (sides == cv2.GC_PR_FGD), 255, 0).astype(np.uint8)
    wide = cv2.resize(found, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.where((wide >= 128) | (goods > 0), 255, 0), np.uint8)
