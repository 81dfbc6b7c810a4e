"""The controls of a Video4Linux camera: mains frequency, exposure and white balance.

Numbers are those of linux/videodev2.h and linux/v4l2-controls.h. The kernel lets a second descriptor of the same device
set controls while OpenCV's own reads the frames.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import struct
from enum import IntEnum
from typing import Final

from kiosk.devices.camera.child.ports import Ioctl

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
    """The exposure nearest to ``units`` of 100 us in which lamps on the mains shine whole numbers of times.

    ``mean`` is the mean grey level that ``units`` give. Where the step above would be bright, it is the one below;
    below the shortest step it is ``units`` unchanged, and lamps may leave stripes.
    """
    step = _UNITS_PER_S / (2 * mains_hz)
    below = int(units / step)
    steps = below + 1 if units * units > below * (below + 1) * step * step else below
    if steps > below and mean * (steps * step / units) ** (1 / _GAMMA) > BRIGHT_MEAN:
        steps = below
    return round(steps * step) if steps else units


class ExposureControls:
    """Of one open camera. A control that it does not have is skipped; one line of the log names all of them.

    After a fault of the device nothing is raised here: the next frame tells.
    """

    def __init__(self, path: str, mains_hz: int, ioctl: Ioctl = fcntl.ioctl) -> None:
        self._path, self._mains_hz, self._ioctl = path, mains_hz, ioctl
        self._descriptor = _open(path)
        self._unsupported: set[Control] = set()
        self._logged: set[str] = set()

    def begin(self) -> None:
        """Mains frequency, and everything automatic: whoever was killed during a shot has left it fixed."""
        self._set(Control.POWER_LINE_FREQUENCY, _MAINS[self._mains_hz])
        self.release()

    def fix(self, mean: float) -> float | None:
        """Keep exposure and white balance as they are now, at mean grey level ``mean``.

        The mean grey level to expect of the frames that follow; None when the camera lets nothing be kept.
        """
        expected = self._fix_exposure(mean)
        fixed = self._set(Control.AUTO_WHITE_BALANCE, 0)
        if self._unsupported:
            titles = ", ".join(sorted(_TITLES[control] for control in self._unsupported))
            self._log_once(_NO_CONTROL_MESSAGE, titles)
        return mean if expected is None and fixed else expected

    def abandon(self) -> None:
        """Automatic again, for the frames are not lit as expected."""
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
        units = self._get(Control.EXPOSURE_ABSOLUTE)
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

    def _get(self, control: Control) -> int | None:
        return self._ioctl_control(_G_CTRL, control, 0)

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


def _open(path: str) -> int:
    """-1 for a device that is gone again: reading a frame tells so."""
    try:
        return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return -1
