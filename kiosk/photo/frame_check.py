"""Is a frame a picture at all, and which of a burst is the sharpest? Checked before any question about the goods.

The limits are 8-bit grey levels, set well outside what a lit scene gives (the mat's field is 119, its black patch 40).
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from kiosk.photo.arrays import BgrImage

BLACK_MEAN = 8.0  # A covered lens gives 0 to 3 with sensor noise; the mat in a dim room gives more than 15
# Standard deviation of a blurred frame: a lens against a sheet or in fog stays below, the mat alone has above 20.
FLAT_DEVIATION = 2.5
SETTLED_FRAMES = 3
SETTLED_CHANGE = 0.01
# Automatic exposure of UVC cameras needs 8 to 15 frames; three successive means within 1 % show that it has ended.
MIN_DISCARDED = 8
_DENOISE_SIGMA = 1.0
# Blocks, how many must show a step, and the grey levels of a step.
_EDGE_BLOCK_PX, _EDGE_BLOCKS, _EDGE_STEP = 40, 12, 40.0
_BGR_LUMA = (0.114, 0.587, 0.299)  # ITU-R BT.601, clause 2.5.1: the luma OpenCV's own grey conversion uses


class FrameDefect(StrEnum):
    """What is wrong with what a frame shows, worst first."""

    CONSTANT = "constant"
    BLACK = "black"
    FLAT = "flat"


def has_shape(frame: BgrImage, width: int, height: int) -> bool:
    return frame.shape == (height, width, 3) and frame.dtype == np.uint8


def find_content_defect(frame: BgrImage) -> FrameDefect | None:
    """Detect a black, constant or flat frame; None when it shows something."""
    if mean_luminance(frame) < BLACK_MEAN:
        return FrameDefect.BLACK
    # Averaging 8 x 8 pixels first takes sensor noise away, which alone would look like detail.
    height, width = frame.shape[:2]
    small = cv2.resize(frame, (max(1, width // 8), max(1, height // 8)), interpolation=cv2.INTER_AREA)
    if float(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).std()) >= FLAT_DEVIATION:
        return None
    return FrameDefect.CONSTANT if bool((frame == frame[0, 0]).all()) else FrameDefect.FLAT


def mean_luminance(frame: BgrImage) -> float:
    means = cv2.mean(frame)
    return sum(weight * mean for weight, mean in zip(_BGR_LUMA, means, strict=False))


def is_settled(means: Sequence[float]) -> bool:
    """Return whether automatic exposure has settled, given the mean luminances of all frames discarded so far."""
    if len(means) < MIN_DISCARDED:
        return False
    latest = means[-SETTLED_FRAMES:]
    return max(latest) - min(latest) <= SETTLED_CHANGE * max(*latest, 1.0)


def tenengrad(frame: BgrImage) -> float:
    """Compute the mean squared Sobel gradient of the grey picture (Tenengrad; E. Krotkov, "Focusing", IJCV 1, 1987).

    A Gaussian of one pixel goes first, so that noise does not pass for detail. Compare shots of the *same* scene only:
    measured, real sharp photographs range over a factor of 40, and noise raises it. An absolute judgement of focus
    needs the known edges of the mat's markers.
    """
    grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
    calm = cv2.GaussianBlur(grey, (0, 0), _DENOISE_SIGMA)
    across = cv2.Sobel(calm, cv2.CV_32F, 1, 0)
    down = cv2.Sobel(calm, cv2.CV_32F, 0, 1)
    return float(np.mean(across * across + down * down))


def sharpest(frames: Sequence[BgrImage]) -> int:
    """Find the index of the sharpest frame of a burst, the earliest of equals; raises ValueError for an empty burst."""
    scores = [tenengrad(frame) for frame in frames]
    return scores.index(max(scores))


def sharpest_edge_px(frame: BgrImage) -> float | None:
    """Estimate the 10 to 90 % rise in pixels of a picture's sharpest strong edges; None when it has none.

    Divide the step of a block by its steepest slope: 2.5 sigma for a Gaussian edge. Coarser than measuring the edges of
    a marker; good only to detect that nothing is in focus.
    """
    grey = cv2.GaussianBlur(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), (0, 0), _DENOISE_SIGMA)
    rows, columns = (side // _EDGE_BLOCK_PX * _EDGE_BLOCK_PX for side in grey.shape)
    if not rows or not columns:
        return None
    slope = cv2.magnitude(*(cv2.Sobel(grey, cv2.CV_32F, *way, scale=1 / 8) for way in ((1, 0), (0, 1))))
    steepest = _blocks(slope[:rows, :columns]).max(axis=(1, 3))
    calm = _blocks(grey[:rows, :columns])
    step = calm.max(axis=(1, 3)).astype(np.float32) - calm.min(axis=(1, 3))
    strong = step >= _EDGE_STEP
    if np.count_nonzero(strong) < _EDGE_BLOCKS:
        return None
    return float(np.percentile(step[strong] / np.maximum(steepest[strong], 1e-3), 10))


def _blocks(plane: NDArray[Any]) -> NDArray[Any]:
    rows, columns = (side // _EDGE_BLOCK_PX for side in plane.shape)
    return plane.reshape(rows, _EDGE_BLOCK_PX, columns, _EDGE_BLOCK_PX)
