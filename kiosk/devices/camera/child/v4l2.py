"""A USB camera on Video4Linux, through OpenCV.

Facts behind the order of calls: a typical 1080p webcam gives 30 frames a second as MJPG and 5 as YUYV, so the format
is asked for before the size and the rate; ``set`` may return True and do nothing, so everything is read back and the
first frame is measured; a missing device is no exception, only a capture that is not open.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import cv2
import numpy as np

from kiosk.devices.camera.child.content import refuse_empty
from kiosk.devices.camera.child.ports import Burst, Capture
from kiosk.devices.ports import CameraFault
from kiosk.photo.arrays import BgrImage
from kiosk.photo.frame_check import find_content_defect, has_shape, is_settled, mean_luminance, sharpest

FOURCC = "MJPG"
FRAMES_PER_SECOND = 30
SETTLE_CAP_S = 2.0
BURST = 3
_BAD_READS = 3
"""In a row. The first frame of a stream is often damaged; a camera that is gone fails every time."""


def open_v4l2(path: str) -> Capture:
    """OpenCV's capture on a device path, Video4Linux only: a path is never taken for a file or an address."""
    return cast(Capture, cv2.VideoCapture(path, cv2.CAP_V4L2))


class V4l2Source:
    """A picture source. The device stays open between shots, so that its exposure stays settled."""

    def __init__(
        self,
        path: str,
        width: int,
        height: int,
        open_capture: Callable[[str], Capture],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._width = width
        self._height = height
        self._open_capture = open_capture
        self._clock = clock
        self._capture: Capture | None = None

    @property
    def path(self) -> str:
        return self._path

    def shoot(self) -> BgrImage:
        """Let exposure settle, take a burst, keep the sharpest. Raises CameraFault; the device is closed then."""
        with self._closing_on_failure():
            frame = self._burst().frame
            refuse_empty(frame, self._path)
            return frame

    def burst(self) -> Burst:
        """The same with the frames beside it, whatever they show. Raises CameraFault; the device is closed then."""
        with self._closing_on_failure():
            return self._burst()

    @contextmanager
    def _closing_on_failure(self) -> Iterator[None]:
        try:
            yield
        except Exception:
            self.close()
            raise

    def _burst(self) -> Burst:
        capture = self._opened()
        means = self._settle(capture)
        burst = [self._read(capture) for _ in range(BURST)]
        self._refuse_repeated(means, burst)
        frame = burst.pop(sharpest(burst))
        return Burst(frame, tuple(burst))

    def close(self) -> None:
        """Free the device."""
        capture, self._capture = self._capture, None
        if capture is not None:
            capture.release()

    def _opened(self) -> Capture:
        if self._capture is not None:
            return self._capture
        if not Path(self._path).exists():
            raise CameraFault("missing", f"There is no camera at {self._path}: plug it in.")
        self._capture = self._open_capture(self._path)
        if not self._capture.isOpened():
            raise CameraFault(
                "missing",
                f"The camera at {self._path} cannot be opened: close other programs that use it, or plug it in again.",
            )
        self._ask_format(self._capture)
        return self._capture

    def _ask_format(self, capture: Capture) -> None:
        capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*FOURCC))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, self._width)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, self._height)
        capture.set(cv2.CAP_PROP_FPS, FRAMES_PER_SECOND)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        fourcc = int(capture.get(cv2.CAP_PROP_FOURCC))
        width, height = (int(capture.get(side)) for side in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
        if (fourcc, width, height) != (cv2.VideoWriter.fourcc(*FOURCC), self._width, self._height):
            raise self._wrong_format(f"{_fourcc_text(fourcc)} {width} x {height}")
        first = self._read(capture)
        if not has_shape(first, self._width, self._height):
            raise self._wrong_format("frames of " + " x ".join(str(side) for side in first.shape))

    def _wrong_format(self, given: str) -> CameraFault:
        return CameraFault(
            "format",
            f"The camera at {self._path} gives {given} instead of {FOURCC} {self._width} x {self._height}: "
            "set a size that 'v4l2-ctl --list-formats-ext' lists for it.",
        )

    def _settle(self, capture: Capture) -> list[float]:
        cap = self._clock() + SETTLE_CAP_S
        means: list[float] = []
        while not is_settled(means) and self._clock() < cap:
            means.append(mean_luminance(self._read(capture)))
        return means

    def _read(self, capture: Capture) -> BgrImage:
        for _ in range(_BAD_READS):
            taken, frame = capture.read()
            if taken and isinstance(frame, np.ndarray):
                return cast(BgrImage, frame)
        if not Path(self._path).exists():
            raise CameraFault("missing", f"The camera at {self._path} is gone: plug it in again.")
        raise CameraFault("broken", f"The camera at {self._path} sends no frames: unplug it, plug it in again.")

    def _refuse_repeated(self, means: list[float], burst: list[BgrImage]) -> None:
        # A live sensor never gives the same frame a dozen times over, noise included; a covered one may.
        if find_content_defect(burst[0]) is not None:
            return
        if len(set(means)) == 1 and len(means) > 1 and all(np.array_equal(burst[0], frame) for frame in burst[1:]):
            raise CameraFault("frozen", f"The camera at {self._path} repeats one frame: unplug it, plug it in again.")


def _fourcc_text(code: int) -> str:
    characters = (code >> shift & 0xFF for shift in (0, 8, 16, 24))
    return "".join(chr(byte) if 0x20 < byte < 0x7F else "?" for byte in characters)
