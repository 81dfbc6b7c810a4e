"""A piece of goods as pixels, made from a lit height field. Colors are 8-bit sRGB under neutral, even light."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from kiosk.simulators.camera.mat import Picture

Field: TypeAlias = NDArray[np.float32]
Plane: TypeAlias = NDArray[np.uint8]
"""One number a pixel, 0 to 255."""
Direction: TypeAlias = tuple[float, float, float]

PX_PER_MM = 4
"""Goods and sheet are drawn a little finer than the camera sees them, which is at most 3.6 pixels a millimetre."""

LAMPS: tuple[Direction, ...] = ((-0.42, -0.50, 0.76), (0.46, -0.40, 0.79), (-0.12, -0.24, 0.96))
"""Towards the lamp: from the left, from the right, from almost above; one for all goods of a stage."""
_AMBIENT, _DIFFUSE = 0.54, 0.60


@dataclass(frozen=True, slots=True)
class Piece:
    """A drawn piece in a square box. ``shade`` is larger than the other planes by ``margin`` on every side."""

    color: Picture
    alpha: Plane
    """How much of the pixel the piece covers."""
    mirror: Plane
    """How nearly the surface mirrors the lamp into the camera."""
    shade: Plane
    """How much light the piece takes from what lies below it."""
    margin: int


@dataclass(frozen=True, slots=True)
class Relief:
    """A surface before it is lit; height in pixels, alpha and gloss as shares of one."""

    height: Field
    albedo: Field
    alpha: Field
    gloss: float = 0.0
    sheen: float = 38.0
    """The exponent of the highlight: higher is smaller and harder."""
    lift_px: float = 0.0
    """How high the piece stands above what it lies on: moves and softens its shadow."""


def generator(name: str, *numbers: int) -> np.random.Generator:
    """Random numbers that depend on the name and the numbers alone."""
    return np.random.default_rng([zlib.crc32(name.encode()), *numbers])


def noise(rng: np.random.Generator, shape: tuple[int, int], cell_x: float, cell_y: float) -> Field:
    """Smooth value noise in -1..1 with features of the given size in pixels."""
    import cv2

    height, width = shape
    grid = rng.uniform(-1, 1, (max(4, round(height / cell_y) + 3), max(4, round(width / cell_x) + 3)))
    return cv2.resize(grid.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32)


def turned_axes(box: int, turn: float) -> tuple[Field, Field]:
    """Pixels along and across an axis that is turned by ``turn`` radians, from the middle of the box."""
    y, x = np.mgrid[0:box, 0:box].astype(np.float32) - box // 2
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    return along.astype(np.float32), across.astype(np.float32)


def light(relief: Relief, lamp: Direction) -> Piece:
    """Lambert, a Blinn highlight, and darker where the surface turns away; with its shadow on what lies below."""
    import cv2

    down, across = np.gradient(relief.height)
    length = np.sqrt(across * across + down * down + 1)
    facing = np.clip((-across * lamp[0] - down * lamp[1] + lamp[2]) / length, 0, 1)
    half = np.array([lamp[0], lamp[1], lamp[2] + 1])
    half /= np.linalg.norm(half)
    mirror = np.clip((-across * half[0] - down * half[1] + half[2]) / length, 0, 1)
    rim = 0.76 + 0.24 / length
    shine = 255 * relief.gloss * mirror**relief.sheen
    color = relief.albedo * ((_AMBIENT + _DIFFUSE * facing) * rim)[..., None] + shine[..., None]
    shade, margin = _shade(relief, lamp)
    return Piece(
        np.clip(color + 0.5, 0, 255).astype(np.uint8),
        cv2.convertScaleAbs(relief.alpha, alpha=255).astype(np.uint8),
        cv2.convertScaleAbs(mirror, alpha=255).astype(np.uint8),
        shade,
        margin,
    )


def _shade(relief: Relief, lamp: Direction) -> tuple[Plane, int]:
    """A narrow dark line where it touches, and a wide soft shadow away from the lamp."""
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
