"""Masters and natural cuts with known truth: goods of several shapes, drawn without the product's code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from kiosk.photo.arrays import BgrImage
from kiosk.photo.mat import FIELD_GREY

SIDE, LONGER = 1600, 1360


@dataclass(frozen=True)
class Goods:
    """``cover`` is 0 to 255 a pixel; master and natural are as the pipeline makes them: 1600 x 1600, centered."""

    cover: np.ndarray
    master: BgrImage
    natural: BgrImage

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, width and height of what covers more than a tenth."""
        left, top, width, height = cv2.boundingRect((self.cover > 25).astype(np.uint8))
        return left, top, width, height


def _ellipse(width: int, height: int) -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    cv2.ellipse(mask, (SIDE // 2, SIDE // 2), (width // 2, height // 2), 0, 0, 360, 255, -1, cv2.LINE_AA)
    return mask


def _block() -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    half = LONGER // 2
    mask[SIDE // 2 - half : SIDE // 2 + half, SIDE // 2 - half : SIDE // 2 + half] = 255
    return mask


def _leaves() -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    for angle in range(0, 360, 30):
        turn = np.deg2rad(angle)
        at = (int(800 + 420 * np.cos(turn)), int(800 + 420 * np.sin(turn)))
        cv2.ellipse(mask, at, (260, 70), angle, 0, 360, 255, -1, cv2.LINE_AA)
    return mask


def _pieces() -> np.ndarray:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    for at in ((320, 500), (1280, 500), (800, 1100), (500, 900)):
        cv2.circle(mask, at, 200, 255, -1, cv2.LINE_AA)
    return mask


SHAPES: dict[str, tuple[Callable[[], np.ndarray], tuple[int, int, int]]] = {
    "round": (lambda: _ellipse(LONGER, LONGER - 60), (40, 60, 200)),
    "long": (lambda: _ellipse(LONGER, 220), (40, 120, 230)),
    "tall": (lambda: _ellipse(260, LONGER), (60, 160, 90)),
    "filling": (_block, (50, 90, 140)),
    "leaves": (_leaves, (60, 150, 70)),
    "pieces": (_pieces, (70, 190, 240)),
    "white": (lambda: _ellipse(LONGER - 200, LONGER), (225, 236, 238)),
    "dark": (lambda: _ellipse(700, LONGER), (45, 25, 30)),
    "small": (lambda: _ellipse(1000, 800), (40, 60, 200)),
}
"""Shape and color; ``small`` is less than the pipeline makes of anything, and still enough."""


def goods(shape: str) -> Goods:
    """The same pixels at each call."""
    draw, color = SHAPES[shape]
    return painted(draw(), color)


def tiny() -> Goods:
    return painted(_ellipse(120, 90), (40, 60, 200))


def painted(mask: np.ndarray, color: tuple[int, int, int], noise: float = 4.0) -> Goods:
    """Goods with a lit and a shaded side and the grain of a sensor, on white and on the gray of the mat."""
    cover = cv2.GaussianBlur(mask, (0, 0), 1.5).astype(np.float32) / 255
    light, grain = _light_and_grain()
    skins = [light * level + grain * noise for level in color]
    master = cv2.merge([(skin - 255) * cover + 255 for skin in skins])
    small = cv2.resize(cover, (SIDE // 8, SIDE // 8), interpolation=cv2.INTER_AREA)
    shadow = cv2.resize(cv2.GaussianBlur(small, (0, 0), 25 / 8), (SIDE, SIDE)) * 30
    ground = (FIELD_GREY - shadow) * (1 - cover)
    natural = cv2.merge([ground + skin * cover for skin in skins])
    return Goods(_pixels(cover * 255), _pixels(master), _pixels(natural))


@cache
def _light_and_grain() -> tuple[np.ndarray, np.ndarray]:
    rows, columns = np.ogrid[0:SIDE, 0:SIDE]
    light = (1.1 - 0.35 * (rows + columns) / 2 / SIDE).astype(np.float32)
    grain = np.random.default_rng(7).standard_normal((SIDE, SIDE), dtype=np.float32)
    return light, cv2.GaussianBlur(grain, (0, 0), 1.2) * 2.5


def _pixels(values: np.ndarray) -> BgrImage:
    return cv2.convertScaleAbs(np.maximum(values, 0, out=values))
