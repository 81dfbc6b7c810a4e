"""What can be counted and measured in a shot. The checks decide what the figures mean for the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.photo.arrays import BgrImage
from kiosk.photo.color import SHEET_WINDOW, Light, Mask, bare_field, box_mask, marker_mask, to_lab
from kiosk.photo.cutout import CUT_PX_PER_MM, lightness_and_chroma
from kiosk.photo.frame_check import tenengrad
from kiosk.photo.markers import DetectedMat, Points
from kiosk.photo.mat import INTERIOR, PATCHES, SHEET, Box

_PIECE_SHARE = 0.02  # Of the largest piece: what is smaller fell off one
_MOTION_WIDTH_PX = 480
_FOCUS_WIDTH_PX = 960  # Wide enough to find the sharpest of a burst, and four times as quick as the whole frame
_CLIPPED = 250
_GLARE_MIN_LEVEL = 240  # Lowest channel of a mirrored lamp; white goods stay below at a right exposure
_GLARE_STEP = 35.0  # Grey levels above the surroundings: white goods have no such step
# The same of the lowest channel. A lamp that breaks up on the pores of an orange lights the skin between them, but its
# color stays. Measured: 63 and more there; 45 at most of a white label that shines, which is no glare.
_GLARE_COLOR_STEP = 54.0
_GLARE_RING_PX = 9
_GLARE_MAX_BLOBS = 20
_GLARE_MIN_PX = 4  # Less is noise
_NO_DETAIL = 3
# Channels of what is the mat, in the light of stripes or not, agree to this share; goods and hands do not.
_NEUTRAL = 0.3
_STRIPE_BINS = 120
_MIN_STRIPES = 2  # In the height of the sheet; fewer is uneven light, which the parabola takes
_MAX_STRIPES = 30
_HAND_RIM_MM = 10
_HAND_DIFFERENT = 16.0
_HAND_DARK = -34.0
_HAND_MIN_MM2 = 60.0
_SKIN_SHARE = 0.5
_SKIN_BEYOND_MM = 22.0  # From the interior: nuts and raisins have the color of skin, and may lie over its edge
_SHADED = 0.62  # Of the light that the rest of the mat gets: a hand right over the mat; a person beside it leaves more
_SHADED_MIN_SHARE = 0.03


@dataclass(frozen=True, slots=True)
class Outline:
    """The goods on the mat, in millimetres of the sheet."""

    coverage: float  # Share of the interior
    box: Box
    length: float
    width: float
    pieces: int
    edge: float  # From the edge of the interior to the nearest goods


def outline(mask: NDArray[np.uint8]) -> Outline | None:
    """Measure a mask of the CUT_WINDOW; None when it is empty."""
    lines, levels = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    rims = [line for line, level in zip(lines, levels[0], strict=True) if int(level[3]) < 0] if lines else []
    if not rims:
        return None
    areas = np.array([float(cv2.contourArea(rim)) + len(rim) / 2 + 1 for rim in rims])
    places = np.concatenate(rims)
    _, sides, _ = cv2.minAreaRect(places)
    left, top, width, height = (int(side) for side in cv2.boundingRect(places))
    rows, columns = mask.shape
    edge = min(left, top, columns - left - width, rows - top - height)
    mm = 1 / CUT_PX_PER_MM
    return Outline(
        coverage=float(cv2.countNonZero(mask)) / mask.size,
        box=Box(INTERIOR.left + left * mm, INTERIOR.top + top * mm, width * mm, height * mm),
        # Sides of a rectangle around pixels' middles: half a pixel is missing at each end.
        length=(max(sides) + 1) * mm,
        width=(min(sides) + 1) * mm,
        pieces=int((areas >= _PIECE_SHARE * areas.max()).sum()),
        edge=edge * mm,
    )


@dataclass(frozen=True, slots=True)
class DetailLoss:
    """Shares of the goods where the camera shows no detail."""

    burnt: float
    lost: float
    glare: float
    largest_glare: float


def detail_loss(raw: BgrImage, mask: NDArray[np.uint8]) -> DetailLoss:
    """Measure the CUT_WINDOW as the camera gave it."""
    area = max(1, cv2.countNonZero(mask))
    blue, green, red = cv2.split(raw)
    highest = cv2.bitwise_and(cv2.max(cv2.max(blue, green), red), mask)
    lowest = cv2.bitwise_and(cv2.min(cv2.min(blue, green), red), mask)
    seen = cv2.countNonZero(cv2.threshold(highest, _NO_DETAIL, 255, cv2.THRESH_BINARY)[1])
    mirrors = _mirrors(raw, np.asarray(lowest, np.uint8), mask)
    return DetailLoss(
        burnt=cv2.countNonZero(cv2.threshold(highest, _CLIPPED - 1, 255, cv2.THRESH_BINARY)[1]) / area,
        lost=max(0, area - seen) / area,
        glare=sum(mirrors) / area,
        largest_glare=max(mirrors, default=0) / area,
    )


def _mirrors(raw: BgrImage, lowest: NDArray[np.uint8], mask: NDArray[np.uint8]) -> list[int]:
    """Return the areas of mirrored lamps: white, and much brighter than the goods around them.

    The largest are compared one by one with their surroundings; specks (wet raisins show a thousand) all at once.
    """
    white = np.asarray(cv2.threshold(lowest, _GLARE_MIN_LEVEL - 1, 255, cv2.THRESH_BINARY)[1], np.uint8)
    if not cv2.countNonZero(white):
        return []
    grey = np.asarray(cv2.cvtColor(raw, cv2.COLOR_BGR2GRAY), np.uint8)
    number, seen_labels, stats, _ = cv2.connectedComponentsWithStats(white, connectivity=8)
    labels, areas = np.asarray(seen_labels, np.int32), stats[:, cv2.CC_STAT_AREA]
    goods = np.asarray(cv2.bitwise_and(mask, cv2.bitwise_not(white)), np.uint8)
    largest = np.argsort(-areas[1:])[:_GLARE_MAX_BLOBS] + 1
    is_speck = areas >= _GLARE_MIN_PX
    is_speck[0] = False
    is_speck[largest] = False
    if is_speck.any():
        is_speck &= _brighter_specks(grey, goods, labels, number)
    lamps = [label for label in largest if areas[label] >= _GLARE_MIN_PX]
    mirrored = [label for label in lamps if _stands_out((grey, lowest), goods, labels == label, stats[label])]
    return [int(area) for area in (*areas[is_speck], *areas[mirrored])]


def _stands_out(
    grey_and_lowest: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    goods: NDArray[np.uint8],
    blob: NDArray[np.bool_],
    stats: NDArray[np.int32],
) -> bool:
    left, top, width, height = (int(value) for value in stats[:4])
    reach = _GLARE_RING_PX
    part = np.s_[max(0, top - reach) : top + height + reach, max(0, left - reach) : left + width + reach]
    near = cv2.dilate(blob[part].astype(np.uint8), np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    around = (near > 0) & (goods[part] > 0)
    if not around.any():
        return False
    steps = (plane[part][blob[part]].mean() - np.median(plane[part][around]) for plane in grey_and_lowest)
    return any(step >= min_step for step, min_step in zip(steps, (_GLARE_STEP, _GLARE_COLOR_STEP), strict=True))


def _brighter_specks(
    grey: NDArray[np.uint8], goods: NDArray[np.uint8], labels: NDArray[np.int32], number: int
) -> NDArray[np.bool_]:
    """Return for each label whether it is on average much brighter than the goods near its pixels."""
    around, known = _around(grey, goods)
    here = (labels > 0) & known
    of = labels[here]
    seen = np.maximum(np.bincount(of, minlength=number), 1)
    brighter = np.bincount(of, grey[here].astype(np.float64) - around[here], minlength=number) / seen
    return np.asarray(brighter >= _GLARE_STEP)


def _around(grey: NDArray[np.uint8], goods: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Average the goods within _GLARE_RING_PX of each place; the second array marks where there are any."""
    side = (2 * _GLARE_RING_PX + 1,) * 2
    share = cv2.boxFilter((goods > 0).astype(np.float32), -1, side)
    total = cv2.boxFilter(np.where(goods > 0, grey, 0).astype(np.float32), -1, side)
    return np.asarray(total / np.maximum(share, 1e-3), np.float32), share > 0.02


