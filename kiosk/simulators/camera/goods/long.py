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
    # Far beside the piece the outline is not computed; its ends are so thin that their edge is wide.
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
    """Return half widths along the piece, and how much the outline's slope lengthens a step across it."""
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
