"""Relative sharpness: which of several shots of the *same* scene is the sharpest.

The number means nothing between scenes: measured, real sharp photographs range over a factor of 40, and noise raises
it. An absolute judgement of focus needs the known edges of the mat's markers.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from kiosk.photo.arrays import BgrImage

_DENOISE_SIGMA = 1.0


def tenengrad(frame: BgrImage) -> float:
    """Mean squared Sobel gradient of the grey picture (Tenengrad; E. Krotkov, "Focusing", IJCV 1, 1987).

    A Gaussian of one pixel goes first, so that noise does not pass for detail.
    """
    grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
    calm = cv2.GaussianBlur(grey, (0, 0), _DENOISE_SIGMA)
    across = cv2.Sobel(calm, cv2.CV_32F, 1, 0)
    down = cv2.Sobel(calm, cv2.CV_32F, 0, 1)
    return float(np.mean(across * across + down * down))


def sharpest(frames: Sequence[BgrImage]) -> int:
    """Index of the sharpest frame of one burst, the earliest of equals; raises ValueError for an empty burst."""
    scores = [tenengrad(frame) for frame in frames]
    return scores.index(max(scores))
