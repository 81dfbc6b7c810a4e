"""What can lie under the camera: how one piece of it is drawn, and in which ways it is laid down."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache, partial
from typing import TypeAlias

import numpy as np

from kiosk.simulators.camera.goods import long
from kiosk.simulators.camera.goods.flat import FLATS, draw_flat
from kiosk.simulators.camera.goods.fruit import FRUITS, draw_fruit
from kiosk.simulators.camera.goods.jar import draw_jar
from kiosk.simulators.camera.goods.pieces import LAMPS, Direction, Piece, generator

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


def _long(goods: long.Long, ways: tuple[Arrangement, ...], min_count: int = 2, max_count: int = 4) -> Produce:
    return Produce(partial(long.draw_long, goods), goods.length, goods.width, ways, min_count, max_count)


def _flat(name: str) -> Produce:
    flat = FLATS[name]
    return Produce(partial(draw_flat, flat), flat.length, flat.width, (Arrangement.ONE,))


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
    "garlic": _long(long.GARLIC, _SPREAD, 3, 7),
    "radish": _long(long.RADISH, (Arrangement.ONE, Arrangement.SEVERAL), 2, 3),
    "aubergine": _long(long.AUBERGINE, (Arrangement.ONE, Arrangement.SEVERAL), 2, 2),
    "pepper": _long(long.PEPPER, (Arrangement.SEVERAL, Arrangement.HEAP), 4, 9),
    "melon": _long(long.MELON, (Arrangement.ONE, Arrangement.SEVERAL), 2, 2),
    "greens": _long(long.LEAF, (Arrangement.BUNCH, Arrangement.SEVERAL), 6, 10),
}
# Things whose length and width are known to a tenth of a millimetre.
FLAT: Mapping[str, Produce] = {name: _flat(name) for name in FLATS}

# Of small goods a heap takes hundreds: ten of them, drawn once in eight turns, look like hundreds.
_VARIANTS, _CACHED_LENGTH_MM = 10, 45.0
_TURNS = 8


def piece_of(name: str, lamp: int, rng: np.random.Generator, turn: float | None = None) -> Piece:
    """Another piece of this produce; raises KeyError for a produce that is not in the list."""
    produce = FLAT[name] if name in FLAT else PRODUCE[name]
    angle = rng.uniform(0, 2 * np.pi) if turn is None else turn
    if produce.length > _CACHED_LENGTH_MM:
        return produce.draw(rng, LAMPS[lamp], angle)
    return _small_piece(name, lamp, int(rng.integers(_VARIANTS)), round(angle / (2 * np.pi) * _TURNS) % _TURNS)


@lru_cache(maxsize=600)  # of at most a quarter of a megabyte
def _small_piece(name: str, lamp: int, variant: int, turn: int) -> Piece:
    rng = generator(name, variant)
    return PRODUCE[name].draw(rng, LAMPS[lamp], (turn + rng.uniform(0, 1)) * 2 * np.pi / _TURNS)
