"""True colors from the mat: the lamp's unevenness out of its grey field, white balance and tone out of its patches.

Everything is reckoned in linear light and applied as one table a channel and one smooth gain (von Kries). Grey-world
and its like are never used: around red goods they make the colors worse than doing nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.photo.arrays import BgrImage
from kiosk.photo.markers import DetectedMat, Points
from kiosk.photo.mat import (
    CORNER_MARKERS,
    FIELD_GREY,
    INTERIOR,
    PATCHES,
    SCALE_BAR,
    SEAM_MARKS,
    SHEET,
    VERSION_MARKER,
    WORDS,
    Box,
)
from kiosk.photo.rectify import Channels, DetectedPatch, Window

Mask: TypeAlias = NDArray[np.bool_]
Gain: TypeAlias = NDArray[np.float32]
# The whole sheet, a pixel a millimetre.
SHEET_WINDOW: Final = Window(SHEET.left, SHEET.top, 1.0, round(SHEET.width), round(SHEET.height))
_RIM_MM = 6.0  # Of the sheet, left out: table and shadow of the paper's edge
_PRINT_MM = 3.0  # Left out around everything printed
_SAMPLE_MM = 4
# Relative deviations beyond which a sample of the field is no bare mat, from pass to pass (Tukey's biweight).
_TUKEY = (1.0, 0.5, 0.25, 0.15, 0.10, 0.10)
_MARGIN_PASSES = 2  # The first passes look only outside the interior, where no goods should lie
_MIN_SAMPLES = 300
_CLIPPED, _BLACK = 251.0, 2.0  # 8-bit levels at which a channel means no more than "at least" or "at most"
_COVERED = 40.0  # Color difference after white balance by the field alone, beyond which a patch is covered
# A patch that stays that far off its color, when the others agree, is covered by something like it; two may be.
_FOREIGN, _MIN_PATCHES = 6.0, 6
_SLOPES = (0.5, 2.0)  # Of a camera's tone curve against sRGB, log over log
_TOE = 255 * 0.055  # IEC 61966-2-1: above its short straight foot, sRGB plus 5.5 % is an exact power of linear light
_POWER = 2.4
_COARSE = 24  # Grid points of a gain field a side: it is a parabola in the logarithm


def _linear(level: NDArray[np.float64]) -> NDArray[np.float64]:
    share = level / 255
    return np.asarray(np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** _POWER), np.float64)


def _encoded(linear: NDArray[np.float64]) -> NDArray[np.float64]:
    straight = linear * 12.92
    return 255 * np.where(straight <= 0.04045, straight, 1.055 * np.maximum(linear, 1e-9) ** (1 / _POWER) - 0.055)


def _log(level: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the logarithm of linear light for 8-bit levels; a level below a half counts as a half."""
    return np.log(_linear(np.maximum(level, 0.5)))


_LUMA: Final = np.array((0.0722, 0.7152, 0.2126))
_LOG_TABLE: Final = _log(np.arange(256, dtype=np.float64))
_LOG_FIELD: Final = float(_log(np.array(float(FIELD_GREY))))


@dataclass(frozen=True, slots=True, eq=False)
class Light:
    """What the bare mat would give at every place of the sheet: logarithm of linear light, a parabola a channel."""

    parabola: Points  # 6 x 3
    samples: int  # Of bare mat, on which it rests

    def at(self, x: Points, y: Points) -> Points:
        """Evaluate the light at places in millimetres: one more axis, blue, green, red."""
        return _basis(x, y) @ self.parabola

    def above(self, levels: BgrImage, x: Points, y: Points) -> Points:
        """Return how far 8-bit levels are above the bare mat's at these places, as logarithms, a column a channel."""
        return np.asarray(_LOG_TABLE[levels] - self.at(x, y), np.float64)

    def level_of(self, grey: int) -> float:
        """Return the grey level (BT.709) the camera gives a patch of this sRGB in the middle of the interior."""
        x, y = INTERIOR.left + INTERIOR.width / 2, INTERIOR.top + INTERIOR.height / 2
        linear = np.exp(self.at(np.array(x), np.array(y)) - _LOG_FIELD + _log(np.array(float(grey))))
        return float(np.clip(_encoded(np.array(linear @ _LUMA)), 0, 255))

    @property
    def color(self) -> float:
        """Chroma (CIE 1976) at which the camera shows the mat in the middle of the interior, when exposed right."""
        x, y = INTERIOR.left + INTERIOR.width / 2, INTERIOR.top + INTERIOR.height / 2
        linear = np.exp(self.at(np.array(x), np.array(y)))
        level = np.clip(_encoded(linear * np.exp(_LOG_FIELD) / (linear @ _LUMA)), 0, 255)
        return float(np.linalg.norm(to_lab(np.asarray(level, np.float64))[1:]))

    @property
    def brightest(self) -> Channels:
        """The highest value of each channel in the interior."""
        return np.asarray(self._over_interior().max(axis=(0, 1)), np.float64)

    @property
    def ratio(self) -> float:
        """Brightest to darkest place of the interior, in linear light of the green channel."""
        green = self._over_interior()[..., 1]
        return float(np.exp(green.max() - green.min()))

    def _over_interior(self) -> Points:
        x, y = np.linspace(INTERIOR.left, INTERIOR.right, 15), np.linspace(INTERIOR.top, INTERIOR.bottom, 11)
        return self.at(*np.meshgrid(x, y))