def stripes(sheet: BgrImage, light: Light, mat: DetectedMat) -> float:
    """Measure the strongest even stripes across the frame, from dark to bright, as a share of the light.

    ``sheet`` is the SHEET_WINDOW as the camera gave it. Stripes of a flickering lamp cross the whole frame: both halves
    of the sheet must show them in phase, so that neither a shadow nor a spot counts.
    """
    rows, columns = _margin_places()
    y, x = (np.asarray(places + 0.5, np.float64) for places in (rows, columns))
    seen = sheet[rows, columns]
    levels, above = seen.max(axis=1), light.above(seen, x, y)
    neutral = np.ptp(above, axis=1) < _NEUTRAL
    usable = (levels > 4) & (levels < _CLIPPED) & neutral
    if np.count_nonzero(usable) < 5 * _STRIPE_BINS:
        return 0.0
    strength, place = above[usable].mean(axis=1), mat.place(np.stack([x[usable], y[usable]], axis=1))
    return max(_stripes_along(place[:, axis], place[:, 1 - axis], strength) for axis in (0, 1))


@lru_cache(maxsize=1)
def _margin_places() -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """List rows and columns of every second bare margin place in the SHEET_WINDOW; not to be written to."""
    rows, columns = np.nonzero(bare_field() & ~box_mask(INTERIOR))
    return rows[::2], columns[::2]


