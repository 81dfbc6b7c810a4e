"""Flat things of known size, and pictures of real goods from a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from kiosk.simulators.camera.goods.pieces import PX_PER_MM, Direction, Field, Piece, Relief, light, turned_axes
from kiosk.simulators.camera.shared.mat import Picture


@dataclass(frozen=True, slots=True)
class Flat:
    """A card with round corners, or a disc when ``corner_mm`` is half its side."""

    length: float
    width: float
    corner_mm: float
    color: tuple[int, int, int]
    ink: tuple[int, int, int]


FLATS: Mapping[str, Flat] = {
    "card": Flat(85.6, 54.0, 3.2, (196, 120, 46), (232, 240, 244)),
    "disc": Flat(70.0, 70.0, 35.0, (64, 150, 188), (44, 116, 150)),
    "box-lid": Flat(150.0, 100.0, 2.0, (60, 96, 138), (190, 214, 226)),
}


def draw_flat(flat: Flat, rng: np.random.Generator, lamp: Direction, turn: float) -> Piece:
    """Exactly as long and as wide as it says, with a printed border and a few lines."""
    half_x, half_y = flat.length / 2 * PX_PER_MM, flat.width / 2 * PX_PER_MM
    corner = flat.corner_mm * PX_PER_MM
    box = int(2 * np.hypot(half_x, half_y) + 9) | 1
    along, across = turned_axes(box, turn)
    inside = _inside(along, across, half_x, half_y, corner)
    ink = np.abs(inside - 4.5 * PX_PER_MM) < 0.5 * PX_PER_MM
    rows = (across / (half_y * 0.22)) % 1.0 < 0.3
    ink |= rows & (np.abs(along + half_x * 0.2) < half_x * 0.5) & (np.abs(across) < half_y * 0.5)
    albedo = np.where(ink[..., None], np.array(flat.ink, np.float32), np.array(flat.color, np.float32))
    albedo = albedo * (1 + 0.02 * rng.standard_normal((box, box, 1), dtype=np.float32))
    # Hardly curved, so that a mirrored lamp is a spot on it and not the whole of it.
    height = (along * along + across * across) * (-0.12 / (half_x * half_x)) + 0.9 * np.clip(inside / 3, 0, 1)
    alpha = np.clip(inside + 0.5, 0, 1).astype(np.float32)
    return light(Relief(height.astype(np.float32), albedo.astype(np.float32), alpha, 0.03), lamp)


def _inside(along: Field, across: Field, half_x: float, half_y: float, corner: float) -> Field:
    """Pixels from the outline to the inside; negative outside."""
    x, y = np.abs(along) - (half_x - corner), np.abs(across) - (half_y - corner)
    outside = np.hypot(np.maximum(x, 0), np.maximum(y, 0)) + np.minimum(np.maximum(x, y), 0)
    inside: Field = (corner - outside).astype(np.float32)
    return inside


def draw_file(path: Path, length_mm: float, lamp: Direction, turn: float) -> Piece:
    """A picture file laid on the mat with its longer side ``length_mm`` long; its alpha is its outline, without one it
    is a rectangle. Raises OSError when it is no picture."""
    import cv2

    picture = _read(path)
    scale = length_mm * PX_PER_MM / max(picture.shape[:2])
    box = int(np.hypot(*picture.shape[:2]) * scale + 9) | 1
    middle = ((picture.shape[1] - 1) / 2, (picture.shape[0] - 1) / 2)
    move = cv2.getRotationMatrix2D(middle, -np.rad2deg(turn), scale)
    move[:, 2] += box // 2 - np.array(middle)
    # Made small with areas first: a photograph has more pixels than the mat can show.
    laid = cv2.warpAffine(_softened(picture, scale), move, (box, box), flags=cv2.INTER_LINEAR)
    alpha = (laid[..., 3] / 255).astype(np.float32)
    bare = laid[..., :3].astype(np.float32)
    # It brings its own light and shade: only its shadow on the mat is drawn.
    return replace(light(Relief(alpha * 2, bare, alpha, lift_px=2.0), lamp), color=laid[..., :3].astype(np.uint8))


def _softened(picture: Picture, scale: float) -> Picture:
    import cv2

    if scale >= 0.7:
        return picture
    return cv2.GaussianBlur(picture, (0, 0), 0.4 / scale).astype(np.uint8, copy=False)


@lru_cache(maxsize=4)
def _read(path: Path) -> Picture:
    import cv2

    data = path.read_bytes()
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) if data else None
    if picture is None or picture.dtype != np.uint8:
        raise OSError(f"{path} is no picture with 8 bits a channel")
    if picture.ndim == 2:
        return cv2.cvtColor(picture, cv2.COLOR_GRAY2BGRA).astype(np.uint8, copy=False)
    if picture.shape[2] == 3:
        return cv2.cvtColor(picture, cv2.COLOR_BGR2BGRA).astype(np.uint8, copy=False)
    return picture.astype(np.uint8, copy=False)
