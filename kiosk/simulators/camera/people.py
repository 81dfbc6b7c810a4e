"""A person who looks into the picture."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import msgspec
import numpy as np

from kiosk.photo.mat import INTERIOR
from kiosk.simulators.camera.goods.pieces import LAMPS, Field, Piece, Relief, generator, light, noise
from kiosk.simulators.camera.pose import HEIGHT, WIDTH, Matrix
from kiosk.simulators.camera.shared.mat import Picture

_PX_PER_MM = 2
_LENGTH_MM, _WIDTH_MM = 420.0, 150.0
_SKINS = ((126, 158, 206), (96, 130, 184), (82, 108, 156), (140, 172, 220))
_SLEEVES = ((92, 60, 44), (60, 52, 60), (52, 44, 150), (176, 180, 178), (70, 96, 62))
SIDES = 4


@dataclass(frozen=True, slots=True)
class Hand:
    """Fingers that come in from a side of the sheet: 0 left, 1 top, 2 right, 3 bottom."""

    side: int
    along: float = 0.5  # Where on that side of the interior, from 0 to 1
    reach_mm: float = 60.0  # How far the longest finger is inside the interior
    appearance: int = 0  # Another number is another skin, sleeve and spread of the fingers


# From x, y with a radius, to x, y with a radius; x backwards from the tip of the middle finger, millimetres.
_Capsule = tuple[float, float, float, float, float, float]
_HAND: tuple[_Capsule, ...] = (
    (-88, -30, 10.0, -16, -44, 7.5),
    (-86, -10, 10.5, 0, -15, 8.0),
    (-88, 10, 10.0, -6, 12, 7.5),
    (-92, 27, 9.5, -26, 38, 6.5),
    (-132, -38, 12.5, -84, -66, 8.5),
    (-128, -24, 21.0, -92, -24, 14.0),
    (-128, 4, 24.0, -96, 2, 17.0),
    (-130, 18, 18.0, -96, 20, 13.0),
    (-250, 0, 27.0, -140, -2, 26.0),
)
_SLEEVE: tuple[_Capsule, ...] = ((-480, 8, 58.0, -196, 0, 40.0),)


def draw_hand(frame: Picture, hand: Hand, sheet_to_frame: Matrix) -> None:
    """Draw the hand and its shadow over the frame, in place."""
    import cv2

    piece = _piece(hand.appearance)
    to_frame = sheet_to_frame @ _to_sheet(hand)
    size = (WIDTH, HEIGHT)
    outer = np.eye(3)
    outer[:2, 2] = -piece.margin
    shade = cv2.warpPerspective(piece.shade, to_frame @ outer, size)
    alpha = cv2.warpPerspective(piece.alpha, to_frame, size)
    color = cv2.warpPerspective(piece.color, to_frame, size, borderMode=cv2.BORDER_REPLICATE)
    cover = (alpha.astype(np.float32) / 255)[..., None]
    under = frame * (1 - shade[..., None].astype(np.float32) / 255)
    frame[:] = (under + (color - under) * cover + 0.5).astype(np.uint8)


def _to_sheet(hand: Hand) -> Matrix:
    """Return the matrix from pixels of the drawn hand to millimetres of the sheet."""
    turns = ((1, 0), (0, 1), (-1, 0), (0, -1))
    inward = np.array(turns[hand.side], np.float64)
    across = np.array((-inward[1], inward[0]))
    along = np.array((INTERIOR.left + hand.along * INTERIOR.width, INTERIOR.top + hand.along * INTERIOR.height))
    edges = np.array(((INTERIOR.left, along[1]), (along[0], INTERIOR.top),
                      (INTERIOR.right, along[1]), (along[0], INTERIOR.bottom)))  # fmt: skip
    tip = edges[hand.side] + inward * hand.reach_mm
    start = tip - inward * (_LENGTH_MM - 10) - across * _WIDTH_MM / 2
    matrix = np.eye(3)
    matrix[:2, 0], matrix[:2, 1], matrix[:2, 2] = inward / _PX_PER_MM, across / _PX_PER_MM, start
    return matrix


@lru_cache(maxsize=8)
def _piece(appearance: int) -> Piece:
    import cv2

    rng = generator("hand", appearance)
    height_px, width_px = round(_WIDTH_MM * _PX_PER_MM), round(_LENGTH_MM * _PX_PER_MM)
    y, x = np.mgrid[0:height_px, 0:width_px].astype(np.float32) / _PX_PER_MM
    x, y = x - (_LENGTH_MM - 10), y - _WIDTH_MM / 2
    spread = rng.uniform(0.75, 1.05)
    skin_height, skin_inside = _union(_HAND, x, y / np.float32(spread))
    cloth_height, cloth_inside = _union(_SLEEVE, x, y)
    folds = noise(rng, (height_px, width_px), 60, 22) * 3.0 * _PX_PER_MM
    cloth_height += np.where(cloth_height > 0, folds, 0)
    is_cloth = cloth_inside > 0
    height = cv2.GaussianBlur(np.where(is_cloth, cloth_height, skin_height).astype(np.float32), (0, 0), 2.2)
    albedo = np.where(is_cloth[..., None], _cloth(rng, x, y), _skin(rng, (height_px, width_px)))
    inside = np.maximum(skin_inside, cloth_inside) * _PX_PER_MM
    alpha = np.clip(inside + 0.5, 0, 1).astype(np.float32)
    relief = Relief(height.astype(np.float32) * 0.8, albedo.astype(np.float32), alpha, 0.05, lift_px=10)
    return light(relief, LAMPS[0])


def _union(capsules: tuple[_Capsule, ...], x: Field, y: Field) -> tuple[Field, Field]:
    """Return the height of the highest capsule in pixels, and millimetres inward from their common outline."""
    height, inside = np.zeros_like(x), np.full_like(x, -1000)
    for x0, y0, r0, x1, y1, r1 in capsules:
        dx, dy = x1 - x0, y1 - y0
        share = np.clip(((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy), 0, 1)
        away = np.hypot(x - x0 - share * dx, y - y0 - share * dy)
        radius = r0 + share * (r1 - r0)
        height = np.maximum(height, np.sqrt(np.maximum(radius * radius - away * away, 0)) * _PX_PER_MM)
        inside = np.maximum(inside, radius - away)
    return height.astype(np.float32), inside.astype(np.float32)


def _skin(rng: np.random.Generator, shape: tuple[int, int]) -> Field:
    tone = np.array(_SKINS[int(rng.integers(len(_SKINS)))], np.float32)
    blush = noise(rng, shape, 40, 40) * 0.05 + noise(rng, shape, 5, 5) * 0.03
    skin: Field = (tone * (1 + blush[..., None] * np.array((0.6, 0.9, 0.3)))).astype(np.float32)
    return skin


def _cloth(rng: np.random.Generator, x: Field, y: Field) -> Field:
    color = np.array(_SLEEVES[int(rng.integers(len(_SLEEVES)))], np.float32)
    weave = 1 + 0.05 * np.sin(x * 4.2) * np.sin(y * 4.2)
    hem = np.where((x > -164) | (np.abs(x + 172) < 1), 0.7, 1.0)
    cloth: Field = (color * (weave * hem)[..., None]).astype(np.float32)
    return cloth


@dataclass(frozen=True, slots=True)
class Face:
    """A person beside the mat who looks up to the camera."""

    width_px: int = 200
    on_left: bool = False
    height: float = 0.33  # Of the face's middle in the frame, from 0 above to 1 below


def draw_face(frame: Picture, face: Face) -> None:
    """Draw a face with a round cap and a coat, plain enough for a face detector. A large one hides some of the mat."""
    side = max(126.0, face.width_px * 0.56)
    x, y = side if face.on_left else WIDTH - side, face.height * HEIGHT
    scale = face.width_px / 200
    left, top = max(0, round(x - 130 * scale)), max(0, round(y - 200 * scale))
    around = frame[top : round(y + 410 * scale), left : round(x + 130 * scale)]
    _draw(around, (x - left, y - top), scale)


def _draw(canvas: Picture, center: tuple[float, float], scale: float) -> None:
    import cv2

    for row in _FACE:
        middle = (round(center[0] + row.x * scale), round(center[1] + row.y * scale))
        axes = (2 * max(1, round(row.half_width * scale)), 2 * max(1, round(row.half_height * scale)))
        stroke = np.zeros(canvas.shape[:2], np.float32)
        cv2.ellipse(stroke, (middle, axes, 0), 1.0, -1, cv2.LINE_AA)
        if row.soft:
            stroke = cv2.GaussianBlur(stroke, (0, 0), row.soft * scale).astype(np.float32)
        weight = np.clip(stroke, 0, 1)[..., None]
        canvas[:] = (canvas * (1 - weight) + np.array(row.color) * weight + 0.5).astype(np.uint8)


class _Ellipse(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """One stroke of the face in units of a face 200 wide, from its center; ``soft`` blurs its edge."""

    x: float
    y: float
    half_width: float
    half_height: float
    color: tuple[int, int, int]
    soft: float = 0


_FACE = msgspec.convert(
    tomllib.loads(Path(__file__).with_name("face.toml").read_text(encoding="utf-8"))["face"], tuple[_Ellipse, ...]
)
