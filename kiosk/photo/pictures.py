"""The pictures that are kept of a shot: cut out on white; on the grey of the mat with its shadow and a scale bar; a
detail, where the camera shows more of it; and what the goods look like, in 64 bits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.photo.arrays import BgrImage
from kiosk.photo.color import Correction
from kiosk.photo.cutout import CUT_PX_PER_MM, CUT_WINDOW, Mask
from kiosk.photo.markers import DetectedMat
from kiosk.photo.mat import FIELD_GREY, Box
from kiosk.photo.rectify import Window, flatten

_Places: TypeAlias = tuple[NDArray[np.intp], ...]  # Rows and columns
# The range that channels take. A picture is as large as the goods may be enlarged, so that none looks soft.
MIN_SIDE_PX, MAX_SIDE_PX = 800, 1600
MAX_ENLARGED: Final = 1.5  # Pixels for each of the camera's
DETAIL_MM: Final = 50.0
_MIN_DETAIL_PX, _DETAIL_SHARE = 480, 0.98  # Of a detail that shows more than the master; of it, that is goods
_SCALE_COLOR = (245, 245, 245)
GOODS_SHARE: Final = 0.85  # Of the side, for the longer side of the goods; less where the picture would be too small
_SOFT_SIGMA_PX = 1.1  # In the mask: rounds its steps, and makes a ramp for the soft edge
_FEATHER_PX = 2.0  # Of the finished picture, from nothing to all
_CHOKE = 0.15  # Share by which the edge is inside the mask: the outermost pixels are half mat
# Pixels for each of the camera's when a slanted picture is flattened, so that no detail is lost.
_OVERSAMPLING = 1.3
_RIM_PX = 8  # Of the mask, around the goods: more than the soft edge is wide
_CELL_PX = 16  # Parts of a picture are whole cells, so that a cell of a coarser picture has whole pixels, too
_NEAR_GOODS_MM = 1.0
_SHADOW_SIGMA_MM = 1.5
_SHADOW_CELL_PX = 4
_CLEAN_LEVELS = 5.0  # What differs less from the mat's grey is a stain, or noise
_LIKENESS_SIDE: Final = 32
# Of the lowest frequencies in each direction, the constant ones left out, which say little but how large the goods are.
_LIKENESS_WAVES: Final = 8


@dataclass(frozen=True, slots=True, eq=False)
class GoodsScene:
    frame: BgrImage  # As large as the camera gave it
    mat: DetectedMat  # In this frame
    correction: Correction
    interior: BgrImage  # The CUT_WINDOW with true colors
    mask: Mask  # The goods in it


@dataclass(frozen=True, slots=True, eq=False)
class GoodsPictures:
    """All are square, master and natural of the same size."""

    master: BgrImage
    natural: BgrImage
    detail: BgrImage | None  # None where the camera shows no more of a part than the master does


def crop_window(goods: Box, camera_px_per_mm: float) -> Window:
    """Return the square around the goods, which may reach beyond the interior."""
    longer = max(goods.width, goods.height)
    px_per_mm = min(MAX_ENLARGED * camera_px_per_mm, MAX_SIDE_PX * GOODS_SHARE / longer)
    side_px = max(MIN_SIDE_PX, math.floor(longer / GOODS_SHARE * px_per_mm / _CELL_PX + 1e-6) * _CELL_PX)
    side = side_px / px_per_mm
    left, top = goods.left + (goods.width - side) / 2, goods.top + (goods.height - side) / 2
    return Window(left, top, px_per_mm, side_px, side_px)


def make_pictures(shot: GoodsScene, window: Window) -> GoodsPictures:
    part, rows, columns = _around_goods(shot.mask, window)
    seen = _seen(shot.frame, shot.mat, shot.correction, part)
    alpha = _alpha(shot.mask, part)
    ground = _mat_with_shadow(shot.interior, shot.mask, window)
    natural = np.asarray(cv2.merge((ground, ground, ground)), np.uint8)
    master = np.full_like(natural, 255)
    whole = np.asarray(cv2.threshold(alpha, 254, 255, cv2.THRESH_BINARY)[1], np.uint8)
    edge = np.nonzero((alpha > 0) & (alpha < 255))
    for picture in (master, natural):
        _composite(picture[rows, columns], seen, alpha, whole, edge)
    _draw_scale(natural, window.px_per_mm)
    return GoodsPictures(master, natural, _detail(shot))


def _draw_scale(picture: BgrImage, px_per_mm: float) -> None:
    """Draw a bar of 10 or 5 cm with its length, in the bottom left corner."""
    side, step = picture.shape[0], max(1, picture.shape[0] // 200)
    length = 10 if 100 * px_per_mm <= side / 2 else 5
    left, bottom = 6 * step, side - 6 * step
    right = left + round(length * 10 * px_per_mm)
    cv2.rectangle(picture, (left, bottom - 2 * step), (right - 1, bottom), _SCALE_COLOR, cv2.FILLED)
    at = (right + 3 * step, bottom)
    cv2.putText(picture, f"{length} cm", at, cv2.FONT_HERSHEY_SIMPLEX, step / 4, _SCALE_COLOR, step // 2, cv2.LINE_AA)


def _detail(shot: GoodsScene) -> BgrImage | None:
    """Cut out the sharpest square within the goods; None when the camera shows too few pixels or no part fits."""
    px_per_mm = min(MAX_ENLARGED * shot.mat.px_per_mm, MIN_SIDE_PX / DETAIL_MM)
    side = math.floor(DETAIL_MM * px_per_mm / _CELL_PX) * _CELL_PX
    if side < _MIN_DETAIL_PX:
        return None
    reach = (round(DETAIL_MM * CUT_PX_PER_MM),) * 2
    edges = np.abs(cv2.Laplacian(cv2.cvtColor(shot.interior, cv2.COLOR_BGR2GRAY), cv2.CV_32F))
    sharp, share = (
        cv2.boxFilter(some, cv2.CV_32F, reach, borderType=cv2.BORDER_CONSTANT) for some in (edges, shot.mask)
    )
    _, best, _, (x, y) = cv2.minMaxLoc(np.where(share >= 255 * _DETAIL_SHARE, sharp, 0))
    if best <= 0:
        return None
    left, top = (
        first + at / CUT_PX_PER_MM - DETAIL_MM / 2 for first, at in ((CUT_WINDOW.left, x), (CUT_WINDOW.top, y))
    )
    return _seen(shot.frame, shot.mat, shot.correction, Window(left, top, px_per_mm, side, side))


def _composite(ground: BgrImage, seen: BgrImage, alpha: Mask, whole: Mask, edge: _Places) -> None:
    """Draw the goods over ``ground`` in place, blending only at a narrow edge."""
    share = alpha[edge][:, None] * np.float32(1 / 255)
    ground[edge] = np.rint(seen[edge] * share + ground[edge] * (1 - share)).astype(np.uint8)
    cv2.copyTo(seen, whole, dst=ground)


def _around_goods(mask: Mask, window: Window) -> tuple[Window, slice, slice]:
    """Return the part of the window with goods in it, its rows and columns; the ground around it needs less work."""
    across, down = _to_crop(window)
    left, top, width, height = cv2.boundingRect(mask)
    low, high = (first * across[0] + across[2] for first in (left - _RIM_PX, left + width + _RIM_PX))
    columns = _cells(low, high, window.width)
    low, high = (first * down[1] + down[2] for first in (top - _RIM_PX, top + height + _RIM_PX))
    rows = _cells(low, high, window.height)
    mm = 1 / window.px_per_mm
    part = Window(
        window.left + columns.start * mm,
        window.top + rows.start * mm,
        window.px_per_mm,
        columns.stop - columns.start,
        rows.stop - rows.start,
    )
    return part, rows, columns


def _cells(low: float, high: float, side_px: int) -> slice:
    """Round outward to whole cells of the picture."""
    first, last = math.floor(low / _CELL_PX), math.ceil(high / _CELL_PX)
    return slice(max(0, first) * _CELL_PX, min(side_px // _CELL_PX, last) * _CELL_PX)


def _seen(frame: BgrImage, mat: DetectedMat, correction: Correction, window: Window) -> BgrImage:
    """Return the window with true colors. Upscaling last where the camera has few pixels looks as good, 3 times as
    fast.
    """
    of_a_cell = min(_CELL_PX, math.ceil(_CELL_PX * mat.px_per_mm * _OVERSAMPLING / window.px_per_mm))
    width, height = (side // _CELL_PX * of_a_cell for side in (window.width, window.height))
    native = Window(window.left, window.top, window.px_per_mm * of_a_cell / _CELL_PX, width, height)
    seen = correction.apply(flatten(frame, mat, native, fine=True), native)
    if of_a_cell == _CELL_PX:
        return seen
    return np.asarray(cv2.resize(seen, (window.width, window.height), interpolation=cv2.INTER_CUBIC), np.uint8)


def _alpha(mask: Mask, window: Window) -> Mask:
    soft = cv2.GaussianBlur(mask, (0, 0), _SOFT_SIGMA_PX, borderType=cv2.BORDER_CONSTANT)
    wide = cv2.warpAffine(soft, _to_crop(window), (window.width, window.height), flags=cv2.INTER_LINEAR)
    # The ramp of the blur is 2.5 sigma wide; a table makes it as steep as the feather.
    ramp = 2.5 * _SOFT_SIGMA_PX * window.px_per_mm / CUT_PX_PER_MM
    steep = max(1.0, ramp / _FEATHER_PX)
    share = np.clip((np.arange(256) / 255 - 0.5 - _CHOKE) * steep + 0.5, 0, 1)
    return np.asarray(cv2.LUT(wide, np.rint(share * 255).astype(np.uint8)), np.uint8)


def _to_crop(window: Window) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    way = window.to_window() @ np.linalg.inv(CUT_WINDOW.to_window())
    return np.asarray(way[:2], np.float64)


def _mat_with_shadow(interior: BgrImage, mask: Mask, window: Window) -> Mask:
    """Paint a clean grey with nothing of the mat on it but the soft shadow of the goods."""
    near = 2 * round(_NEAR_GOODS_MM * CUT_PX_PER_MM) + 1
    bare = cv2.bitwise_not(cv2.dilate(mask, np.ones((near, near), np.uint8)))
    grey = cv2.bitwise_and(cv2.cvtColor(interior, cv2.COLOR_BGR2GRAY), bare)
    small = (CUT_WINDOW.width // 2, CUT_WINDOW.height // 2)
    sigma = _SHADOW_SIGMA_MM * CUT_PX_PER_MM / 2
    light, share = (
        cv2.GaussianBlur(cv2.resize(plane, small, interpolation=cv2.INTER_AREA).astype(np.float32), (0, 0), sigma)
        for plane in (grey, bare)
    )
    level = np.where(share > 4, light * 255 / np.maximum(share, 4), FIELD_GREY)
    darker = np.maximum(FIELD_GREY - level - _CLEAN_LEVELS, 0)
    shadow = np.rint(FIELD_GREY - darker).astype(np.uint8)
    # Soft as it is, it is laid in a small picture and enlarged: half of the time of one step.
    shrink, enlarge = (
        np.array([(by, 0, by / 2 - 0.5), (0, by, by / 2 - 0.5), (0, 0, 1)]) for by in (2, _SHADOW_CELL_PX)
    )
    way = np.linalg.inv(enlarge) @ np.vstack([_to_crop(window), (0, 0, 1)]) @ shrink
    laid = cv2.warpAffine(
        shadow,
        way[:2],
        (window.width // _SHADOW_CELL_PX, window.height // _SHADOW_CELL_PX),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(FIELD_GREY,),
    )
    return np.asarray(cv2.resize(laid, (window.width, window.height), interpolation=cv2.INTER_LINEAR), np.uint8)


def likeness(master: BgrImage) -> str:
    """Hash goods on white to 16 hex digits: which coarse waves (DCT) of the grey are above their median.

    Of 40 stages of the simulator, each shot twice with another camera and another lamp, 35 pairs differ in at most 8
    bits, half of them in at most 4, none in more than 14. Of 3,120 pairs of other goods, the same produce laid out
    again among them, none differs in fewer than 16, half of them in at least 30.
    """
    grey = cv2.cvtColor(np.ascontiguousarray(master), cv2.COLOR_BGR2GRAY)
    small = cv2.resize(grey, (_LIKENESS_SIDE, _LIKENESS_SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    waves = cv2.dct(small)[1 : _LIKENESS_WAVES + 1, 1 : _LIKENESS_WAVES + 1]
    bits = np.packbits((waves > np.median(waves)).reshape(-1))
    return bits.tobytes().hex()
