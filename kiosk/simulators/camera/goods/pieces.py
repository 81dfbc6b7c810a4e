"""A piece of goods as pixels, made from a lit height field. Colors are 8-bit sRGB under neutral, even light."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from kiosk.simulators.camera.shared.mat import Picture

Field: TypeAlias = NDArray[np.float32]
Plane: TypeAlias = NDArray[np.uint8]  # One number a pixel, 0 to 255
Direction: TypeAlias = tuple[float, float, float]
# Goods and sheet are drawn a little finer than the camera sees them, which is at most 3.6 pixels a millimetre.
PX_PER_MM = 4
# Towards the lamp: from the left, from the right, from almost above; one for all goods of a stage.
LAMPS: tuple[Direction, ...] = ((-0.42, -0.50, 0.76), (0.46, -0.40, 0.79), (-0.12, -0.24, 0.96))
_AMBIENT, _DIFFUSE = 0.54, 0.60


@dataclass(frozen=True, slots=True)
class Piece:
    """A drawn piece in a square box. ``shade`` is larger than the other planes by ``margin`` on every side."""

    color: Picture
    alpha: Plane  # How much of the pixel the piece covers
    mirror: Plane  # How nearly the surface mirrors the lamp into the camera
    shade: Plane  # How much light the piece takes from what is below it
    margin: int


@dataclass(frozen=True, slots=True)
class Relief:
    """A surface before it is lit; height in pixels, alpha and gloss as shares of one."""

    height: Field
    albedo: Field
    alpha: Field
    gloss: float = 0.0
    sheen: float = 38.0  # The exponent of the highlight: higher is smaller and harder
    lift_px: float = 0.0  # Height of the piece above its support: moves and softens its shadow


def generator(name: str, *numbers: int) -> np.random.Generator:
    """Seed a random number generator by the name and the numbers alone."""
    return np.random.default_rng([zlib.crc32(name.encode()), *numbers])


def noise(rng: np.random.Generator, shape: tuple[int, int], cell_x: float, cell_y: float) -> Field:
    """Return smooth value noise in -1..1 with features of the given size in pixels."""
    import cv2

    height, width = shape
    grid = rng.uniform(-1, 1, (max(4, round(height / cell_y) + 3), max(4, round(width / cell_x) + 3)))
    wide = cv2.resize(grid.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    return wide.astype(np.float32, copy=False)


def turned_axes(box: int, turn: float) -> tuple[Field, Field]:
    """Return pixels along and across an axis turned by ``turn`` radians, from the middle of the box."""
    line = np.arange(box) - box // 2
    x, y, cosine, sine = line[None], line[:, None], np.cos(turn), np.sin(turn)
    return (x * cosine + y * sine).astype(np.float32), (y * cosine - x * sine).astype(np.float32)


def light(relief: Relief, lamp: Direction) -> Piece:
    """Shade a piece (Lambert, a Blinn highlight, darker where it turns away), with its shadow on what is below."""
    import cv2

    across, down = (
        cv2.Sobel(relief.height, cv2.CV_32F, *way, ksize=1, scale=0.5).astype(np.float32, copy=False)
        for way in ((1, 0), (0, 1))
    )
    length = cv2.sqrt(across * across + down * down + 1).astype(np.float32, copy=False)
    facing = _towards(lamp, across, down, length)
    size = math.hypot(lamp[0], lamp[1], lamp[2] + 1)
    mirror = _towards((lamp[0] / size, lamp[1] / size, (lamp[2] + 1) / size), across, down, length)
    lit = (_AMBIENT + _DIFFUSE * facing) * (0.76 + 0.24 / length)
    shine = cv2.pow(mirror, relief.sheen) * np.float32(255 * relief.gloss)
    color = cv2.add(cv2.multiply(relief.albedo, cv2.merge([lit] * 3)), cv2.merge([shine] * 3))
    shade, margin = _shade(relief, lamp)
    return Piece(
        cv2.convertScaleAbs(color).astype(np.uint8, copy=False),
        cv2.convertScaleAbs(relief.alpha, alpha=255).astype(np.uint8),
        cv2.convertScaleAbs(mirror, alpha=255).astype(np.uint8),
        shade,
        margin,
    )


def _towards(way: Direction, across: Field, down: Field, length: Field) -> Field:
    """Return the cosine between the way and a surface with these slopes; 0 where it is turned away."""
    facing: Field = np.clip((way[2] - across * way[0] - down * way[1]) / length, 0, 1)
    return facing


def _shade(relief: Relief, lamp: Direction) -> tuple[Plane, int]:
    """Draw a narrow dark line at the contact, and a wide soft shadow away from the lamp."""
    import cv2

    box = relief.alpha.shape[0]
    height = float(relief.height.max()) + relief.lift_px
    margin = int(box * 0.12 + height * 0.9) + 6
    alpha = cv2.copyMakeBorder(relief.alpha, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=0)
    scale = max(1, box // 60)
    size = (alpha.shape[1], alpha.shape[0])
    # A soft shadow has nothing fine in it: a large one is made small, which is much quicker.
    small = cv2.resize(alpha, (max(1, size[0] // scale), max(1, size[1] // scale)), interpolation=cv2.INTER_AREA)
    touch = cv2.GaussianBlur(small, (0, 0), (2.0 + box * 0.012) / scale)
    reach = np.array(lamp[:2]) * -height * 0.55 / scale
    move = np.array([[1, 0, reach[0]], [0, 1, reach[1]]], np.float32)
    cast = cv2.warpAffine(cv2.GaussianBlur(small, (0, 0), (2.5 + height * 0.22) / scale), move, small.shape[::-1])
    shade = 1 - (1 - 0.38 * touch) * (1 - 0.42 * cast)
    return np.clip(cv2.resize(shade, size) * 255, 0, 255).astype(np.uint8), margin
