"""Faults that keep a source from giving a usable picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from kiosk.devices.camera.child.ports import Burst
from kiosk.devices.ports import CameraFault
from kiosk.photo.arrays import BgrImage
from kiosk.photo.frame_check import FrameDefect, find_content_defect, sharpest

_BLACK_MESSAGE = "The picture of the camera at {path} is black: take off the lens cap and switch on the lamp."
_FLAT_MESSAGE = (
    "The camera at {path} shows one flat color: take away what covers the lens, then plug the camera in again."
)


class UnreadablePicture(CameraFault):
    """A file that cannot be decoded within the limits; its code is ``format``."""


def require_content(frame: BgrImage, path: str) -> None:
    """Raise CameraFault when the frame is black, flat or constant."""
    defect = find_content_defect(frame)
    if defect is FrameDefect.BLACK:
        raise CameraFault("black", _BLACK_MESSAGE.format(path=path))
    if defect is not None:
        raise CameraFault("broken", _FLAT_MESSAGE.format(path=path))


@contextmanager
def closing_on_failure(close: Callable[[], None]) -> Iterator[None]:
    """Close a camera that has failed: the next shot opens it again, as if it had been plugged in again."""
    try:
        yield
    except Exception:
        close()
        raise


def require_live(frames: Sequence[BgrImage], message: str) -> None:
    """Raise CameraFault frozen for identical frames: a live sensor's noise never repeats, a covered one's may."""
    if find_content_defect(frames[0]) is None and all(np.array_equal(frames[0], frame) for frame in frames[1:]):
        raise CameraFault("frozen", message)


def burst_of(frames: list[BgrImage]) -> Burst:
    frame = frames.pop(sharpest(frames))
    return Burst(frame, tuple(frames))
