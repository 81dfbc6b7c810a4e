"""Where the pieces lie: one, several, a heap, a pile; all of it inside a frame of the sheet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from kiosk.photo.mat import INTERIOR, Box
from kiosk.simulators.camera.goods.pieces import LAMPS, PX_PER_MM, Direction, Piece, generator
from kiosk.simulators.camera.goods.produce import PRODUCE, Arrangement, piece_of

EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class GoodsLayout:
    """What lies on the mat. ``name`` is one of PRODUCE or FLAT, or ``empty``."""

    name: str
    way: Arrangement = Arrangement.HEAP
    count: int = 1  # Pieces, when there are several
    reach_mm: float = 76.0  # Radius of a heap
    turn: float = 0.0  # Radians, of a single piece
    # Between the left (0) and the right (1) end, and the upper and the lower, of where they may lie.
    place: tuple[float, float] = (0.5, 0.5)
    # From the edge of the interior to where goods may lie; negative reaches out of the interior.
    margin_mm: float = 14.0
    number: int = 0  # Another number is another handful of the same goods
    nudged_mm: tuple[float, float] = (0.0, 0.0)  # Moved so far from their place
    drawn: Callable[[Direction, float], Piece] | None = None  # A piece that lies there instead, by lamp and turn


@dataclass(frozen=True, slots=True)
class Laid:
    """A piece with its middle at a place of the sheet, in millimetres."""

    piece: Piece
    x: float
    y: float


def lay_out(goods: GoodsLayout, lamp: int) -> list[Laid]:
    """Return the pieces, lowest first, moved together to their place. Raises KeyError for an unknown name."""
    if goods.name == EMPTY and goods.drawn is None:
        return []
    rng = generator(goods.name, goods.number)
    room = INTERIOR.grown(-goods.margin_mm)
    group = [Laid(piece, x, y) for piece, x, y in _group(goods, lamp, room, rng)]
    boxes = [_box(laid) for laid in group]
    left, top = min(box.left for box in boxes), min(box.top for box in boxes)
    free_x = room.width - (max(box.right for box in boxes) - left)
    free_y = room.height - (max(box.bottom for box in boxes) - top)
    # A group larger than its room extends beyond it on both sides.
    x = room.left - left + free_x * (goods.place[0] if free_x > 0 else 0.5) + goods.nudged_mm[0]
    y = room.top - top + free_y * (goods.place[1] if free_y > 0 else 0.5) + goods.nudged_mm[1]
    return [Laid(laid.piece, laid.x + x, laid.y + y) for laid in group]


def _group(goods: GoodsLayout, lamp: int, room: Box, rng: np.random.Generator) -> Iterator[tuple[Piece, float, float]]:
    if goods.drawn is not None:
        yield goods.drawn(LAMPS[lamp], goods.turn), 0.0, 0.0
    elif goods.way is Arrangement.ONE:
        yield piece_of(goods.name, lamp, rng, goods.turn), 0.0, 0.0
    elif goods.way is Arrangement.SEVERAL:
        yield from _apart(goods, lamp, room, rng)
    elif goods.way is Arrangement.BUNCH:
        yield from _bunch(goods, lamp, rng)
    else:
        yield from _heap(goods, lamp, room, rng)


def _heap(goods: GoodsLayout, lamp: int, room: Box, rng: np.random.Generator) -> Iterator[tuple[Piece, float, float]]:
    """Yield layers of pieces, each layer smaller than the one below."""
    produce = PRODUCE[goods.name]
    inset = produce.length * 0.56
    half = (room.width / 2 - inset, room.height / 2 - inset)
    if goods.way is Arrangement.HEAP:
        middle = (produce.length + produce.width) / 4
        reach = max(goods.reach_mm, 1.3 * produce.length)
        half = (min(reach * 1.12 - middle, half[0]), min(reach * 0.92 - middle, half[1]))
    corner = 9.0 if goods.way is Arrangement.PILE else 2.0
    pitch = float(np.sqrt(produce.length * produce.width)) * 0.76
    for share in (1.0, 0.8) if goods.way is Arrangement.PILE else (1.0, 0.74, 0.46):
        for x, y in _places(rng, (half[0] * share, half[1] * share), pitch, corner):
            yield piece_of(goods.name, lamp, rng), x, y


def _bunch(goods: GoodsLayout, lamp: int, rng: np.random.Generator) -> Iterator[tuple[Piece, float, float]]:
    """Yield pieces fanned out from where the stems are held."""
    length = PRODUCE[goods.name].length
    for spread in np.linspace(-0.8, 0.8, goods.count)[rng.permutation(goods.count)]:
        turn = goods.turn + spread + rng.normal(0, 0.06)
        out = length * 0.47 * rng.uniform(0.9, 1.05)
        yield piece_of(goods.name, lamp, rng, turn), out * float(np.cos(turn)), out * float(np.sin(turn))


def _apart(goods: GoodsLayout, lamp: int, room: Box, rng: np.random.Generator) -> Iterator[tuple[Piece, float, float]]:
    """Yield each piece at the place farthest from those before, out of a few random ones."""
    produce = PRODUCE[goods.name]
    span_x, span_y = (max(0.0, side - produce.length) for side in (room.width, room.height))
    there: list[tuple[float, float]] = []
    for _ in range(goods.count):
        tries = [(rng.uniform(0, span_x), rng.uniform(0, span_y) * 0.9) for _ in range(12)]
        best = max(tries, key=lambda at: min((np.hypot(at[0] - x, at[1] - y) for x, y in there), default=0))
        there.append(best)
        yield piece_of(goods.name, lamp, rng), best[0], best[1]


def _places(
    rng: np.random.Generator, half: tuple[float, float], pitch: float, corner: float
) -> list[tuple[float, float]]:
    """Jitter a hexagonal grid inside a wavy oval, outermost first, in mm; above ``corner`` 2 it nears a rectangle."""
    phases = rng.uniform(0, 2 * np.pi, 2)
    rows, columns = (int(side / pitch) + 2 for side in (half[1] / 0.87, half[0]))
    places = []
    for row in range(-rows, rows + 1):
        for column in range(-columns, columns + 1):
            x = (column + 0.5 * (row % 2)) * pitch + rng.normal(0, pitch * 0.17)
            y = row * pitch * 0.87 + rng.normal(0, pitch * 0.17)
            angle = np.arctan2(y, x)
            bays = 0.06 * (2 + np.sin(2 * angle + phases[0]) + np.sin(3 * angle + phases[1]))
            wave = 1 - bays * 2 / corner
            if abs(x / half[0]) ** corner + abs(y / half[1]) ** corner <= wave**corner:
                places.append((float(x), float(y)))
    return sorted(places, key=lambda place: -np.hypot(*place) * rng.uniform(0.7, 1.0))


def _box(laid: Laid) -> Box:
    """Return the box around the visible part of the piece, on the sheet."""
    columns, rows = (np.flatnonzero(laid.piece.alpha.max(axis=axis) > 127) for axis in (0, 1))
    half = laid.piece.alpha.shape[0] / 2
    left, top = laid.x + (columns[0] - half) / PX_PER_MM, laid.y + (rows[0] - half) / PX_PER_MM
    size = (columns[-1] - columns[0] + 1) / PX_PER_MM, (rows[-1] - rows[0] + 1) / PX_PER_MM
    return Box(float(left), float(top), float(size[0]), float(size[1]))
