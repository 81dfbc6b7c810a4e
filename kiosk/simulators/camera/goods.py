"""Goods drawn as small lit height fields: an outline, a swelling, wrinkles, a skin; many of them make a heap.

Rows of numbers, not code, tell an almond from an apricot. Everything comes from the random generator passed in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from kiosk.simulators.camera.mat import Picture

Field: TypeAlias = NDArray[np.float32]
Light: TypeAlias = tuple[float, float, float]

LIGHT: Light = (-0.42, -0.50, 0.76)
"""Towards the lamp: upper left, above the mat; one for everything, or heaps look pasted."""
_AMBIENT, _DIFFUSE = 0.42, 0.72


@dataclass(frozen=True, slots=True)
class Kind:
    """One sort of goods. Lengths in millimetres, colors 8-bit blue-green-red, the rest shares of one."""

    length: float
    width: float
    taper: float
    """0 an ellipse, above it a drop: how much narrower one end is."""
    thickness: float
    """Height of the middle as a share of the half width."""
    color: tuple[int, int, int]
    spread: float
    """How much pieces differ in lightness."""
    second: tuple[int, int, int]
    """The color the skin changes to in patches."""
    wrinkle: float
    """Depth of the wrinkles in millimetres."""
    wrinkle_across: float
    """Wrinkle size across the piece in millimetres."""
    wrinkle_along: float
    """And along it: longer than across gives grooves from end to end."""
    gloss: float
    lumpiness: float
    """How far the outline leaves the ellipse."""
    seam: float
    """A ridge along the middle in millimetres, negative for a cleft."""
    heap_mm: float
    """Radius of the heap."""


KINDS = {
    "badam": Kind(23, 13.5, 0.34, 0.75, (52, 92, 158), 0.13, (38, 66, 118), 0.55, 1.3, 11, 0.12, 0.02, 0, 74),
    "walnut": Kind(39, 34, 0.10, 0.95, (112, 166, 210), 0.09, (78, 122, 172), 1.15, 5.0, 9.0, 0.10, 0.03, 2.6, 84),
    "jujube": Kind(33, 22, 0.06, 0.90, (26, 30, 128), 0.16, (20, 22, 78), 0.55, 2.8, 8.0, 0.34, 0.05, 0, 80),
    "raisin": Kind(14, 8.5, 0.12, 0.80, (52, 122, 152), 0.20, (34, 78, 116), 0.7, 1.9, 4.2, 0.30, 0.09, 0, 78),
    "apricot": Kind(38, 34, 0.08, 0.42, (28, 118, 226), 0.11, (18, 74, 186), 1.3, 7.0, 10.0, 0.38, 0.08, -2.2, 80),
}


@dataclass(frozen=True, slots=True)
class Piece:
    """A drawn piece: color in 0..255 floats, and how much of each pixel it covers."""

    color: Field
    alpha: Field


def noise(rng: np.random.Generator, shape: tuple[int, int], cell_x: float, cell_y: float) -> Field:
    """Smooth value noise in -1..1 with features of the given size in pixels."""
    import cv2

    height, width = shape
    grid = rng.uniform(-1, 1, (max(4, round(height / cell_y) + 3), max(4, round(width / cell_x) + 3)))
    return cv2.resize(grid.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32)


def lit(height: Field, albedo: Field, gloss: float, light: Light = LIGHT) -> Field:
    """Shade a height field in pixels: Lambert, a Blinn highlight, and darker where the surface turns away."""
    down, across = np.gradient(height)
    length = np.sqrt(across * across + down * down + 1)
    facing = np.clip((-across * light[0] - down * light[1] + light[2]) / length, 0, 1)
    half = np.array([light[0], light[1], light[2] + 1])
    half /= np.linalg.norm(half)
    shine = np.clip((-across * half[0] - down * half[1] + half[2]) / length, 0, 1) ** 38
    rim = 0.62 + 0.38 / length
    color = albedo * ((_AMBIENT + _DIFFUSE * facing) * rim)[..., None] + (255 * gloss * shine)[..., None]
    shaded: Field = color.astype(np.float32)
    return shaded


def draw_piece(kind: Kind, rng: np.random.Generator, px_per_mm: float) -> Piece:
    """One piece, turned and colored at random."""
    size = kind.length * rng.uniform(0.88, 1.08) * px_per_mm
    box = int(size * 1.2) | 1
    along, across = _turned_axes(box, rng.uniform(0, 2 * np.pi))
    half_length, half_width = size / 2, size / 2 * kind.width / kind.length * rng.uniform(0.92, 1.06)
    u = along / half_length
    v = across / (half_width * np.clip(1 - kind.taper * u, 0.2, None))
    angle = np.arctan2(v, u)
    phases = rng.uniform(0, 2 * np.pi, 3)
    lumps = sum(np.sin(n * angle + phase) / n for n, phase in zip((2, 3, 5), phases, strict=True))
    radius = np.sqrt(u * u + v * v) * (1 + kind.lumpiness * lumps)
    dome = np.sqrt(np.clip(1 - radius**2.3, 0, 1))
    wrinkles = _wrinkles(kind, rng, along, across, px_per_mm)
    ridge = kind.seam * px_per_mm * np.exp(-((v / 0.10) ** 2))
    height = dome * (half_width * kind.thickness) + np.clip(dome * 2, 0, 1) * (
        wrinkles * kind.wrinkle * px_per_mm + ridge
    )
    albedo = _skin(kind, rng, (box, box), wrinkles, size)
    alpha = np.clip((1 - radius) * half_width * 0.8 + 0.5, 0, 1)
    return Piece(lit(height.astype(np.float32), albedo, kind.gloss), alpha.astype(np.float32))


def _turned_axes(box: int, turn: float) -> tuple[Field, Field]:
    y, x = np.mgrid[0:box, 0:box].astype(np.float32) - box // 2
    along, across = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
    return along.astype(np.float32), across.astype(np.float32)


def _wrinkles(kind: Kind, rng: np.random.Generator, along: Field, across: Field, px_per_mm: float) -> Field:
    """Ridged noise, -1..1, in the piece's own axes, so that grooves follow its length."""
    import cv2

    box = along.shape[0]
    total = np.zeros_like(along)
    for octave in (1.0, 0.5):
        plane = noise(
            rng, (2 * box, 2 * box), kind.wrinkle_along * px_per_mm * octave, kind.wrinkle_across * px_per_mm * octave
        )
        sampled = cv2.remap(plane, along + box, across + box, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        total += octave * (1 - 2 * np.abs(sampled))
    return np.divide(total, 1.5, dtype=np.float32)


def _skin(kind: Kind, rng: np.random.Generator, shape: tuple[int, int], wrinkles: Field, size: float) -> Field:
    patches = noise(rng, shape, size / 3, size / 3) * 0.5 + 0.35 - 0.35 * wrinkles
    mix = np.clip(patches, 0, 1)[..., None]
    first, second = np.array(kind.color, np.float32), np.array(kind.second, np.float32)
    lightness = 1 + kind.spread * rng.uniform(-1, 1)
    grain = 1 + 0.05 * rng.standard_normal(shape).astype(np.float32)[..., None]
    skin: Field = ((first * (1 - mix) + second * mix) * lightness * grain).astype(np.float32)
    return skin


def paste(canvas: Picture, piece: Piece, center: tuple[float, float], lift_px: float) -> None:
    """Put a piece on the canvas with its contact shadow; ``lift_px`` is how high it lies, which moves the shadow."""
    import cv2

    box = piece.alpha.shape[0]
    margin = int(box * 0.25) + 4
    shade = cv2.copyMakeBorder(piece.alpha, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=0)
    shade = cv2.GaussianBlur(shade, (0, 0), box * 0.05 + 1)
    x, y = (round(middle - box / 2) for middle in center)
    drop = round(box * 0.06 + lift_px)
    _blend(canvas, np.zeros((1, 1, 3), np.float32), shade * 0.55, x - margin + drop, y - margin + drop)
    _blend(canvas, piece.color, piece.alpha, x, y)


def _blend(canvas: Picture, color: Field, alpha: Field, x: int, y: int) -> None:
    height, width = alpha.shape
    left, top = max(0, -x), max(0, -y)
    right, bottom = min(width, canvas.shape[1] - x), min(height, canvas.shape[0] - y)
    if left >= right or top >= bottom:
        return
    cover = alpha[top:bottom, left:right, None]
    paint = color if color.shape[0] == 1 else color[top:bottom, left:right]
    under = canvas[y + top : y + bottom, x + left : x + right]
    under[:] = np.clip(under * (1 - cover) + paint * cover + 0.5, 0, 255).astype(np.uint8)


def heap(canvas: Picture, kind: Kind, rng: np.random.Generator, center: tuple[float, float], px_per_mm: float) -> None:
    """Three layers of pieces, each smaller than the one below, centered on a pixel of the canvas."""
    for layer, share in enumerate((1.0, 0.74, 0.46)):
        for x, y in _places(rng, kind.heap_mm * share, (kind.length + kind.width) / 2 * 0.74):
            piece = draw_piece(kind, rng, px_per_mm)
            at = (center[0] + x * 1.12 * px_per_mm, center[1] + y * 0.92 * px_per_mm)
            paste(canvas, piece, at, lift_px=layer * 0.5 * px_per_mm)


def _places(rng: np.random.Generator, radius: float, pitch: float) -> list[tuple[float, float]]:
    """A jittered hexagonal grid inside a wavy circle, outermost first, in millimetres."""
    phases = rng.uniform(0, 2 * np.pi, 2)
    steps = int(radius / pitch) + 2
    places = []
    for row in range(-steps, steps + 1):
        for column in range(-steps, steps + 1):
            x = (column + 0.5 * (row % 2)) * pitch + rng.normal(0, pitch * 0.17)
            y = row * pitch * 0.87 + rng.normal(0, pitch * 0.17)
            angle = np.arctan2(y, x)
            edge = radius * (1 + 0.07 * np.sin(2 * angle + phases[0]) + 0.06 * np.sin(3 * angle + phases[1]))
            if np.hypot(x, y) <= edge - pitch / 2:
                places.append((float(x), float(y)))
    return sorted(places, key=lambda place: -(place[0] ** 2 + place[1] ** 2) * rng.uniform(0.7, 1.0))
