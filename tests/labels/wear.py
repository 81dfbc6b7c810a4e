"""What becomes of a thermal paper in a pocket: it fades, lines stay white, it is crumpled and photographed askew."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Gray = NDArray[np.uint8]
SCALE = 2  # Pixels of a camera on a dot


def faded(paper: Image.Image, strength: float, seed: int) -> Image.Image:
    """``strength`` 1: black is hardly darker than the paper, a twelfth of it flakes off, lines of the head are dead."""
    chance = np.random.default_rng(seed)
    gray = np.asarray(paper.convert("L"), np.float32)
    lost = chance.random(gray.shape) < 0.08 * strength
    dead = chance.random(gray.shape[1]) < 0.03 * strength
    gray = np.where(lost | dead[np.newaxis, :], 255, gray)
    gray = 235 - (255 - gray) * (1 - 0.75 * strength)
    return _seen(gray, np.zeros_like(gray), np.zeros_like(gray), chance)


def crumpled(paper: Image.Image, strength: float, seed: int) -> Image.Image:
    """``strength`` 1: creases move dots by 5, and each casts a shadow as dark as print."""
    chance = np.random.default_rng(seed)
    gray = np.asarray(paper.convert("L"), np.float32)
    height, width = gray.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    dx, dy, shade = (np.zeros_like(gray) for _ in range(3))
    for _ in range(12):
        angle, at = chance.uniform(0, np.pi), chance.uniform(-0.5, 0.5) * max(height, width)
        away = (x - width / 2) * np.cos(angle) + (y - height / 2) * np.sin(angle) - at
        bend = np.exp(-((away / 25) ** 2)) * chance.uniform(-1, 1)
        dx, dy = dx + bend * np.cos(angle) * 5 * strength, dy + bend * np.sin(angle) * 5 * strength
        shade += np.exp(-((away / 4) ** 2)) * chance.uniform(0, 160) * strength
    return _seen(np.clip(240 - (255 - gray) * 0.8 - shade, 0, 255), dx, dy, chance)


def _seen(
    gray: NDArray[np.float32], dx: NDArray[np.float32], dy: NDArray[np.float32], chance: np.random.Generator
) -> Image.Image:
    """As a camera has it: moved, turned a little, out of focus, with noise."""
    height, width = gray.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    to_x, to_y = (x + dx).astype(np.float32), (y + dy).astype(np.float32)
    bent = cv2.remap(gray.astype(np.float32), to_x, to_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    large = cv2.resize(bent, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_LINEAR)
    middle = (width * SCALE / 2, height * SCALE / 2)
    turn = cv2.getRotationMatrix2D(middle, chance.uniform(-8, 8), 1.0)
    turned = cv2.warpAffine(large, turn, (width * SCALE, height * SCALE), borderValue=235.0)
    noisy = cv2.GaussianBlur(turned, (0, 0), 1.5) + chance.normal(0, 6, turned.shape)
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