def _stripes_along(along: Points, across: Points, strength: Points) -> float:
    low, high = float(along.min()), float(along.max())
    bins = np.minimum(((along - low) / (high - low + 1e-6) * _STRIPE_BINS).astype(int), _STRIPE_BINS - 1)
    half = across > np.median(across)
    spectra = [_spectrum(_profile(bins[side], strength[side])) for side in (half, ~half)]
    common = (spectra[0] * spectra[1].conj()).real
    power = np.convolve(common, np.ones(3), "same")[_MIN_STRIPES : _MAX_STRIPES + 1]
    return float(2 * np.sqrt(max(0.0, power.max())))


def _profile(bins: NDArray[np.int_], strength: Points) -> Points:
    count = np.bincount(bins, minlength=_STRIPE_BINS)
    mean = np.bincount(bins, np.clip(strength, -1, 1), minlength=_STRIPE_BINS) / np.maximum(count, 1)
    known = np.flatnonzero(count)
    every = np.arange(_STRIPE_BINS)
    whole = np.interp(every, known, mean[known]) if known.size else np.zeros(_STRIPE_BINS)
    return np.asarray(whole - np.polyval(np.polyfit(every, whole, 2), every), np.float64)


def _spectrum(profile: Points) -> NDArray[np.complex128]:
    """Return the amplitudes of sines, by their number of periods in the profile."""
    return np.asarray(np.fft.rfft(profile) * 2 / len(profile), np.complex128)


@dataclass(frozen=True, slots=True)
class HandMeasure:
    """A hand or sleeve: what comes in over the edge of the interior, as shares of the interior."""

    body: float
    shadow: float


def hand_measure(sheet: BgrImage) -> HandMeasure:
    """Measure in the SHEET_WINDOW with true colors what reaches from the interior to the edge of the sheet, or is
    skin-colored and reaches beyond the interior.
    """
    lightness, chroma = lightness_and_chroma(np.asarray(cv2.GaussianBlur(sheet, (0, 0), 0.8), np.uint8))
    expected, edges = _expected()
    lightness -= expected
    paper = ~marker_mask() & ~edges & box_mask(SHEET.grown(-3))
    inside = box_mask(INTERIOR)
    other = ((chroma > _HAND_DIFFERENT) | (lightness > _HAND_DIFFERENT) | (lightness < _HAND_DARK)) & paper
    rim = paper & ~box_mask(SHEET.grown(-_HAND_RIM_MM))
    skin = other & _skin(sheet)
    far = paper & ~box_mask(INTERIOR.grown(_SKIN_BEYOND_MM))
    body = 0.0
    for component in _components(other):
        within = np.count_nonzero(component & inside)
        beyond = np.count_nonzero(component & ~inside)
        if min(within, beyond) < _HAND_MIN_MM2:
            continue
        fleshy = np.count_nonzero(component & skin & far) >= _SKIN_SHARE * max(_HAND_MIN_MM2, beyond / 4)
        if fleshy or np.count_nonzero(component & rim) >= _HAND_MIN_MM2 / 4:
            body += within
    return HandMeasure(body / np.count_nonzero(inside), _shadow(lightness, chroma, paper, rim, inside))


