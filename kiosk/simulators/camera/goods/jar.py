"""A jar of honey lying on its side."""

from __future__ import annotations

import numpy as np

from kiosk.simulators.camera.goods.pieces import PX_PER_MM, Direction, Field, Piece, Relief, light, noise, turned_axes

_JAR_MM = (128.0, 78.0)
_HONEY, _HONEY_DEEP = np.array((22, 132, 232), np.float32), np.array((6, 62, 158), np.float32)
_LID, _PAPER, _INK = (58, 148, 196), (206, 232, 244), (40, 96, 150)


def draw_jar(rng: np.random.Generator, lamp: Direction, turn: float) -> Piece:
    """Lid to the left, a paper label with a honeycomb, shaded as the cylinder it is."""
    width, height = (side * PX_PER_MM for side in _JAR_MM)
    box = round(_JAR_MM[0] * 1.1 * PX_PER_MM) | 1
    along, across = turned_axes(box, turn)
    u, v = along / (width / 2), across / (height / 2)
    silhouette = _profile(u)
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


def _profile(u: Field) -> Field:
    """Half height of the jar along its axis, as a share: lid, neck, shoulder, body, rounded foot."""
    stops = (-1.0, -0.985, -0.75, -0.74, -0.69, -0.55, -0.44, 0.90, 0.96, 0.99, 1.0)
    sides = (0.80, 0.86, 0.86, 0.74, 0.74, 0.94, 1.0, 1.0, 0.97, 0.90, 0.82)
    return np.interp(u, stops, sides).astype(np.float32)


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
