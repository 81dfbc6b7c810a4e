"""Goods that are roundish pieces: an outline, a swelling, wrinkles, a skin. Rows of numbers, not code, tell an almond
from an apricot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kiosk.simulators.camera.goods.pieces import PX_PER_MM, Direction, Field, Piece, Relief, light, noise, turned_axes


@dataclass(frozen=True, slots=True)
class Fruit:
    """One sort of goods. Lengths in millimetres, colors 8-bit blue-green-red, the rest shares of one."""

    length: float
    width: float
    taper: float  # 0 an ellipse, above it a drop: how much narrower one end is
    thickness: float  # Height of the middle as a share of the half width
    color: tuple[int, int, int]
    spread: float  # How much pieces differ in lightness
    second: tuple[int, int, int]  # The color the skin changes to in patches
    wrinkle: float  # Depth of the wrinkles in millimetres
    wrinkle_across: float  # Wrinkle size across the piece in millimetres
    wrinkle_along: float  # And along it: longer than across gives grooves from end to end
    gloss: float
    lumpiness: float  # How far the outline leaves the ellipse
    seam: float  # A ridge along the middle in millimetres, negative for a cleft


FRUITS = {
    "badam": Fruit(23, 13.5, 0.34, 0.75, (52, 92, 158), 0.13, (38, 66, 118), 0.55, 1.3, 11, 0.12, 0.02, 0),
    "walnut": Fruit(39, 34, 0.10, 0.95, (112, 166, 210), 0.09, (78, 122, 172), 1.15, 5.0, 9.0, 0.10, 0.03, 2.6),
    "jujube": Fruit(33, 22, 0.06, 0.90, (26, 30, 128), 0.16, (20, 22, 78), 0.55, 2.8, 8.0, 0.34, 0.05, 0),
    "raisin": Fruit(14, 8.5, 0.12, 0.80, (52, 122, 152), 0.20, (34, 78, 116), 0.7, 1.9, 4.2, 0.30, 0.09, 0),
    "apricot": Fruit(38, 34, 0.08, 0.42, (28, 118, 226), 0.11, (18, 74, 186), 1.3, 7.0, 10.0, 0.38, 0.08, -2.2),
    "black-raisin": Fruit(15, 9, 0.12, 0.80, (46, 34, 40), 0.20, (30, 22, 26), 0.7, 1.9, 4.2, 0.20, 0.09, 0),
    "prune": Fruit(40, 30, 0.10, 0.70, (46, 30, 36), 0.15, (30, 22, 26), 1.3, 4.0, 8.0, 0.26, 0.06, 0),
    "egg": Fruit(57, 44, 0.15, 0.92, (206, 224, 236), 0.05, (196, 214, 230), 0.03, 3.0, 3.0, 0.05, 0.0, 0),
    "orange": Fruit(74, 72, 0.0, 0.92, (18, 124, 240), 0.05, (14, 108, 226), 0.16, 1.7, 1.7, 0.16, 0.008, 0),
    "potato": Fruit(92, 64, 0.06, 0.72, (116, 138, 152), 0.12, (92, 114, 132), 0.16, 4.0, 7.0, 0.03, 0.05, 0),
}


def draw_fruit(fruit: Fruit, rng: np.random.Generator, lamp: Direction, turn: float | None = None) -> Piece:
    """One piece, differing from the next in size, shape and color; turned at random unless told."""
    import cv2

    size = fruit.length * rng.uniform(0.88, 1.08) * PX_PER_MM
    box = int(size * 1.2) | 1
    along, across = turned_axes(box, rng.uniform(0, 2 * np.pi) if turn is None else turn)
    half_length, half_width = size / 2, size / 2 * fruit.width / fruit.length * rng.uniform(0.92, 1.06)
    u = along / half_length
    v = across / (half_width * np.clip(1 - fruit.taper * u, 0.2, None))
    angle = np.arctan2(v, u)
    phases = rng.uniform(0, 2 * np.pi, 3).tolist()
    lumps = sum(np.sin(n * angle + phase) / n for n, phase in zip((2, 3, 5), phases, strict=True))
    radius = cv2.magnitude(u, v) * (1 + fruit.lumpiness * lumps)
    dome = cv2.sqrt(np.clip(1 - cv2.pow(radius, 2.3), 0, 1))
    wrinkles = _wrinkles(fruit, rng, along, across)
    ridge = fruit.seam * PX_PER_MM * np.exp(-((v / 0.10) ** 2))
    height = dome * (half_width * fruit.thickness) + np.clip(dome * 2, 0, 1) * (
        wrinkles * fruit.wrinkle * PX_PER_MM + ridge
    )
    albedo = _skin(fruit, rng, (box, box), wrinkles, size)
    alpha = np.clip((1 - radius) * half_width * 0.8 + 0.5, 0, 1)
    return light(Relief(height.astype(np.float32), albedo, alpha.astype(np.float32), fruit.gloss), lamp)


def _wrinkles(fruit: Fruit, rng: np.random.Generator, along: Field, across: Field) -> Field:
    """Ridged noise, -1..1, in the piece's own axes, so that grooves follow its length."""
    import cv2

    box = along.shape[0]
    total = np.zeros_like(along)
    for octave in (1.0, 0.5):
        plane = noise(
            rng, (2 * box, 2 * box), fruit.wrinkle_along * PX_PER_MM * octave, fruit.wrinkle_across * PX_PER_MM * octave
        )
        sampled = cv2.remap(plane, along + box, across + box, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        total += octave * (1 - 2 * np.abs(sampled))
    return np.divide(total, 1.5, dtype=np.float32)


def _skin(fruit: Fruit, rng: np.random.Generator, shape: tuple[int, int], wrinkles: Field, size: float) -> Field:
    import cv2

    patches = noise(rng, shape, size / 3, size / 3) * 0.5 + 0.35 - 0.35 * wrinkles
    mix = np.clip(patches, 0, 1)
    lightness = 1 + fruit.spread * rng.uniform(-1, 1)
    grain = lightness * (1 + 0.05 * rng.standard_normal(shape).astype(np.float32))
    channels = [
        (first + (second - first) * mix) * grain for first, second in zip(fruit.color, fruit.second, strict=True)
    ]
    skin: Field = cv2.merge(channels).astype(np.float32, copy=False)
    return skin