def fit_light(sheet: BgrImage, mat: DetectedMat, width: int, height: int) -> Light:
    """Fit the light to ``sheet``, the SHEET_WINDOW as the camera gave it in a frame of this size.

    Goods, hands and sharp shadows are left out as outliers of the field.
    """
    field, margin = bare_field(), ~box_mask(INTERIOR)
    x, y = np.meshgrid(*(np.arange(0, side, _SAMPLE_MM, dtype=np.float64) + 0.5 for side in sheet.shape[1::-1]))
    levels = np.asarray(cv2.blur(sheet, (3, 3))[::_SAMPLE_MM, ::_SAMPLE_MM], np.uint8)
    place = mat.place(np.stack([x.ravel(), y.ravel()], axis=1))
    in_frame = ((place > 2) & (place < (width - 3, height - 3))).all(axis=1).reshape(x.shape)
    usable = (levels.max(axis=2) < _CLIPPED) & in_frame & field[::_SAMPLE_MM, ::_SAMPLE_MM]
    outside = margin[::_SAMPLE_MM, ::_SAMPLE_MM][usable]
    logs = _LOG_TABLE[levels[usable]]
    if len(logs) < _MIN_SAMPLES:
        seen = levels[in_frame] if in_frame.any() else levels.reshape(-1, 3)
        parabola = np.zeros((6, 3))
        parabola[0] = np.median(_LOG_TABLE[seen], axis=0)
        return Light(parabola, 0)
    return _fit_robust(_basis(x[usable], y[usable]), logs, outside)


def _fit_robust(basis: Points, logs: Points, outside: Mask) -> Light:
    start = np.median(logs[outside] if outside.sum() >= _MIN_SAMPLES else logs, axis=0)
    parabola = np.zeros((6, 3))
    parabola[0] = start
    weights = np.zeros(len(logs))
    for turn, width in enumerate(_TUKEY):
        away = np.abs(logs - basis @ parabola).max(axis=1) / width
        weights = np.where(away < 1, (1 - np.minimum(away, 1) ** 2) ** 2, 0)
        if turn < _MARGIN_PASSES and (weights[outside] > 0).sum() >= _MIN_SAMPLES:
            weights[~outside] = 0
        if (weights > 0).sum() < _MIN_SAMPLES:
            break
        weighted = basis * weights[:, None]
        small = np.eye(6) * 1e-6 * len(logs)  # keeps the parabola flat where no sample says otherwise
        parabola = np.linalg.solve(weighted.T @ basis + small, weighted.T @ logs + small @ parabola)
    return Light(parabola, int((weights > 0).sum()))


def _basis(x: Points, y: Points) -> Points:
    u, v = (x - SHEET.width / 2) / (SHEET.width / 2), (y - SHEET.height / 2) / (SHEET.width / 2)
    return np.stack([np.ones_like(u), u, v, u * u, u * v, v * v], axis=-1)


@lru_cache(maxsize=1)
def bare_field() -> Mask:
    """Mark where nothing is printed in the SHEET_WINDOW; not to be written to."""
    patches = _boxes(patch.box for patch in PATCHES)
    return box_mask(SHEET.grown(-_RIM_MM)) & ~marker_mask() & ~patches


@lru_cache(maxsize=1)
def marker_mask() -> Mask:
    """Mark everything printed in black and white, with a little around it; not to be written to."""
    markers = (marker.box.grown(marker.quiet) for marker in (*CORNER_MARKERS, VERSION_MARKER))
    return _boxes((*markers, SCALE_BAR.grown(_PRINT_MM), *WORDS, *SEAM_MARKS))


def _boxes(boxes: Iterable[Box]) -> Mask:
    mask = np.zeros((SHEET_WINDOW.height, SHEET_WINDOW.width), np.bool_)
    for box in boxes:
        mask |= box_mask(box.grown(_PRINT_MM))
    return mask


def box_mask(box: Box) -> Mask:
    mask = np.zeros((SHEET_WINDOW.height, SHEET_WINDOW.width), np.bool_)
    mask[max(0, round(box.top)) : max(0, round(box.bottom)), max(0, round(box.left)) : max(0, round(box.right))] = True
    return mask


