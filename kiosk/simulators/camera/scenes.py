"""What the camera above the mat sees: table, mat, goods, lamp, lens, sensor. The same seed gives the same picture."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from kiosk.photo.mat import INTERIOR, SHEET
from kiosk.simulators.camera.figures import draw_face, draw_jar
from kiosk.simulators.camera.goods import KINDS, Field, heap, noise
from kiosk.simulators.camera.mat import Picture, draw_mat

WIDTH, HEIGHT = 1920, 1080
SCENES = (*KINDS, "honey", "empty")
"""The words after ``scene``: a heap of goods, a jar of honey, or the bare mat."""

_PX_PER_MM = 6
_CORNERS = ((266, 46), (1662, 40), (1674, 1030), (252, 1036))
"""Where the sheet's corners lie in the picture: a camera a little off the vertical, as they are in villages."""
_FACE_AT, _FACE_WIDTH = (1794, 360), 200
_BLUR_SIGMA = 6.0
_DARK_LIGHT = 0.03
"""Share of the usual light, in linear light: the picture is dim, far from black."""
_NOISE = 1.6


@dataclass(frozen=True, slots=True)
class View:
    """One state of the stage in front of the camera and of the camera itself."""

    scene: str
    face: bool = False
    blur: bool = False
    dark: bool = False
    black: bool = False

    @property
    def faults(self) -> tuple[str, ...]:
        """The fault words in force."""
        words = {"face": self.face, "blur": self.blur, "dark": self.dark, "black": self.black}
        return tuple(word for word, said in words.items() if said)


def draw_view(view: View, seed: int = 0) -> Picture:
    """The picture of the camera, 1920 x 1080. Raises KeyError for a scene that is not in SCENES."""
    scene_seed = zlib.crc32(view.scene.encode())
    rng = np.random.default_rng([seed, scene_seed, 1])
    if view.black:
        return _sensed(np.zeros((HEIGHT, WIDTH, 3), np.float32), rng)
    picture = _draw_stage(view.scene, seed, scene_seed).copy()
    if view.face:
        draw_face(picture, _FACE_AT, _FACE_WIDTH)
    return _taken(picture, view, rng)


@lru_cache(maxsize=2)  # a stage takes a second to draw, and most words change only what the camera makes of it
def _draw_stage(scene: str, seed: int, scene_seed: int) -> Picture:
    import cv2

    rng = np.random.default_rng([seed, scene_seed])
    sheet = draw_mat(_PX_PER_MM)
    left, top, right, bottom = (
        round(edge * _PX_PER_MM) for edge in (INTERIOR.left, INTERIOR.top, INTERIOR.right, INTERIOR.bottom)
    )
    center = ((left + right) / 2, (top + bottom) / 2)
    if scene == "honey":
        draw_jar(sheet, rng, center, _PX_PER_MM)
    elif scene != "empty":
        heap(sheet, KINDS[scene], rng, center, _PX_PER_MM)
    width, height = SHEET.width * _PX_PER_MM, SHEET.height * _PX_PER_MM
    flat = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float32)
    view = cv2.getPerspectiveTransform(flat, np.array(_CORNERS, np.float32))
    # The sheet is drawn almost twice as fine as it is seen: a little blur first keeps thin edges from flickering.
    soft = cv2.GaussianBlur(sheet, (0, 0), 0.75)
    seen = cv2.warpPerspective(soft, view, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR)
    cover = cv2.warpPerspective(np.ones(sheet.shape[:2], np.float32), view, (WIDTH, HEIGHT))
    return _lay_on_table(seen.astype(np.uint8), cover.astype(np.float32)[..., None], rng)


def _lay_on_table(seen: Picture, cover: Field, rng: np.random.Generator) -> Picture:
    import cv2

    table = _draw_table(rng)
    shadow = cv2.GaussianBlur(np.roll(cover[..., 0], (5, 5), (0, 1)), (0, 0), 7)[..., None]
    table *= 1 - 0.45 * shadow
    return np.clip(seen * cover + table * (1 - cover), 0, 255).astype(np.uint8)


def _draw_table(rng: np.random.Generator) -> Field:
    """Wooden boards from left to right."""
    shape = (HEIGHT, WIDTH)
    grain = noise(rng, shape, 900, 5) * 0.10 + noise(rng, shape, 300, 2.5) * 0.05 + noise(rng, shape, 700, 120) * 0.10
    boards = np.arange(HEIGHT) // 216
    tone = 1 + 0.08 * rng.uniform(-1, 1, boards.max() + 1)[boards]
    gap = np.where(np.arange(HEIGHT) % 216 < 3, 0.45, 1.0)
    light = (tone * gap)[:, None] * (1 + grain)
    table: Field = (np.array((72, 112, 152), np.float32) * light[..., None]).astype(np.float32)
    return table


def _taken(picture: Picture, view: View, rng: np.random.Generator) -> Picture:
    """Uneven light, little light, bad focus, then the sensor."""
    import cv2

    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    radius = ((x - WIDTH * 0.47) / WIDTH) ** 2 + ((y - HEIGHT * 0.46) / WIDTH) ** 2
    falloff = (1.02 - 0.34 * radius) * (_DARK_LIGHT if view.dark else 1.0)
    # Light falls off in linear light; 2.2 is near enough to the sRGB curve for a lamp.
    frame = picture * (falloff ** (1 / 2.2))[..., None]
    if view.blur:
        frame = cv2.GaussianBlur(frame, (0, 0), _BLUR_SIGMA)
    return _sensed(frame.astype(np.float32), rng)


def _sensed(frame: Field, rng: np.random.Generator) -> Picture:
    noisy = frame + rng.standard_normal(frame.shape, dtype=np.float32) * _NOISE
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
