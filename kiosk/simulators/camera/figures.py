"""Two things that are not heaps: a jar of honey lying on its side, and somebody who looks into the picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kiosk.simulators.camera.goods import Field, Piece, lit, noise, paste
from kiosk.simulators.camera.mat import Picture

_JAR_MM = (128.0, 78.0)
_HONEY, _HONEY_DEEP = np.array((22, 132, 232), np.float32), np.array((6, 62, 158), np.float32)
_LID, _PAPER, _INK = (58, 148, 196), (206, 232, 244), (40, 96, 150)


def draw_jar(canvas: Picture, rng: np.random.Generator, center: tuple[float, float], px_per_mm: float) -> None:
    """A jar on its side: lid to the left, a paper label with a honeycomb, shaded as the cylinder it is."""
    width, height = (round(side * px_per_mm) for side in _JAR_MM)
    box = round(_JAR_MM[0] * 1.1 * px_per_mm) | 1
    x, y = np.meshgrid(np.arange(box) - box / 2, np.arange(box) - box / 2)
    u, v = (x / (width / 2)).astype(np.float32), (y / (height / 2)).astype(np.float32)
    silhouette = _profile(u)
    inside = np.clip((silhouette - np.abs(v)) * height / 2 + 0.5, 0, 1) * (np.abs(u) <= 1)
    dome = np.sqrt(np.clip(1 - (v / np.maximum(silhouette, 0.05)) ** 2, 0, 1))
    albedo = _jar_skin(u, v, dome, rng)
    ribs = np.where(u < -0.74, np.sin(v * 46) * 1.6, 0)
    color = lit((dome * height * 0.24 + ribs).astype(np.float32), albedo, 0.10)
    for offset, strength in ((-0.56, 150), (0.50, 46)):
        streak = np.exp(-(((v - offset) / 0.045) ** 2)) * np.clip(1.2 - np.abs(u - 0.12) * 1.35, 0, 1) * (u > -0.66)
        color += (streak * strength)[..., None]
    paste(canvas, Piece(color, inside.astype(np.float32)), center, lift_px=1.5 * px_per_mm)


def _profile(u: Field) -> Field:
    """Half height of the jar along its axis, as a share: lid, neck, shoulder, body, rounded foot."""
    stops = (-1.0, -0.985, -0.75, -0.74, -0.69, -0.55, -0.44, 0.90, 0.96, 0.99, 1.0)
    sides = (0.80, 0.86, 0.86, 0.74, 0.74, 0.94, 1.0, 1.0, 0.97, 0.90, 0.82)
    return np.interp(u, stops, sides).astype(np.float32)


def _jar_skin(u: Field, v: Field, dome: Field, rng: np.random.Generator) -> Field:
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
    size = u.shape[0]
    drawn = np.ascontiguousarray(skin, np.float32)
    for row in range(-2, 3):
        for column in range(-2, 3):
            middle = (round(size * (0.61 + column * 0.058 + (row % 2 - 0.5) * 0.029)), round(size * (0.5 + row * 0.05)))
            corners = [(middle[0] + size * 0.031 * np.cos(a), middle[1] + size * 0.031 * np.sin(a)) for a in _HEXAGON]
            fill = (30, 160, 236) if (row * 3 + column * 5) % 4 else (70, 200, 248)
            cv2.fillPoly(drawn, [np.array(corners, np.int32)], fill, cv2.LINE_AA)
            cv2.polylines(drawn, [np.array(corners, np.int32)], True, _INK, 3, cv2.LINE_AA)
    return drawn


_HEXAGON = tuple(np.pi / 6 + step * np.pi / 3 for step in range(6))


def draw_face(canvas: Picture, center: tuple[int, int], width: int) -> None:
    """A frontal face with a round cap and a coat, ``width`` pixels wide, plain enough for a face detector."""
    import cv2

    scale = width / 200
    for row in _FACE:
        layer = canvas.copy()
        at = (round(center[0] + row.x * scale), round(center[1] + row.y * scale))
        axes = (max(1, round(row.half_width * scale)), max(1, round(row.half_height * scale)))
        cv2.ellipse(layer, (at, (axes[0] * 2, axes[1] * 2), 0), row.color, -1, cv2.LINE_AA)
        if row.soft:
            stroke = np.zeros(canvas.shape[:2], np.float32)
            cv2.ellipse(stroke, (at, (axes[0] * 2, axes[1] * 2), 0), 1.0, -1, cv2.LINE_AA)
            weight = cv2.GaussianBlur(stroke, (0, 0), row.soft * scale)[..., None]
            canvas[:] = (canvas * (1 - weight) + np.array(row.color) * weight + 0.5).astype(np.uint8)
        else:
            canvas[:] = layer


@dataclass(frozen=True, slots=True)
class _Ellipse:
    """One stroke of the face in units of a face 200 wide, from its center; ``soft`` blurs its edge."""

    x: float
    y: float
    half_width: float
    half_height: float
    color: tuple[int, int, int]
    soft: float = 0


_SKIN, _SHADE, _DARK, _WHITE = (138, 172, 214), (96, 128, 176), (34, 34, 44), (232, 236, 240)
_FACE = (
    _Ellipse(0, 262, 118, 130, (86, 58, 42)),
    _Ellipse(0, 130, 48, 60, (112, 144, 190)),
    _Ellipse(0, -40, 106, 112, (30, 28, 34)),
    _Ellipse(-98, 10, 14, 28, _SHADE),
    _Ellipse(98, 10, 14, 28, _SHADE),
    _Ellipse(0, 0, 96, 128, _SKIN),
    _Ellipse(0, 92, 60, 30, (118, 150, 196), 14),
    _Ellipse(0, -52, 60, 24, (158, 190, 228), 14),
    _Ellipse(-48, 40, 26, 20, (150, 176, 226), 10),
    _Ellipse(48, 40, 26, 20, (150, 176, 226), 10),
    _Ellipse(-40, -16, 34, 20, _SHADE, 7),
    _Ellipse(40, -16, 34, 20, _SHADE, 7),
    _Ellipse(-40, -36, 29, 6, _DARK, 3),
    _Ellipse(40, -36, 29, 6, _DARK, 3),
    _Ellipse(-40, -12, 20, 9, _WHITE, 1.5),
    _Ellipse(40, -12, 20, 9, _WHITE, 1.5),
    _Ellipse(-40, -12, 9, 9, _DARK, 1.5),
    _Ellipse(40, -12, 9, 9, _DARK, 1.5),
    _Ellipse(12, 14, 9, 30, _SHADE, 6),
    _Ellipse(-2, 10, 8, 34, (160, 192, 230), 5),
    _Ellipse(0, 44, 19, 7, (84, 112, 158), 5),
    _Ellipse(0, 78, 34, 10, (86, 92, 168), 3),
    _Ellipse(0, 76, 32, 2.6, (52, 52, 92), 1.5),
    _Ellipse(0, -118, 92, 50, (64, 104, 38)),
    _Ellipse(0, -96, 94, 20, (44, 76, 26)),
    _Ellipse(-44, -128, 15, 15, (200, 224, 232)),
    _Ellipse(0, -134, 15, 15, (200, 224, 232)),
    _Ellipse(44, -128, 15, 15, (200, 224, 232)),
)