@dataclass(frozen=True, slots=True, eq=False)
class Correction:
    """What makes the field the grey it is printed with, and the patches as near to theirs as can be."""

    light: Light
    # For each channel a, b: true log = a x + b x^2, x the log of the light against the field's.
    tone: tuple[tuple[float, float], ...]
    patch_difference: float  # Root mean square of the CIE 1976 differences of the patches afterwards
    patches: int  # How many were used; covered and clipped ones are not

    def apply(self, picture: BgrImage, window: Window) -> BgrImage:
        """Return the window with true colors, as a new array."""
        brightest = self.light.brightest
        level = cv2.LUT(picture, self._table(brightest))
        gain = cv2.resize(self._gains(window, brightest), (window.width, window.height))
        cv2.multiply(level, gain, dst=level)
        return np.asarray(cv2.convertScaleAbs(level, beta=-_TOE), np.uint8)

    def _table(self, brightest: Channels) -> Gain:
        """Compute the true level, without gain, for each level of each channel; 1 x 256 x 3."""
        a, b = np.array(self.tone).T
        offset = _LOG_TABLE[:, None] - brightest
        true = a * offset + b * offset**2 + _LOG_FIELD
        return (_encoded(np.exp(np.minimum(true, 1.0))) + _TOE).astype(np.float32)[None]

    def _gains(self, window: Window, brightest: Channels) -> Gain:
        # cv2.resize puts the grid's points into the middles of equal cells.
        share = (np.arange(_COARSE) + 0.5) / _COARSE
        x = np.clip(window.left + share * window.width / window.px_per_mm, SHEET.left, SHEET.right)
        y = np.clip(window.top + share * window.height / window.px_per_mm, SHEET.top, SHEET.bottom)
        slopes = np.array([a for a, _ in self.tone])
        higher = (brightest - self.light.at(*np.meshgrid(x, y))) * slopes
        return np.asarray(np.exp(higher / _POWER), np.float32)


def find_correction(light: Light, patches: Sequence[DetectedPatch]) -> Correction:
    """Take white balance and exposure from the field, the tone curve from the uncovered patches."""
    straight = ((1.0, 0.0),) * 3
    usable = [seen for seen in patches if ((seen.level > _BLACK) & (seen.level < _CLIPPED)).all()]
    usable = [seen for seen in usable if _difference(light, straight, seen) < _COVERED]
    if not usable:
        return Correction(light, straight, _COVERED, 0)
    while True:
        offsets = np.array([_log(seen.level) - _light_at(light, seen) for seen in usable])
        truth = np.array([float(_log(np.array(float(seen.patch.grey)))) - _LOG_FIELD for seen in usable])
        tone = tuple(_fit_tone(offsets[:, channel], truth) for channel in range(3))
        differences = np.array([_difference(light, tone, seen) for seen in usable])
        worst = int(differences.argmax())
        if differences[worst] < _FOREIGN or len(usable) <= _MIN_PATCHES:
            return Correction(light, tone, float(np.sqrt((differences**2).mean())), len(usable))
        del usable[worst]


def _light_at(light: Light, seen: DetectedPatch) -> Channels:
    box = seen.patch.box
    x, y = np.array(box.left + box.width / 2), np.array(box.top + box.height / 2)
    return np.asarray(light.at(x, y), np.float64)


def _fit_tone(offset: Points, truth: Points) -> tuple[float, float]:
    """Fit by least squares in perceptually about equal steps; a plain slope where the curve would turn back."""
    weight = np.exp(truth / 3)
    if len({round(value, 3) for value in truth}) >= 3:
        bend = np.stack([offset, offset**2], axis=1) * weight[:, None]
        (a, b), *_ = np.linalg.lstsq(bend, truth * weight, rcond=None)
        steepness = a + 2 * b * np.array([-3.5, 1.7])
        if _SLOPES[0] <= a <= _SLOPES[1] and (steepness > 0.3).all():
            return float(a), float(b)
    a = float((weight**2 * offset * truth).sum() / max(float((weight**2 * offset**2).sum()), 1e-9))
    return (a, 0.0) if _SLOPES[0] <= a <= _SLOPES[1] else (1.0, 0.0)


def _toned(offset: Points, tone: tuple[float, float]) -> Points:
    return tone[0] * offset + tone[1] * offset**2


def _difference(light: Light, tone: Sequence[tuple[float, float]], seen: DetectedPatch) -> float:
    offset = _log(seen.level) - _light_at(light, seen)
    true = np.array([float(_toned(offset[channel], tone[channel])) for channel in range(3)]) + _LOG_FIELD
    level = np.clip(_encoded(np.exp(np.minimum(true, 1.0))), 0, 255)
    return float(np.linalg.norm(to_lab(level) - to_lab(np.full(3, float(seen.patch.grey)))))


def to_lab(level: Channels) -> Channels:
    """Convert one 8-bit sRGB color to CIE 1976 L*a*b*."""
    pixel = (level / 255).astype(np.float32).reshape(1, 1, 3)
    return np.asarray(cv2.cvtColor(pixel, cv2.COLOR_BGR2Lab).reshape(3), np.float64)
