"""A USB camera on Video4Linux, through OpenCV.

Facts behind the order of calls: a typical 1080p webcam gives 30 frames a second as MJPG and 5 as YUYV, so the format
is asked for before the size and the rate; ``set`` may return True and do nothing, so everything is read back and the
first frame is measured; a missing device is no exception, only a capture that is not open.

Exposure and white balance settle by themselves and then stay as they are for the time of a burst, so that its frames
are alike and lamps on the mains leave no stripes.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import cv2
import numpy as np

from kiosk.devices.camera.child.controls import ExposureControls
from kiosk.devices.camera.child.faults import closing_on_failure, require_content
from kiosk.devices.camera.child.ports import Burst, Capture, Ioctl
from kiosk.devices.camera.settings import CameraSettings
from kiosk.devices.ports import CameraFault
from kiosk.photo.arrays import BgrImage
from kiosk.photo.frame_check import find_content_defect, has_shape, is_settled, mean_luminance, sharpest

FOURCC = "MJPG"
FRAMES_PER_SECOND = 30
MAX_SETTLE_S = 2.0
BURST = 3
CONTROL_LAG_FRAMES = 4  # Frames that are on their way when a control is set, or have waited since the look before
# How far frames may be from the light that is expected: what the curve of a camera and moving hands do.
_MAX_RELATIVE_DEVIATION, _MAX_LEVEL_DEVIATION = 0.3, 12.0
_MAX_BAD_READS = 3  # In a row. The first frame of a stream is often damaged; a camera that is gone fails every time.


def open_v4l2(path: str) -> Capture:
    """OpenCV's capture on a device path, Video4Linux only: a path is never taken for a file or an address."""
    return cast(Capture, cv2.VideoCapture(path, cv2.CAP_V4L2))


class V4l2Source:
    """A picture source. The device stays open between shots, so that its exposure stays settled."""

    def __init__(
        self,
        settings: CameraSettings,
        open_capture: Callable[[str], Capture],
        clock: Callable[[], float] = time.monotonic,
        ioctl: Ioctl = fcntl.ioctl,
    ) -> None:
        self._path, self._width, self._height = settings.path, settings.width, settings.height
        self._mains_hz = settings.mains_hz
        self._open_capture = open_capture
        self._clock = clock
        self._ioctl = ioctl
        self._opened: tuple[Capture, ExposureControls] | None = None
        self._exposure_fixed = False

    @property
    def path(self) -> str:
        return self._path

    def shoot(self) -> BgrImage:
        """Let exposure settle, take a burst, keep the sharpest. Raises CameraFault; the device is closed then."""
        with closing_on_failure(self.close):
            frame = self._burst().frame
            require_content(frame, self._path)
            return frame

    def burst(self) -> Burst:
        """The same with the frames beside it, whatever they show. Raises CameraFault; the device is closed then."""
        with closing_on_failure(self.close):
            return self._burst()

    def live_frame(self) -> BgrImage:
        """The newest frame; exposure goes on by itself between looks, and has settled once the device is opened.

        Raises CameraFault; the device is closed then.
        """
        with closing_on_failure(self.close):
            if self._opened is None:
                self._settle(self._open()[0])
            capture, _ = self._open()
            for _ in range(CONTROL_LAG_FRAMES):
                capture.grab()
            return self._read(capture)

    def fix_exposure(self) -> None:
        """Raises CameraFault; the device is closed then. A fault of a later shot unlocks, too."""
        with closing_on_failure(self.close):
            capture, controls = self._open()
            controls.release()
            _, self._exposure_fixed = self._settle_and_fix(capture, controls)

    def release_exposure(self) -> None:
        self._exposure_fixed = False
        if self._opened is not None:
            self._opened[1].release()

    def _burst(self) -> Burst:
        capture, controls = self._open()
        if self._exposure_fixed:
            means = self._means(capture, CONTROL_LAG_FRAMES)
        else:
            means, _ = self._settle_and_fix(capture, controls)
        burst = [self._read(capture) for _ in range(BURST)]
        if not self._exposure_fixed:
            controls.release()
        self._refuse_repeated(means, burst)
        frame = burst.pop(sharpest(burst))
        return Burst(frame, tuple(burst))

    def _settle_and_fix(self, capture: Capture, controls: ExposureControls) -> tuple[list[float], bool]:
        """Means of what was read, and whether exposure or white balance are fixed."""
        means = self._settle(capture)
        expected = controls.fix(means[-1])
        if expected is None:
            return means, False
        fixed = self._means(capture, CONTROL_LAG_FRAMES)
        if abs(fixed[-1] - expected) <= max(_MAX_RELATIVE_DEVIATION * expected, _MAX_LEVEL_DEVIATION):
            return [*means, *fixed], True
        controls.abandon()
        return self._settle(capture), False

    def close(self) -> None:
        opened, self._opened = self._opened, None
        self._exposure_fixed = False
        if opened is not None:
            capture, controls = opened
            controls.release()
            controls.close()
            capture.release()

    def _open(self) -> tuple[Capture, ExposureControls]:
        if self._opened is not None:
            return self._opened
        if not Path(self._path).exists():
            raise CameraFault("missing", f"There is no camera at {self._path}: plug it in.")
        capture = self._open_capture(self._path)
        try:
            self._negotiate_format(capture)
        except Exception:
            capture.release()
            raise
        controls = ExposureControls(self._path, self._mains_hz, self._ioctl)
        controls.begin()
        self._opened = capture, controls
        return self._opened

    def _negotiate_format(self, capture: Capture) -> None:
        if not capture.isOpened():
            raise CameraFault(
                "missing",
                f"The camera at {self._path} cannot be opened: close other programs that use it, or plug it in again.",
            )
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

    def _means(self, capture: Capture, count: int) -> list[float]:
        return [mean_luminance(self._read(capture)) for _ in range(count)]

    def _settle(self, capture: Capture) -> list[float]:
        cap = self._clock() + MAX_SETTLE_S
        means: list[float] = []
        while not means or (not is_settled(means) and self._clock() < cap):
            means.append(mean_luminance(self._read(capture)))
        return means

    def _read(self, capture: Capture) -> BgrImage:
        for _ in range(_MAX_BAD_READS):
            ok, frame = capture.read()
            if ok and isinstance(frame, np.ndarray):
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
