"""What can lie under the camera: how one piece of it is drawn, and in which ways it is laid down."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache, partial
from pathlib import Path
from typing import TypeAlias

import msgspec
import numpy as np

from kiosk.simulators.camera.goods import long
from kiosk.simulators.camera.goods.pieces import (
    LAMPS,
    PX_PER_MM,
    Direction,
    Field,
    Piece,
    Relief,
    generator,
    light,
    noise,
    turned_axes,
)

_GOODS = tomllib.loads(Path(__file__).with_name("goods.toml").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Flat:
    """A card with round corners, or a disc when ``corner_mm`` is half its side."""

    length: float
    width: float
    corner_mm: float
    color: tuple[int, int, int]
    ink: tuple[int, int, int]


FLATS = msgspec.convert(_GOODS["flats"], dict[str, Flat])


def draw_flat(flat: Flat, rng: np.random.Generator, lamp: Direction, turn: float) -> Piece:
    """Draw the flat object exactly to size, with a printed border and a few lines."""
    half_x, half_y = flat.length / 2 * PX_PER_MM, flat.width / 2 * PX_PER_MM
    corner = flat.corner_mm * PX_PER_MM
    box = int(2 * np.hypot(half_x, half_y) + 9) | 1
    along, across = turned_axes(box, turn)
    # Pixels from the outline to the inside; negative outside
    x, y = np.abs(along) - (half_x - corner), np.abs(across) - (half_y - corner)
    outside = np.hypot(np.maximum(x, 0), np.maximum(y, 0)) + np.minimum(np.maximum(x, y), 0)
    inside: Field = (corner - outside).astype(np.float32)
    ink = np.abs(inside - 4.5 * PX_PER_MM) < 0.5 * PX_PER_MM
    rows = (across / (half_y * 0.22)) % 1.0 < 0.3
    ink |= rows & (np.abs(along + half_x * 0.2) < half_x * 0.5) & (np.abs(across) < half_y * 0.5)
    albedo = np.where(ink[..., None], np.array(flat.ink, np.float32), np.array(flat.color, np.float32))
    albedo = albedo * (1 + 0.02 * rng.standard_normal((box, box, 1), dtype=np.float32))
    # Hardly curved, so that a mirrored lamp is a spot on it and not the whole of it.
    height = (along * along + across * across) * (-0.12 / (half_x * half_x)) + 0.9 * np.clip(inside / 3, 0, 1)
    alpha = np.clip(inside + 0.5, 0, 1).astype(np.float32)
    return light(Relief(height.astype(np.float32), albedo.astype(np.float32), alpha, 0.03), lamp)


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


FRUITS = msgspec.convert(_GOODS["fruits"], dict[str, Fruit])


def draw_fruit(fruit: Fruit, rng: np.random.Generator, lamp: Direction, turn: float | None = None) -> Piece:
    """Draw one piece with random size, shape and color, and a random turn unless given."""
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
    """Return ridged noise, -1..1, in the piece's own axes, so that grooves follow its length."""
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


_JAR_MM = (128.0, 78.0)
_HONEY, _HONEY_DEEP = np.array((22, 132, 232), np.float32), np.array((6, 62, 158), np.float32)
_LID, _PAPER, _INK = (58, 148, 196), (206, 232, 244), (40, 96, 150)


def draw_jar(rng: np.random.Generator, lamp: Direction, turn: float) -> Piece:
    """Draw a jar, shaded as a cylinder: lid to the left, a paper label with a honeycomb."""
    width, height = (side * PX_PER_MM for side in _JAR_MM)
    box = round(_JAR_MM[0] * 1.1 * PX_PER_MM) | 1
    along, across = turned_axes(box, turn)
    u, v = along / (width / 2), across / (height / 2)
    # Half height of the jar along its axis, as a share: lid, neck, shoulder, body, rounded foot
    stops = (-1.0, -0.985, -0.75, -0.74, -0.69, -0.55, -0.44, 0.90, 0.96, 0.99, 1.0)
    sides = (0.80, 0.86, 0.86, 0.74, 0.74, 0.94, 1.0, 1.0, 0.97, 0.90, 0.82)
    silhouette = np.interp(u, stops, sides).astype(np.float32)
    inside = np.clip((silhouette - np.abs(v)) * height / 2 + 0.5, 0, 1)
    inside *= np.clip((1 - np.abs(u)) * width / 2 + 0.5, 0, 1)
    dome = np.sqrt(np.clip(1 - (v / np.maximum(silhouette, 0.05)) ** 2, 0, 1))
    ribs = np.where(u < -0.74, np.sin(v * 46) * 1.2, 0)
    albedo = _jar_skin(u, v, dome, rng, turn)
    for offset, strength in ((-0.56, 120), (0.50, 40)):
        streak = np.exp(-(((v - offset) / 0.045) ** 2)) * np.clip(1.2 - np.abs(u - 0.12) * 1.35, 0, 1) * (u > -0.66)
        albedo += (streak * strength)[..., None]
    relief = (dome * height * 0.24 + ribs).astype(np.float32)
    return light(Relief(relief, albedo, inside.astype(np.float32), 0.10), lamp)


