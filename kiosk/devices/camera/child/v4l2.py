"""A USB camera on Video4Linux, through OpenCV.

Facts behind the order of calls: a typical 1080p webcam gives 30 frames a second as MJPG and 5 as YUYV, so the format is
set before the size and the rate; ``set`` may return True and do nothing, so everything is read back and the first frame
is measured; a missing device raises no exception, its capture is just not open.

Exposure and white balance settle by themselves and are then fixed during a burst, so that its frames are alike and
lamps on the mains leave no stripes.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import struct
import time
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from typing import Final, cast

import cv2
import numpy as np

from kiosk.devices.camera.child.faults import burst_of, closing_on_failure, require_content, require_live
from kiosk.devices.camera.child.ports import Burst, Capture, Ioctl
from kiosk.devices.camera.settings import CameraSettings
from kiosk.devices.ports import CameraFault
from kiosk.photo.arrays import BgrImage
from kiosk.photo.frame_check import has_shape, is_settled, mean_luminance

FOURCC = "MJPG"
FRAMES_PER_SECOND = 30
MAX_SETTLE_S = 2.0
BURST = 3
CONTROL_LAG_FRAMES = 4  # Frames that are on their way when a control is set, or have waited since the look before
# How far frames may be from the light that is expected: what the curve of a camera and moving hands do.
_MAX_RELATIVE_DEVIATION, _MAX_LEVEL_DEVIATION = 0.3, 12.0
_MAX_BAD_READS = 3  # In a row. The first frame of a stream is often damaged; a missing camera fails every time.


def open_v4l2(path: str) -> Capture:
    """Open OpenCV's capture on a device path, Video4Linux only: a path is never taken for a file or an address."""
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
        """Take a burst, whatever it shows. Raises CameraFault; the device is closed then."""
        with closing_on_failure(self.close):
            return self._burst()

    def live_frame(self) -> BgrImage:
        """Return the newest frame; exposure is automatic between looks, and settles first when the device is opened.

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
        """Lock the exposure; a fault of a later shot unlocks it. Raises CameraFault; the device is closed then."""
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
        if len(set(means)) == 1 and len(means) > 1:
            require_live(burst, f"The camera at {self._path} repeats one frame: unplug it, plug it in again.")
        return burst_of(burst)

    def _settle_and_fix(self, capture: Capture, controls: ExposureControls) -> tuple[list[float], bool]:
        """Return the means of the frames read, and whether exposure or white balance are fixed."""
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


def _fourcc_text(code: int) -> str:
    characters = (code >> shift & 0xFF for shift in (0, 8, 16, 24))
    return "".join(chr(byte) if 0x20 < byte < 0x7F else "?" for byte in characters)


logger = logging.getLogger(__name__)
_G_CTRL, _S_CTRL = 0xC008561B, 0xC008561C
_CONTROL = struct.Struct("=Ii")  # struct v4l2_control: the number of the control, its value
# No such control, no controls at all, a value it has no place for, read only: none of them comes right by itself.
_UNSUPPORTED_ERRNOS = frozenset({errno.EINVAL, errno.ENOTTY, errno.ERANGE, errno.EACCES, errno.EPERM})
_MAINS: Final = {50: 1, 60: 2}
# V4L2_EXPOSURE_MANUAL; aperture priority, which is how UVC calls automatic, and V4L2_EXPOSURE_AUTO.
_MANUAL, _AUTOMATIC = 1, (3, 0)
_UNITS_PER_S = 10_000
BRIGHT_MEAN = 150.0  # Mean grey level from which white goods burn out: the mat's field is 119 when the light is right
_GAMMA = 2.2
_NO_CONTROL_MESSAGE = "The camera at %s has no control of %s: that is left as it is."
_STAYS_AUTOMATIC_MESSAGE = "The camera at %s takes %s: it stays automatic."
_SHORT_EXPOSURE_MESSAGE = (
    "The camera at %s exposes for %s, for the light is bright: lamps on the mains may leave stripes."
)


# Numbers of linux/videodev2.h and linux/v4l2-controls.h. The kernel lets a second descriptor of the same device set
# controls while OpenCV's own reads the frames.
class Control(IntEnum):
    AUTO_WHITE_BALANCE = 0x0098090C
    POWER_LINE_FREQUENCY = 0x00980918
    EXPOSURE_AUTO = 0x009A0901
    EXPOSURE_ABSOLUTE = 0x009A0902


# As `v4l2-ctl` lists them.
_TITLES: Final = {
    Control.AUTO_WHITE_BALANCE: "white_balance_automatic",
    Control.POWER_LINE_FREQUENCY: "power_line_frequency",
    Control.EXPOSURE_AUTO: "auto_exposure",
    Control.EXPOSURE_ABSOLUTE: "exposure_time_absolute",
}


def steady_exposure(units: int, mean: float, mains_hz: int) -> int:
    """Compute the exposure nearest to ``units`` of 100 us that holds whole flashes of lamps on the mains.

    ``mean`` is the mean grey level that ``units`` give. Where the step above would be bright, return the one below;
    below the shortest step, return ``units`` unchanged: lamps may leave stripes.
    """
    step = _UNITS_PER_S / (2 * mains_hz)
    below = int(units / step)
    steps = below + 1 if units * units > below * (below + 1) * step * step else below
    if steps > below and mean * (steps * step / units) ** (1 / _GAMMA) > BRIGHT_MEAN:
        steps = below
    return round(steps * step) if steps else units


class ExposureControls:
    """The exposure controls of one open camera. A missing control is skipped; one line of the log names all of them.

    After a fault of the device nothing is raised here: the next frame reports it.
    """

    def __init__(self, path: str, mains_hz: int, ioctl: Ioctl = fcntl.ioctl) -> None:
        self._path, self._mains_hz, self._ioctl = path, mains_hz, ioctl
        try:
            self._descriptor = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:  # the device is missing again: the next frame reports it
            self._descriptor = -1
        self._unsupported: set[Control] = set()
        self._logged: set[str] = set()

    def begin(self) -> None:
        """Set the mains frequency, and all else to automatic: a process killed during a shot left it fixed."""
        self._set(Control.POWER_LINE_FREQUENCY, _MAINS[self._mains_hz])
        self.release()

    def fix(self, mean: float) -> float | None:
        """Keep exposure and white balance as they are now, at mean grey level ``mean``.

        Return the mean grey level to expect of the frames that follow; None when the camera keeps neither.
        """
        expected = self._fix_exposure(mean)
        fixed = self._set(Control.AUTO_WHITE_BALANCE, 0)
        if self._unsupported:
            titles = ", ".join(sorted(_TITLES[control] for control in self._unsupported))
            self._log_once(_NO_CONTROL_MESSAGE, titles)
        return mean if expected is None and fixed else expected

    def abandon(self) -> None:
        """Return to automatic, for the frames are not as bright as expected."""
        self._log_once(_STAYS_AUTOMATIC_MESSAGE, "another exposure than it says")
        self.release()

    def release(self) -> None:
        if not self._set(Control.EXPOSURE_AUTO, _AUTOMATIC[0], needed=False):
            self._set(Control.EXPOSURE_AUTO, _AUTOMATIC[1])
        self._set(Control.AUTO_WHITE_BALANCE, 1)

    def close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _fix_exposure(self, mean: float) -> float | None:
        units = self._ioctl_control(_G_CTRL, Control.EXPOSURE_ABSOLUTE, 0)
        if units is None or units <= 0 or not self._set(Control.EXPOSURE_AUTO, _MANUAL):
            return None
        exposure = steady_exposure(units, mean, self._mains_hz)
        if not self._set(Control.EXPOSURE_ABSOLUTE, exposure):
            self.release()
            return None
        if exposure < round(_UNITS_PER_S / (2 * self._mains_hz)):
            self._log_once(_SHORT_EXPOSURE_MESSAGE, f"{exposure / 10:g} ms")
        return float(mean * (exposure / units) ** (1 / _GAMMA))

    def _log_once(self, line: str, what: str) -> None:
        if line not in self._logged:
            self._logged.add(line)
            logger.warning(line, self._path, what)

    def _set(self, control: Control, value: int, *, needed: bool = True) -> bool:
        return self._ioctl_control(_S_CTRL, control, value, needed=needed) is not None

    def _ioctl_control(self, request: int, control: Control, value: int, *, needed: bool = True) -> int | None:
        if control in self._unsupported or self._descriptor < 0:
            return None
        argument = bytearray(_CONTROL.pack(control, value))
        try:
            self._ioctl(self._descriptor, request, argument, True)
        except OSError as error:
            if needed and error.errno in _UNSUPPORTED_ERRNOS:
                self._unsupported.add(control)
            return None
        return int(_CONTROL.unpack(argument)[1])
