"""A small stage with a known truth: lit lumps on the printed mat, a camera above it, a lamp, a sensor."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.photo.mat import INTERIOR, SHEET, Box
from kiosk.simulators.camera.shared.mat import draw_mat

Array: TypeAlias = NDArray[Any]

WIDTH, HEIGHT = 1920, 1080
PX_PER_MM = 6
FOCAL_PX = 1600.0
COLORS = {
    "apple": (42, 48, 178),
    "apricot": (28, 118, 226),
    "garlic": (222, 232, 238),
    "egg": (206, 224, 236),
    "radish": (232, 238, 240),
    "walnut": (112, 166, 210),
    "cucumber": (62, 128, 74),
    "aubergine": (52, 24, 40),
    "black raisin": (30, 22, 26),
    "potato": (104, 128, 144),
}
"""Blue, green, red."""


@dataclass(frozen=True)
class Lump:
    """An ellipse that swells, in millimetres of the sheet."""

    x: float
    y: float
    length: float
    width: float
    color: tuple[int, int, int]
    turn: float = 0.0
    flat: bool = False
    """A card instead of a fruit: a rectangle without shading or shadow."""


@dataclass(frozen=True)
class Plan:
    """All that is drawn; equal plans give equal pictures."""

    lumps: tuple[Lump, ...] = ()
    covers: tuple[tuple[Box, tuple[int, int, int]], ...] = ()
    """Sheets of paper laid on the mat, with their color."""
    tilt_deg: float = 2.0
    roll_deg: float = 0.0
    shift: tuple[float, float] = (0.0, 0.0)
    """Of the whole picture, in pixels."""
    light: float = 0.8
    """1 shows the mat as it is printed; linear."""
    cast: tuple[float, float, float] = (1.0, 1.0, 1.0)
    gradient: tuple[float, float] = (0.08, -0.05)
    stripes: float = 0.0
    blur: float = 0.5
    noise: float = 1.6
    seed: int = 0
    k1: float = 0.0
    frame_size: tuple[int, int] = field(default=(WIDTH, HEIGHT))


@dataclass(frozen=True)
class Stage:
    """``mask`` and ``color`` are the interior at 6 pixels a millimetre."""

    frame: Array
    mask: Array
    color: Array
    to_frame: Array


def fruit(name: str, *places: tuple[float, float], size: float = 70.0, turn: float = 0.4) -> Plan:
    """One or more lumps of a color, around the middle of the interior; ``places`` in millimetres from there."""
    middle_x, middle_y = INTERIOR.left + INTERIOR.width / 2, INTERIOR.top + INTERIOR.height / 2
    return Plan(
        tuple(
            Lump(middle_x + x, middle_y + y, size, size * 0.8, COLORS[name], turn + number)
            for number, (x, y) in enumerate(places or ((0.0, 0.0),))
        )
    )


def random_plan(seed: int) -> Plan:
    """A stage that must be accepted."""
    rng = np.random.default_rng([seed, 3])
    names = tuple(COLORS)
    places = [(0.0, 0.0), (-70.0, 10.0), (70.0, -10.0), (-10.0, 40.0)][: int(rng.integers(1, 5))]
    size = float(rng.uniform(64, 78)) if len(places) < 4 else float(rng.uniform(50, 60))
    warm = float(rng.uniform(-0.3, 0.4))
    cast = (1 - 0.7 * warm, 0.95, 1.0) if warm > 0 else (1.0, 0.95, 1 + 0.7 * warm)
    return replace(
        fruit(names[seed % len(names)], *places, size=size, turn=float(rng.uniform(0, 6))),
        tilt_deg=float(rng.uniform(0, 15)),
        roll_deg=float(rng.uniform(-3, 3)),
        light=float(rng.uniform(0.5, 1.0)),
        cast=cast,
        gradient=(float(rng.uniform(-0.15, 0.15)), float(rng.uniform(-0.1, 0.1))),
        blur=float(rng.uniform(0.4, 0.7)),
        noise=float(rng.uniform(0.8, 2.4)),
        seed=seed,
    )


def lay(plan: Plan) -> tuple[Array, Array]:
    """``mask`` and ``color`` of the stage, without a camera."""
    sheet, cover = _sheet(plan.lumps, plan.covers)
    return _interior(cover), _interior(sheet)


@lru_cache(maxsize=3)
def draw(plan: Plan) -> Stage:
    """The same arrays for equal plans, so nobody may write in them."""
    (mask, color), to_frame = lay(plan), _homography(plan)
    frame = _taken(_soft(plan.lumps, plan.covers), to_frame, plan)
    for array in (frame, mask, color):
        array.flags.writeable = False
    return Stage(frame, mask, color, to_frame)


@lru_cache(maxsize=4)
def _sheet(lumps: tuple[Lump, ...], covers: tuple[tuple[Box, tuple[int, int, int]], ...]) -> tuple[Array, Array]:
    """As it is printed and laid, and where lumps lie."""
    sheet = draw_mat(PX_PER_MM).copy()
    cover = np.zeros(sheet.shape[:2], np.uint8)
    for box, color in covers:
        rows, columns = (
            slice(round(low * PX_PER_MM), round(high * PX_PER_MM))
            for low, high in ((box.top, box.bottom), (box.left, box.right))
        )
        sheet[rows, columns] = color
    for lump in lumps:
        _lay(sheet, cover, lump)
    return sheet, cover


@lru_cache(maxsize=4)
def _soft(lumps: tuple[Lump, ...], covers: tuple[tuple[Box, tuple[int, int, int]], ...]) -> Array:
    """The sheet as it is seen from afar."""
    return cv2.GaussianBlur(_sheet(lumps, covers)[0], (0, 0), 0.75)


def _lay(sheet: Array, cover: Array, lump: Lump) -> None:
    reach = lump.length * 0.9
    left, top = max(0, round((lump.x - reach) * PX_PER_MM)), max(0, round((lump.y - reach) * PX_PER_MM))
    right, bottom = round((lump.x + reach) * PX_PER_MM), round((lump.y + reach) * PX_PER_MM)
    part = np.s_[top : min(bottom, sheet.shape[0]), left : min(right, sheet.shape[1])]
    rows, columns = np.mgrid[part].astype(np.float32)
    x, y = (columns + 0.5) / PX_PER_MM - np.float32(lump.x), (rows + 0.5) / PX_PER_MM - np.float32(lump.y)
    turn = np.float32(lump.turn)
    u = (x * np.cos(turn) + y * np.sin(turn)) / (lump.length / 2)
    v = (y * np.cos(turn) - x * np.sin(turn)) / (lump.width / 2)
    if lump.flat:
        alpha = ((np.abs(u) <= 1) & (np.abs(v) <= 1)).astype(np.float32)
        lit = np.ones_like(alpha)
    else:
        radius = cv2.magnitude(u, v)
        alpha = np.clip((1 - radius) * np.float32(lump.width / 2 * PX_PER_MM), 0, 1)
        _shade(sheet[part], alpha)
        dome = cv2.sqrt(np.maximum(1 - radius * radius, 0))
        facing = np.clip(0.35 + 0.65 * dome - 0.25 * u * np.cos(turn) - 0.2 * v, 0.12, 1.1)
        lit = facing * (1 + 0.06 * np.sin(rows[:, :1] / 5) * np.sin(columns[:1] / 7))
    paint = cv2.merge([cv2.convertScaleAbs(lit, alpha=channel) for channel in lump.color])
    cv2.blendLinear(paint, sheet[part], alpha, 1 - alpha, dst=sheet[part])
    cover[part][alpha >= 0.5] = 255


def _shade(under: Array, alpha: Array) -> None:
    """A soft shadow, away from the lamp. It has nothing fine in it, and is drawn with a pixel a millimetre."""
    height, width = alpha.shape
    small = cv2.resize(alpha, (width // PX_PER_MM, height // PX_PER_MM), interpolation=cv2.INTER_AREA)
    soft = np.roll(cv2.GaussianBlur(small, (0, 0), 3), (2, 2), (0, 1))
    kept = cv2.convertScaleAbs(cv2.resize(soft, (width, height)), alpha=-127.5, beta=255)
    cv2.multiply(under, cv2.merge([kept] * 3), dst=under, scale=1 / 255)


def _interior(sheet: Array) -> Array:
    rows, columns = (
        slice(round(low * PX_PER_MM), round(high * PX_PER_MM))
        for low, high in ((INTERIOR.top, INTERIOR.bottom), (INTERIOR.left, INTERIOR.right))
    )
    return sheet[rows, columns].copy()


def _homography(plan: Plan) -> Array:
    tilt, roll = np.deg2rad(plan.tilt_deg), np.deg2rad(plan.roll_deg)
    tilted = np.array([(1, 0, 0), (0, np.cos(tilt), -np.sin(tilt)), (0, np.sin(tilt), np.cos(tilt))])
    rolled = np.array([(np.cos(roll), -np.sin(roll), 0), (np.sin(roll), np.cos(roll), 0), (0, 0, 1)])
    turned = rolled @ tilted
    width, height = plan.frame_size
    focal = FOCAL_PX * width / WIDTH
    camera = np.array(
        [(focal, 0, (width - 1) / 2 + plan.shift[0]), (0, focal, (height - 1) / 2 + plan.shift[1]), (0, 0, 1)]
    )
    distance = 490 + 3.5 * plan.tilt_deg + 6 * min(10.0, abs(plan.roll_deg))
    plane = np.column_stack([turned[:, 0], turned[:, 1], (0, 0, distance)])
    return camera @ plane @ np.array([(1, 0, -SHEET.width / 2), (0, 1, -SHEET.height / 2), (0, 0, 1)])


def _taken(soft: Array, to_frame: Array, plan: Plan) -> Array:
    width, height = plan.frame_size
    scale = np.array([(1 / PX_PER_MM, 0, 0.5 / PX_PER_MM), (0, 1 / PX_PER_MM, 0.5 / PX_PER_MM), (0, 0, 1)])
    table = cv2.merge([np.full((height, width), level, np.uint8) for level in (64, 104, 146)])
    way = to_frame @ scale
    if plan.k1:
        camera = np.array([(FOCAL_PX, 0, (width - 1) / 2), (0, FOCAL_PX, (height - 1) / 2), (0, 0, 1)])
        # Every eighth pixel: between them a lens is as good as straight. One step more on every side than is seen.
        rows, columns = np.mgrid[-1 : height // 8 + 1, -1 : width // 8 + 1] * 8 + 3.5
        seen = np.stack([columns, rows], axis=-1).reshape(-1, 1, 2)
        flat = cv2.undistortPoints(seen, camera, np.array([plan.k1, 0, 0, 0]), P=camera)
        grid = cv2.perspectiveTransform(flat, np.linalg.inv(way)).reshape(*rows.shape, 2).astype(np.float32)
        at = cv2.resize(grid, (rows.shape[1] * 8, rows.shape[0] * 8))[8 : 8 + height, 8 : 8 + width]
        cv2.remap(soft, at, None, cv2.INTER_LINEAR, dst=table, borderMode=cv2.BORDER_TRANSPARENT)
    else:
        cv2.warpPerspective(soft, way, (width, height), dst=table, borderMode=cv2.BORDER_TRANSPARENT)
    linear = ((np.arange(256) / 255) ** 2.2)[:, None] * np.array(plan.cast)
    frame = cv2.LUT(table, linear.astype(np.float32).reshape(1, 256, 3))
    y, x = np.linspace(-1, 1, height, dtype=np.float32)[:, None], np.linspace(-1, 1, width, dtype=np.float32)
    lamp = plan.light * (1 + plan.gradient[0] * x + plan.gradient[1] * y) * (1 - 0.06 * (x * x + y * y))
    lamp *= 1 + plan.stripes * np.sin(np.float32(np.pi * 3.3) * y)
    cv2.multiply(frame, cv2.merge([lamp] * 3), dst=frame)
    if plan.blur:
        frame = cv2.GaussianBlur(frame, (0, 0), plan.blur)
    cv2.threshold(frame, 1.0, 1.0, cv2.THRESH_TRUNC, dst=frame)
    cv2.pow(frame, 1 / 2.2, dst=frame)
    return cv2.addWeighted(frame, 255, _noise(plan.seed, plan.frame_size), plan.noise, 0, dtype=cv2.CV_8U)


@lru_cache(maxsize=2)  # most plans have the same
def _noise(seed: int, frame_size: tuple[int, int]) -> Array:
    """Of a standard deviation of one."""
    width, height = frame_size
    return np.random.default_rng([seed, 9]).standard_normal((height, width, 3), dtype=np.float32)


def overlap(found: Array, truth: Array) -> float:
    """Intersection over union."""
    one, two = found > 0, truth > 0
    return float(np.count_nonzero(one & two)) / max(1, np.count_nonzero(one | two))