def _jar_skin(u: Field, v: Field, dome: Field, rng: np.random.Generator, turn: float) -> Field:
    import cv2

    swirl = noise(rng, (u.shape[0], u.shape[1]), u.shape[0] / 5, u.shape[0] / 9) * 0.18
    glow = np.clip(dome**1.5 * 0.85 + 0.25 * v + swirl, 0, 1)[..., None]
    skin = _HONEY * glow + _HONEY_DEEP * (1 - glow)
    skin[u < -0.735] = _LID
    skin[(u >= -0.735) & (u < -0.69)] = _HONEY_DEEP * 0.8
    paper = (np.abs(u - 0.24) < 0.40) & (np.abs(v) < 0.80)
    skin[paper] = _PAPER
    edge = paper & ((np.abs(u - 0.24) > 0.375) | (np.abs(v) > 0.74))
    skin[edge] = _INK
    drawn = np.ascontiguousarray(skin, np.float32)
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) * u.shape[0]
    for row in range(-2, 3):
        for column in range(-2, 3):
            middle = np.array((0.11 + column * 0.058 + (row % 2 - 0.5) * 0.029, row * 0.05))
            corners = np.rint((middle + _HEXAGON) @ turned.T + u.shape[0] / 2).astype(np.int32)
            fill = (30, 160, 236) if (row * 3 + column * 5) % 4 else (70, 200, 248)
            cv2.fillPoly(drawn, [corners], fill, cv2.LINE_AA)
            cv2.polylines(drawn, [corners], True, _INK, 2, cv2.LINE_AA)
    return drawn


_HEXAGON = 0.031 * np.array([(np.cos(a), np.sin(a)) for a in np.pi / 6 + np.arange(6) * np.pi / 3])


# One piece, its axis turned by so many radians.
Draw: TypeAlias = Callable[[np.random.Generator, Direction, float], Piece]


class Arrangement(StrEnum):
    ONE = "one"
    SEVERAL = "several"  # Apart from each other, or just touching
    HEAP = "heap"
    PILE = "pile"  # A heap over most of the interior
    BUNCH = "bunch"  # Stems together, tips apart


@dataclass(frozen=True, slots=True)
class Produce:
    """``length`` and ``width`` of a usual piece in mm; ``min_count`` pieces lie apart when there are several."""

    draw: Draw
    length: float
    width: float
    ways: tuple[Arrangement, ...]
    min_count: int = 2
    max_count: int = 4


def _fruit(name: str, ways: tuple[Arrangement, ...], min_count: int = 2, max_count: int = 4) -> Produce:
    fruit = FRUITS[name]
    return Produce(partial(draw_fruit, fruit), fruit.length, fruit.width, ways, min_count, max_count)


def _long(name: str, ways: tuple[Arrangement, ...], min_count: int = 2, max_count: int = 4) -> Produce:
    goods = LONGS[name]
    return Produce(partial(long.draw_long, goods), goods.length, goods.width, ways, min_count, max_count)


LONGS = msgspec.convert(_GOODS["longs"], dict[str, long.Long])
_HEAPED = (Arrangement.HEAP, Arrangement.PILE)
_SPREAD = (Arrangement.SEVERAL, Arrangement.HEAP, Arrangement.PILE)

PRODUCE: Mapping[str, Produce] = {
    "badam": _fruit("badam", _HEAPED),
    "walnut": _fruit("walnut", _SPREAD, 5, 12),
    "jujube": _fruit("jujube", _SPREAD, 7, 14),
    "raisin": _fruit("raisin", _HEAPED),
    "apricot": _fruit("apricot", _SPREAD, 5, 12),
    "honey": Produce(draw_jar, 128, 78, (Arrangement.ONE,)),
    "egg": _fruit("egg", _SPREAD, 3, 8),
    "orange": _fruit("orange", (Arrangement.ONE, Arrangement.SEVERAL), 2, 4),
    "potato": _fruit("potato", (Arrangement.ONE, Arrangement.SEVERAL, Arrangement.HEAP), 2, 4),
    "prune": _fruit("prune", _SPREAD, 5, 12),
    "black-raisin": _fruit("black-raisin", _HEAPED),
    "garlic": _long("garlic", _SPREAD, 3, 7),
    "radish": _long("radish", (Arrangement.ONE, Arrangement.SEVERAL), 2, 3),
    "aubergine": _long("aubergine", (Arrangement.ONE, Arrangement.SEVERAL), 2, 2),
    "pepper": _long("pepper", (Arrangement.SEVERAL, Arrangement.HEAP), 4, 9),
    "melon": _long("melon", (Arrangement.ONE, Arrangement.SEVERAL), 2, 2),
    "greens": _long("greens", (Arrangement.BUNCH, Arrangement.SEVERAL), 6, 10),
}
# Things whose length and width are known to a tenth of a millimetre.
FLAT: Mapping[str, Produce] = {
    name: Produce(partial(draw_flat, flat), flat.length, flat.width, (Arrangement.ONE,)) for name, flat in FLATS.items()
}
# Of small goods a heap takes hundreds: ten of them, drawn once in eight turns, look like hundreds.
_VARIANTS, _CACHED_LENGTH_MM = 10, 45.0
_TURNS = 8


def piece_of(name: str, lamp: int, rng: np.random.Generator, turn: float | None = None) -> Piece:
    """Draw another piece of this produce; raises KeyError for an unknown produce."""
    produce = FLAT[name] if name in FLAT else PRODUCE[name]
    angle = rng.uniform(0, 2 * np.pi) if turn is None else turn
    if produce.length > _CACHED_LENGTH_MM:
        return produce.draw(rng, LAMPS[lamp], angle)
    return _small_piece(name, lamp, int(rng.integers(_VARIANTS)), round(angle / (2 * np.pi) * _TURNS) % _TURNS)


@lru_cache(maxsize=600)  # of at most a quarter of a megabyte
def _small_piece(name: str, lamp: int, variant: int, turn: int) -> Piece:
    rng = generator(name, variant)
    return PRODUCE[name].draw(rng, LAMPS[lamp], (turn + rng.uniform(0, 1)) * 2 * np.pi / _TURNS)
