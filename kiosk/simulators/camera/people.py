"""Somebody who looks into the picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kiosk.simulators.camera.pose import HEIGHT, WIDTH
from kiosk.simulators.camera.shared.mat import Picture


@dataclass(frozen=True, slots=True)
class Face:
    """Somebody beside the mat who looks up to the camera."""

    width_px: int = 200
    on_left: bool = False
    height: float = 0.33  # Of the face's middle in the frame, from 0 above to 1 below


def draw_face(frame: Picture, face: Face) -> None:
    """With a round cap and a coat, plain enough for a face detector. A large one hides some of the mat."""
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