@lru_cache(maxsize=1)
def _expected() -> tuple[NDArray[np.float32], Mask]:
    """Return L* of the printed sheet minus its field's, and the edges of its patches; not to be written to."""
    lightness = np.zeros((SHEET_WINDOW.height, SHEET_WINDOW.width), np.float32)
    edges = np.zeros(lightness.shape, np.bool_)
    for patch in PATCHES:
        lightness[box_mask(patch.box)] = to_lab(np.full(3, float(patch.grey)))[0] - 50.03
        edges |= box_mask(patch.box.grown(2)) & ~box_mask(patch.box.grown(-2))
    return lightness, edges


def _shadow(lightness: NDArray[np.float32], chroma: NDArray[np.float32], paper: Mask, rim: Mask, inside: Mask) -> float:
    darker = 116 * (0.1842 * _SHADED) ** (1 / 3) - 16 - 50.03
    shaded = (lightness < darker) & (chroma < _HAND_DIFFERENT) & paper
    whole = np.count_nonzero(inside)
    for component in _components(shaded):
        within = np.count_nonzero(component & inside)
        if within >= _SHADED_MIN_SHARE * whole and np.count_nonzero(component & rim) >= _HAND_MIN_MM2:
            return within / whole
    return 0.0


def _components(mask: Mask) -> list[Mask]:
    """Return the largest five components, with the gaps that printed things cause closed."""
    closed = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    opened = cv2.morphologyEx(closed, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(opened, connectivity=4)
    order = np.argsort(-stats[1:, cv2.CC_STAT_AREA])[:5] + 1
    return [labels == label for label in order if stats[label, cv2.CC_STAT_AREA] >= 2 * _HAND_MIN_MM2]


def _skin(sheet: BgrImage) -> Mask:
    """Mark light to dark skin in true colors: blood, melanin (D. Chai, K. Ngan, 1999: Cr 133 to 173, Cb 77 to 127)."""
    hue = cv2.cvtColor(sheet, cv2.COLOR_BGR2YCrCb)
    red, blue = hue[..., 1], hue[..., 2]
    return np.asarray((red >= 133) & (red <= 178) & (blue >= 77) & (blue <= 127), np.bool_)


def motion(frame: BgrImage, other: BgrImage, mat: DetectedMat) -> float:
    """Return the mean grey level difference of the interior in two frames, after equalizing their brightness."""
    height, width = frame.shape[:2]
    size = (_MOTION_WIDTH_PX, max(1, round(height * _MOTION_WIDTH_PX / width)))
    one, two = (_calm_grey(picture, size) for picture in (frame, other))
    corners = mat.place(INTERIOR.corners) * (size[0] / width, size[1] / height)
    where = cv2.fillConvexPoly(np.zeros(one.shape, np.uint8), np.rint(corners).astype(np.int32), 1) > 0
    first, second = one[where], two[where]
    if not first.size:
        return 0.0
    return float(np.abs(first * (second.mean() / max(1.0, float(first.mean()))) - second).mean())


def _calm_grey(picture: BgrImage, size: tuple[int, int]) -> NDArray[np.float32]:
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.blur(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), (3, 3)), np.float32)


def focus(frames: Sequence[BgrImage], mat: DetectedMat) -> list[float]:
    """Score the sharpness of the interior in frames of one size and one scene; scenes cannot be compared."""
    height, width = frames[0].shape[:2]
    x, y = np.clip(mat.place(INTERIOR.corners), 0, (width - 1, height - 1)).T
    part = np.s_[int(y.min()) : int(y.max()) + 1, int(x.min()) : int(x.max()) + 1]
    share = min(1.0, _FOCUS_WIDTH_PX / width)
    scores = []
    for frame in frames:
        seen = frame[part]
        size = (max(1, round(seen.shape[1] * share)), max(1, round(seen.shape[0] * share)))
        scores.append(tenengrad(np.asarray(cv2.resize(seen, size, interpolation=cv2.INTER_AREA), np.uint8)))
    return scores
