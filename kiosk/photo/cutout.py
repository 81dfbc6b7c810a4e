"""Finds the goods in the interior: everything that is not the grey of the mat, and not a shadow on it.

Goods are sure where the color differs, or it is brighter than the mat, or darker than a shadow gets. The mat is sure
where the color is its own. The rest, shadows and soft rims, goes to the side from which no edge separates it
(watershed). Only where much remains unsure does GrabCut decide, on a small picture: at full size it takes a minute.
From the goods found so far, the shadowed mat between and along colored pieces is removed again: light and shade change
how bright a color is, not how strong it is for its brightness.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.photo.arrays import BgrImage
from kiosk.photo.mat import INTERIOR
from kiosk.photo.rectify import Window

Mask: TypeAlias = NDArray[np.uint8]  # 255 where it is, else 0
_Plane: TypeAlias = NDArray[np.float32]
CUT_PX_PER_MM: Final = 3.0  # About what a 1080p frame of the whole mat has itself
CUT_WINDOW: Final = Window(
    INTERIOR.left,
    INTERIOR.top,
    CUT_PX_PER_MM,
    round(INTERIOR.width * CUT_PX_PER_MM),
    round(INTERIOR.height * CUT_PX_PER_MM),
)

_FIELD_L = 50.03  # CIE L* of the field
_NOISE_SIGMA_PX = 0.9
_COLOR_SIGMA_PX = 1.2
# Chroma of what is no mat, in one pixel and over a few millimetres; stains of light stay below 3.
_COLORED, _TINTED = 9.0, 3.6
_COLOR_EDGE = 4.0
# Samples of shadow, and the most color for each unit of L* that it is darker than the mat.
_SHADE_MIN_PX, _SHADE_TINT = 200, 0.12
_BRIGHTER = 6.0  # L* above the mat
_RIM_PX = 4
_HARD_STEP = 5.0  # L* from pixel to pixel: a shadow that falls from black to bare mat over 3 mm has 3 to 4
_HARD_MIN_PX = 12
_HARD_SHARE = 0.15  # Of the outline that must be hard: on the side of the lamp
_BLACK_L = 17.0  # Hardly a shadow is darker
_GAP_MM2, _MAX_GAPS = 20.0, 40
_GAP_BRIGHTER, _GAP_CHROMA = 1.3, 1.8
_MAT_CHROMA, _MAT_BRIGHTER, _MAT_DARKER = 3.2, 2.5, 3.5
_MIN_PIECE_MM2 = 12.0  # Smaller is a crumb, or noise
_MAX_HOLE_MM2 = 20.0  # A smaller gap inside goods is a highlight or a spot as grey as the mat, and is filled
# Chroma for each unit of L*: of goods colored enough to differ from a shadow, and the share of it that pieces have.
_STRONG, _STRONG_SHARE = 0.25, 0.5
_STRONG_SIGMA_MM = 2.5  # Over which goods have one strength of color
_DARK_GOODS_L = -34.0  # Against the mat
_HIGHLIGHT_L = 3.0  # Against goods around it
_GREY, _GREY_MM = 0.1, 3.0  # A highlight has some color left where it is no narrow line between two colors
_MIN_L = 6.0  # Below it chroma is noise
_SHADOW_L = (-33.0, -1.0)  # Against the mat: a darker gap looks like the black it is, what is brighter is no shadow
_SHADOW_REACH_MM = 6.0  # What has no color any farther from colored goods is a grey part of them: a lid, a label
_UNSURE = 0.35  # Share of the goods left unsure, above which GrabCut decides
_GRABCUT_WIDTH, _GRABCUT_TURNS = 420, 2  # Pixels: 0.1 to 0.2 s there, 20 to 70 s at 1920


@dataclass(frozen=True, slots=True, eq=False)
class CutOut:
    mask: Mask
    unsure: float  # Area that neither color nor lightness decided, as a share of the goods
    grabcut: bool


def cut_out(interior: BgrImage) -> CutOut:
    """Cut the goods out of the CUT_WINDOW with true colors."""
    lightness, color, seen = _against_mat(interior)
    chroma = np.asarray(cv2.magnitude(*cv2.split(color)), np.float32)
    goods, bare = _seed_masks(lightness, chroma)
    if not cv2.countNonZero(goods):
        return CutOut(goods, 0.0, False)
    mask = _tidy(_watershed(seen, goods, bare))
    area = max(1, cv2.countNonZero(mask))
    unsure = float(cv2.countNonZero(cv2.bitwise_and(mask, cv2.bitwise_not(cv2.bitwise_or(goods, bare))))) / area
    grabcut = unsure > _UNSURE
    if grabcut:
        mask = _tidy(_grabcut(interior, mask, goods, bare))
    left, top, width, height = cv2.boundingRect(mask)
    part = np.s_[max(0, top - 1) : top + height + 1, max(0, left - 1) : left + width + 1]
    mask[part] = _without_shadowed_mat(mask[part], lightness[part], color[part])
    return CutOut(mask, unsure, grabcut)


def _against_mat(interior: BgrImage) -> tuple[_Plane, _Plane, BgrImage]:
    """Return L* minus the mat's, a* and b* minus those of the mat or an equally dark shadow, and both as a picture in
    which color edges weigh more.
    """
    calm = np.asarray(cv2.GaussianBlur(interior, (0, 0), _NOISE_SIGMA_PX), np.uint8)
    lightness, a, b = (np.asarray(plane, np.float32) for plane in cv2.split(_lab(calm)))
    lightness -= _FIELD_L
    for plane in (a, b):
        cv2.GaussianBlur(plane, (0, 0), _COLOR_SIGMA_PX, dst=plane)
    darker = np.asarray(np.clip(-lightness, 0, 40), np.float32)
    chroma = np.asarray(cv2.magnitude(a, b), np.float32)
    shade = _penumbra(darker, chroma)
    if np.count_nonzero(shade) >= _SHADE_MIN_PX:
        for plane in (a, b):
            tint = float(np.median(plane[shade] / darker[shade]))
            plane -= darker * np.float32(np.clip(tint, -_SHADE_TINT, _SHADE_TINT))
    edges = ((lightness, 2.0), (np.clip(a, -32, 31), _COLOR_EDGE), (np.clip(b, -32, 31), _COLOR_EDGE))
    seen = cv2.merge([cv2.convertScaleAbs(plane, alpha=scale, beta=128) for plane, scale in edges])
    return lightness, np.asarray(cv2.merge((a, b)), np.float32), np.asarray(seen, np.uint8)


def _penumbra(darker: _Plane, chroma: _Plane) -> NDArray[np.bool_]:
    """Sample the shadow on bare mat: a little darker, next to it, and away from colors, which run in a JPEG. The color
    of shadows depends on the other light in the room.
    """
    bare = ((darker < _MAT_DARKER) & (chroma < _MAT_CHROMA)).astype(np.uint8)
    near = cv2.dilate(cv2.erode(bare, np.ones((5, 5), np.uint8)), np.ones((13, 13), np.uint8)) > 0
    colors = cv2.dilate((chroma > _COLORED).astype(np.uint8), np.ones((17, 17), np.uint8)) > 0
    return np.asarray((darker > 4) & (darker < 14) & (chroma < 6) & near & ~colors, np.bool_)


def lightness_and_chroma(picture: BgrImage) -> tuple[_Plane, _Plane]:
    """Return CIE L* minus that of the field, and the distance from its grey in a* and b*."""
    lightness, a, b = cv2.split(_lab(picture))
    return np.asarray(lightness - _FIELD_L, np.float32), np.asarray(cv2.magnitude(a, b), np.float32)


def _lab(picture: BgrImage) -> NDArray[np.float32]:
    scaled = np.multiply(picture, np.float32(1 / 255), dtype=np.float32)
    return np.asarray(cv2.cvtColor(scaled, cv2.COLOR_BGR2Lab), np.float32)


def _seed_masks(lightness: _Plane, chroma: _Plane) -> tuple[Mask, Mask]:
    """Mark what is certainly goods, and what is certainly bare mat."""
    # Of the tinted only what is millimetres wide: color runs over edges in a JPEG, and noise comes in specks.
    tinted = (chroma > _TINTED).astype(np.uint8)
    colored = (chroma > _COLORED) | (cv2.morphologyEx(tinted, cv2.MORPH_ERODE, np.ones((7, 7), np.uint8)) > 0)
    goods = _open(colored | (lightness > _BRIGHTER))
    black = _open((lightness < _BLACK_L - _FIELD_L) & ~colored)
    cv2.bitwise_or(goods, _without_shadows(black, goods, lightness), dst=goods)
    bare = _open((chroma < _MAT_CHROMA) & (lightness < _MAT_BRIGHTER) & (lightness > -_MAT_DARKER))
    return goods, _open_mat(bare, lightness, chroma)


def _without_shadows(dark: Mask, goods: Mask, lightness: _Plane) -> Mask:
    """Keep the dark areas with a hard edge away from other goods; the deepest shadow fades into the mat."""
    if not cv2.countNonZero(dark):
        return dark
    steep = cv2.magnitude(
        cv2.Sobel(lightness, cv2.CV_32F, 1, 0, scale=1 / 8), cv2.Sobel(lightness, cv2.CV_32F, 0, 1, scale=1 / 8)
    )
    near = np.ones((2 * _RIM_PX + 1, 2 * _RIM_PX + 1), np.uint8)
    rim = cv2.subtract(cv2.dilate(dark, np.ones((3, 3), np.uint8)), cv2.erode(dark, np.ones((3, 3), np.uint8)))
    rim = cv2.bitwise_and(rim, cv2.bitwise_not(cv2.dilate(goods, near)))
    count, found = cv2.connectedComponents(cv2.dilate(dark, np.ones((3, 3), np.uint8)), connectivity=8)
    labels = np.asarray(found, np.int32)
    hard = (cv2.dilate(steep, np.ones((3, 3), np.uint8)) > _HARD_STEP) & (rim > 0)
    along, ends = (np.bincount(labels[some], minlength=count) for some in (rim > 0, hard))
    keep = np.where((ends >= _HARD_MIN_PX) & (ends >= _HARD_SHARE * along), 255, 0).astype(np.uint8)
    keep[0] = 0
    return np.asarray(cv2.bitwise_and(keep[labels], dark), np.uint8)


def _open_mat(bare: Mask, lightness: _Plane, chroma: _Plane) -> Mask:
    """Keep bare mat connected to the interior's edge, and gaps as grey; drop bands in the shading of white goods."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(bare, connectivity=4)
    keep = np.zeros(count, np.uint8)
    for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        keep[np.unique(edge)] = 255
    keep[0] = 0
    wide = stats[:, cv2.CC_STAT_AREA] >= _GAP_MM2 * CUT_PX_PER_MM**2
    for label in np.flatnonzero(wide & (keep == 0))[1 if wide[0] else 0 :][:_MAX_GAPS]:
        left, top, width, height = (int(side) for side in stats[label, :4])
        part = np.s_[top : top + height, left : left + width]
        on = labels[part] == label
        if float(lightness[part][on].mean()) < _GAP_BRIGHTER and float(chroma[part][on].mean()) < _GAP_CHROMA:
            keep[label] = 255
    return np.asarray(keep[labels], np.uint8)


