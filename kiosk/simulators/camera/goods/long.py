"""Goods with an axis: roots, pods, slices, bulbs, leaves. A profile along the axis, a bend, colors along and across."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from kiosk.simulators.camera.goods.pieces import PX_PER_MM, Direction, Field, Piece, Relief, light, noise, turned_axes

Color: TypeAlias = tuple[int, int, int]
Stops: TypeAlias = tuple[tuple[float, float], ...]
Zone: TypeAlias = tuple[float, float, Color]  # From, to, and what color it is there


@dataclass(frozen=True, slots=True)
class Long:
    """One sort of goods. Lengths in millimetres, colors 8-bit blue-green-red, places from -1 to 1, the rest shares."""

    length: float
    width: float
    profile: Stops  # Half width along the axis, as a share of `width` / 2; nothing at both ends
    color: Color
    second: Color  # The color the skin changes to in patches
    thickness: float  # Height of the middle as a share of the half width
    gloss: float = 0.05
    sheen: float = 38.0
    bend: float = 0.0  # How far the middle is pushed aside, as a share of the length
    along: tuple[Zone, ...] = ()
    across: tuple[Zone, ...] = ()  # Colors over the skin, with ragged and with straight borders
    ribs: int = 0
    rib_mm: float = 0.0  # Grooves from end to end, and how deep
    rings_mm: float = 0.0  # Depth of fine rings around the axis
    veins_mm: float = 0.0  # Height of the leaf between its veins
    ragged: float = 0.0  # How far the outline wavers


_SOFT = 0.035  # Over which share of the piece one color goes over into the next

GARLIC = Long(
    length=66, width=52,
    profile=((-1, 0), (-0.96, 0.13), (-0.62, 0.15), (-0.42, 0.30), (-0.2, 0.72), (0.1, 0.97), (0.35, 1), (0.62, 0.92),
             (0.82, 0.66), (0.92, 0.34), (1, 0)),
    color=(208, 220, 230), second=(186, 176, 204), thickness=0.86, gloss=0.05,
    along=((-1.0, -0.5, (180, 208, 218)), (0.9, 1.0, (118, 150, 172))), ribs=7, rib_mm=1.5, ragged=0.03,
)  # fmt: skip
RADISH = Long(
    length=164, width=50,
    profile=((-1, 0), (-0.98, 0.34), (-0.9, 0.72), (-0.75, 0.94), (-0.4, 1), (0.05, 0.92), (0.4, 0.7), (0.7, 0.4),
             (0.86, 0.17), (0.95, 0.06), (1, 0)),
    color=(226, 234, 236), second=(206, 220, 224), thickness=0.85, gloss=0.08, bend=0.02,
    along=((-1.0, -0.9, (104, 178, 140)), (-0.9, -0.7, (196, 226, 212))), rings_mm=0.3, ragged=0.012,
)  # fmt: skip
AUBERGINE = Long(
    length=168, width=62,
    profile=((-1, 0), (-0.985, 0.13), (-0.86, 0.14), (-0.83, 0.36), (-0.7, 0.5), (-0.4, 0.62), (0, 0.84), (0.4, 1),
             (0.7, 0.94), (0.88, 0.68), (0.96, 0.4), (1, 0)),
    color=(40, 22, 32), second=(56, 28, 44), thickness=0.85, gloss=0.42, sheen=26, bend=0.05,
    along=((-1.0, -0.83, (66, 110, 96)), (-0.83, -0.66, (62, 116, 88))), ragged=0.008,
)  # fmt: skip
PEPPER = Long(
    length=112, width=21,
    profile=((-1, 0), (-0.98, 0.17), (-0.72, 0.15), (-0.69, 0.6), (-0.6, 0.9), (-0.4, 1), (0, 0.9), (0.4, 0.68),
             (0.75, 0.36), (0.92, 0.16), (1, 0)),
    color=(26, 22, 186), second=(20, 16, 146), thickness=0.85, gloss=0.40, sheen=30, bend=0.07,
    along=((-1.0, -0.70, (56, 128, 84)),), ribs=2, rib_mm=0.5, ragged=0.03,
)  # fmt: skip
MELON = Long(
    length=168, width=58,
    profile=((-1, 0), (-0.97, 0.2), (-0.85, 0.5), (-0.6, 0.8), (-0.3, 0.96), (0, 1), (0.3, 0.96), (0.6, 0.8),
             (0.85, 0.5), (0.97, 0.2), (1, 0)),
    color=(96, 172, 246), second=(72, 150, 238), thickness=0.22, gloss=0.10, bend=0.13,
    across=((-1.0, -0.80, (104, 178, 196)), (-0.80, -0.58, (128, 206, 212)), (-0.58, -0.45, (110, 196, 240)),
            (0.72, 1.0, (110, 190, 250))), ragged=0.01,
)  # fmt: skip
LEAF = Long(
    length=114, width=36,
    profile=((-1, 0), (-0.99, 0.15), (-0.3, 0.12), (-0.2, 0.16), (-0.1, 0.5), (0.08, 0.88), (0.3, 1), (0.55, 0.88),
             (0.78, 0.6), (0.93, 0.28), (1, 0)),
    color=(44, 122, 66), second=(38, 88, 46), thickness=0.16, gloss=0.12, bend=0.06,
    along=((-1.0, -0.2, (146, 196, 158)),), across=((-0.06, 0.06, (112, 176, 128)),), veins_mm=0.9, ragged=0.22,
)  # fmt: skip


def draw_long(goods: Long, rng: np.random.Generator, lamp: Direction, turn: float) -> Piece:
    import cv2

    size = goods.length * rng.uniform(0.9, 1.04) * PX_PER_MM
    half_width = size / 2 * goods.width / goods.length * rng.uniform(0.92, 1.06)
    box = int(size * (1.06 + 2 * goods.bend)) | 1
    along, across = turned_axes(box, turn)
    u = along / (size / 2)
    bend = goods.bend * size * rng.uniform(0.3, 1.0) * rng.choice((-1.0, 1.0))
    across = across - (bend * (0.5 - u * u)).astype(np.float32)
    wander = noise(rng, (box, box), size / 7, size / 7) * goods.ragged
    # Far beside the piece nothing is asked of the outline; its ends are so thin that their edge is wide.
    near = (np.abs(u) < 1) & ((np.abs(u) > 0.98) | (np.abs(across) < half_width * (1 + 2 * goods.ragged) + 2))
    silhouette, steepness = np.ones_like(u), np.ones_like(u)
    silhouette[near], steepness[near] = _outline(goods.profile, u[near], half_width / (size / 2))
    silhouette = silhouette * (1 + wander)
    v = across / half_width / np.maximum(silhouette, 0.02)
    alpha = np.clip((1 - np.abs(v)) * silhouette * half_width / steepness + 0.5, 0, 1) * (np.abs(u) < 1)
    dome = cv2.sqrt(np.clip(1 - cv2.pow(np.abs(v), 2.2), 0, 1)).astype(np.float32, copy=False)
    height = dome * silhouette * half_width * goods.thickness + _relief(goods, rng, u, v, dome)
    alpha = alpha.astype(np.float32)
    albedo = _skin(goods, rng, u, v, alpha)
    return light(Relief(height.astype(np.float32), albedo, alpha, goods.gloss, goods.sheen), lamp)


def _outline(profile: Stops, u: Field, slope_scale: float) -> tuple[Field, Field]:
    """Half width at each place, and by how much the outline's slope makes a step across it longer than a step to it."""
    places, widths = zip(*profile, strict=True)
    fine = np.linspace(-1, 1, 801)
    # Squares, because the end of a round body is round: its half width rises like a root.
    square = np.interp(fine, places, np.square(widths))
    kernel = np.hanning(75) / np.hanning(75).sum()
    smooth = np.convolve(np.pad(square, 37, mode="edge"), kernel, mode="valid")
    smooth = np.sqrt(smooth * np.clip((1 - np.abs(fine)) / 0.03, 0, 1))
    slope = np.gradient(smooth, fine) * slope_scale
    steepness = np.sqrt(1 + slope * slope)
    at = ((u + 1) * 400).astype(np.float32)
    return (np.interp(at, np.arange(801), smooth).astype(np.float32),
            np.interp(at, np.arange(801), steepness).astype(np.float32))  # fmt: skip


