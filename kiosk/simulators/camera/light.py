"""The lamp over the mat and the sensor behind the lens, in linear light; pictures are 8-bit sRGB."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from kiosk.simulators.camera.goods.pieces import Field, generator
from kiosk.simulators.camera.pose import HEIGHT, WIDTH
from kiosk.simulators.camera.shared.mat import Picture

_NOISE_MARGIN = 97


@dataclass(frozen=True, slots=True)
class Light:
    """What reaches the sensor, as shares of an exposure that shows the mat as it is printed."""

    level: float = 1.0
    cast: tuple[float, float, float] = (1.0, 1.0, 1.0)  # Gains of blue, green and red
    # How much brighter the right and the lower edge of the frame are than its middle.
    gradient: tuple[float, float] = (0.0, 0.0)
    vignette: float = 0.14  # How much of the light is lost in the corners of the frame
    banding: float = 0.0  # Depth of the stripes that a lamp on 50 Hz and a rolling shutter make
    stripes: float = 3.3  # In one frame: 100 flashes a second, read out in a thirtieth of a second
    phase: float = 0.0
    lamp: int = 0  # Of `LAMPS`: where the shadows fall


@dataclass(frozen=True, slots=True)
class Sensor:
    blur_px: float = 0.5  # Standard deviation of the blur of the lens
    noise: float = 1.6  # Standard deviation in grey levels
    quality: int = 92  # Of the camera's own JPEG


def illuminate(picture: Picture, light: Light) -> Field:
    """The picture in linear light, 1 = white, under this lamp."""
    import cv2

    gains = np.array(light.cast, np.float32) * np.float32(light.level)
    table = (_linear()[:, None] * gains).reshape(1, 256, 3).astype(np.float32)
    lit: Field = cv2.LUT(picture, table).astype(np.float32, copy=False)
    cv2.multiply(lit, _field(light), dst=lit)
    return lit


def _field(light: Light) -> Field:
    """Share of the light at each pixel, the same in all three channels."""
    import cv2

    y, x = np.mgrid[-1:1:135j, -1:1:240j].astype(np.float32)
    corner = (x * x * WIDTH**2 + y * y * HEIGHT**2) / (WIDTH**2 + HEIGHT**2)
    smooth = (1 + light.gradient[0] * x + light.gradient[1] * y) * (1 - light.vignette * corner)
    field: Field = cv2.resize(cv2.merge([smooth] * 3), (WIDTH, HEIGHT)).astype(np.float32, copy=False)
    if light.banding:
        # A lamp on alternating current goes nearly dark twice a period: the stripes are narrow and dark.
        wave = np.abs(np.sin(np.pi * (light.stripes * np.arange(HEIGHT) / HEIGHT + light.phase)))
        rows = field.reshape(HEIGHT, -1)
        rows *= (1 - light.banding * (1 - wave**0.7)).astype(np.float32)[:, None]
    return field


def sense(lit: Field, sensor: Sensor, rng: np.random.Generator) -> Picture:
    """The frame as the camera gives it."""
    import cv2

    if sensor.blur_px:
        lit = cv2.GaussianBlur(lit, (0, 0), sensor.blur_px, borderType=cv2.BORDER_REPLICATE).astype(
            np.float32, copy=False
        )
    # A frame is 25 megabytes: in place, in as few passes as can be. Of sRGB only the power is taken; its straight foot,
    # below ten levels, is nothing that a camera keeps to.
    cv2.threshold(lit, 1.0, 1.0, cv2.THRESH_TRUNC, dst=lit)
    cv2.pow(lit, 1 / 2.4, dst=lit)
    x, y = rng.integers(0, _NOISE_MARGIN, 2)
    noise = _noise()[y : y + HEIGHT, x : x + WIDTH]
    frame = cv2.addWeighted(lit, 255 * 1.055, noise, sensor.noise, -255 * 0.055, dtype=cv2.CV_8U)
    _, coded = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, sensor.quality])
    seen = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    if seen is None:
        raise OSError("OpenCV could not decode its own picture")
    return seen.astype(np.uint8, copy=False)


@cache
def _linear() -> Field:
    srgb = np.arange(256) / 255
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4).astype(np.float32)


@cache
def _noise() -> Field:
    """Larger than the frame: a frame takes a random part of it. The color filter makes neighbours alike."""
    import cv2

    rng = generator("sensor")
    shape = (HEIGHT + _NOISE_MARGIN, WIDTH + _NOISE_MARGIN, 3)
    grain = cv2.GaussianBlur(rng.standard_normal(shape, dtype=np.float32), (3, 3), 0.45)
    return (grain / grain.std()).astype(np.float32)