def _open(mask: NDArray[np.bool_]) -> Mask:
    return np.asarray(
        cv2.morphologyEx(mask.astype(np.uint8) * 255, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)), np.uint8
    )


def _watershed(calm: BgrImage, goods: Mask, bare: Mask) -> Mask:
    """Return the goods, with those unsure areas that no edge separates from them."""
    sides = np.zeros(goods.shape, np.int32)
    sides[bare > 0] = 1
    sides[cv2.erode(goods, np.ones((3, 3), np.uint8)) > 0] = 2
    if not (sides == 1).any():
        return goods
    cv2.watershed(calm, sides)
    return np.asarray(np.where((sides == 2) | ((sides == -1) & (goods > 0)), 255, 0), np.uint8)


def _tidy(mask: Mask) -> Mask:
    """Smooth the outline, drop crumbs, fill small holes."""
    even = np.asarray(cv2.medianBlur(mask, 5), np.uint8)
    lines, levels = cv2.findContours(even, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    holes = [int(level[3]) >= 0 for level in levels[0]] if lines else []
    for line, is_hole in sorted(zip(lines, holes, strict=True), key=lambda one: one[1]):  # crumbs may lie in holes
        # Pick's theorem. The line runs on goods: around a hole, and as the rim of a piece.
        area, rim = float(cv2.contourArea(line)), len(line) / 2
        if is_hole and area - rim + 1 < _MAX_HOLE_MM2 * CUT_PX_PER_MM**2:
            cv2.drawContours(even, [line], -1, (255,), cv2.FILLED)
        elif not is_hole and area + rim + 1 < _MIN_PIECE_MM2 * CUT_PX_PER_MM**2:
            cv2.drawContours(even, [line], -1, (0,), cv2.FILLED)
    return even


def _without_shadowed_mat(mask: Mask, lightness: _Plane, color: _Plane) -> Mask:
    """Remove what is much weaker in color than the goods around it, as dark as a shadow, and no wider than one.

    The strength around is that of the mean color: where two colors meet in a grey line, it is small. On goods as dark
    as a shadow nothing is removed: their highlights have no color either.
    """
    bright = np.maximum(lightness + np.float32(_FIELD_L), np.float32(_MIN_L))
    a, b = (plane / bright for plane in cv2.split(color))
    amount = cv2.magnitude(a, b)
    inner = cv2.erode(mask, np.ones((3, 3), np.uint8)) > 0
    strong = np.asarray(inner & (amount > _STRONG), np.float32)
    planes = cv2.merge([strong, *(strong * plane for plane in (lightness, a, b))])
    size = tuple(math.ceil(side / CUT_PX_PER_MM) for side in mask.shape[::-1])
    small = cv2.GaussianBlur(cv2.resize(planes, size, interpolation=cv2.INTER_AREA), (0, 0), _STRONG_SIGMA_MM)
    share, light, a, b = cv2.split(cv2.resize(small, mask.shape[::-1]))
    weak = (mask > 0) & (amount * share < _STRONG_SHARE * cv2.magnitude(a, b)) & (light > _DARK_GOODS_L * share)
    count, found = cv2.connectedComponents(weak.astype(np.uint8), connectivity=4)
    labels = np.asarray(found, np.int32)
    away = cv2.distanceTransform((strong == 0).astype(np.uint8), cv2.DIST_L2, 3)
    lit = weak & (lightness * share > light + _HIGHLIGHT_L * share)
    gap = weak & (~inner | ((amount < _GREY) & (away > _GREY_MM * CUT_PX_PER_MM)))
    areas, lights, gaps = (np.bincount(labels[some], minlength=count) for some in (weak, lit, gap))
    stays = (lights * 2 > areas) & (gaps == 0)
    stays[labels[weak & (away > _SHADOW_REACH_MM * CUT_PX_PER_MM)]] = True
    weak &= (lightness > _SHADOW_L[0]) & (lightness < _SHADOW_L[1]) & ~stays[labels]
    return np.asarray(cv2.medianBlur(np.where(weak, 0, mask).astype(np.uint8), 3), np.uint8)


def _grabcut(calm: BgrImage, mask: Mask, goods: Mask, bare: Mask) -> Mask:
    """Run GrabCut (C. Rother et al., 2004), starting from the sure areas."""
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
    cv2.grabCut(small, sides, (0, 0, 1, 1), np.zeros((1, 65)), np.zeros((1, 65)), _GRABCUT_TURNS, cv2.GC_INIT_WITH_MASK)
    found = np.where((sides == cv2.GC_FGD) | (sides == cv2.GC_PR_FGD), 255, 0).astype(np.uint8)
    wide = cv2.resize(found, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.where((wide >= 128) | (goods > 0), 255, 0), np.uint8)