def _relief(goods: Long, rng: np.random.Generator, u: Field, v: Field, dome: Field) -> Field:
    height = np.zeros_like(u)
    if goods.ribs:
        # Around the axis, so that grooves crowd towards the outline as on a round body.
        angle = np.arcsin(np.clip(v, -1, 1)) + rng.uniform(0, 1)
        height += np.abs(np.sin(angle * goods.ribs)) * goods.rib_mm * PX_PER_MM * np.clip(dome * 1.5, 0, 1)
    if goods.veins_mm:
        height += np.abs(np.sin(u * 13 - np.abs(v) * 2.4)) * (u > -0.28) * goods.veins_mm * PX_PER_MM * (1 - v * v)
    if goods.rings_mm:
        rings = noise(rng, (1, 800), 9, 1)[0]
        at = np.clip((u + 1) * 400, 0, 799).astype(np.int32)
        height += np.clip(rings[at] - 0.3, 0, 1) * goods.rings_mm * PX_PER_MM * dome
    return height


def _skin(goods: Long, rng: np.random.Generator, u: Field, v: Field, alpha: Field) -> Field:
    shape, seen = (u.shape[0], u.shape[1]), alpha > 0
    size = goods.length * PX_PER_MM
    mix = np.clip(noise(rng, shape, size / 6, size / 6)[seen] * 0.6 + 0.4, 0, 1)[:, None]
    skin = np.array(goods.color, np.float32) * (1 - mix) + np.array(goods.second, np.float32) * mix
    fray = noise(rng, shape, size / 22, size / 22)[seen]
    for zones, place, fraying in ((goods.along, u[seen], 0.05), (goods.across, v[seen], 0.03)):
        for low, high, color in zones:
            frayed = place + fray * fraying
            share = np.ones_like(frayed)
            if low > -1:
                share *= np.clip((frayed - low) / _SOFT + 0.5, 0, 1)
            if high < 1:
                share *= np.clip((high - frayed) / _SOFT + 0.5, 0, 1)
            skin += (np.array(color, np.float32) - skin) * share[:, None]
    skin *= 1 + 0.035 * rng.standard_normal((len(skin), 1), dtype=np.float32)
    whole = np.zeros((*shape, 3), np.float32)
    whole[seen] = skin * rng.uniform(0.94, 1.05)
    return whole
