"""A barcode scanner in keyboard mode, read beside the screen's back: grabbed, decoded here, never typed anywhere."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from fcntl import ioctl
from pathlib import Path

from kiosk.devices.scanner.keyboards import DeviceList, InputDevice, second_keyboards
from kiosk.devices.scanner.keys import NATIVE, KeyDecoder
from kiosk.devices.scanner.ports import InputSystem
from kiosk.devices.scanner.reader import is_device_name
from kiosk.devices.scanner.report import OK, SECOND_KEYBOARD, ScanReporter
from kiosk.protocols.barcodes.refusal import RefusedScan, ScanRefusal

# _IOW('E', 0x90, int) of linux/input.h, on every architecture this runs on: from now on only this reader gets keys.
EVIOCGRAB = 0x40044590
# A multiple of both layouts of an event, so that no read of what is thrown away ends inside one.
_WHOLE_EVENTS = 24 * 16 * 10
_SECOND_KEYBOARD = RefusedScan(ScanRefusal.SECOND_KEYBOARD, "another keyboard is plugged in")


class EvdevDevice:
    """An event node. While another keyboard is plugged in, every scan is refused and the state reports it."""

    read_bytes = NATIVE.size * 64

    def __init__(self, port: str, report: ScanReporter, system: InputSystem | None = None) -> None:
        self.path = Path(port)
        self._report = report
        self._system = system or input_system(port)
        self._node = ""
        self._decoder = KeyDecoder()

    def open(self) -> int:
        """Open and grab the device; raises OSError."""
        self._node = self.path.resolve(strict=True).name
        return self._system.open(self.path)

    def begin(self, descriptor: int) -> None:
        """Check for a second keyboard. Raises OSError or ValueError when the keyboards cannot be determined."""
        self._decoder = KeyDecoder()
        self._is_alone()

    def on_reads(self, reads: Sequence[bytes], waited_s: float) -> None:
        for data in reads:
            for typed in self._decoder.feed(data, waited_s):
                if typed.refused:
                    self._report.refused(typed.refused)
                elif not self._is_alone():
                    self._report.refused(_SECOND_KEYBOARD)
                else:
                    self._report.scan(typed.text.encode("ascii"))

    def idle(self) -> None:
        """Check for a second keyboard, however seldom something is scanned."""
        self._is_alone()

    def _is_alone(self) -> bool:
        alone = not second_keyboards(self._system.devices(self.path), self._node)
        self._report.state(OK if alone else SECOND_KEYBOARD)
        return alone


class LinuxInput:
    """Event nodes of the kernel. A grab that fails is a device that is not there: its keys would reach the screen."""

    def __init__(self) -> None:
        self.listed = DeviceList()

    def open(self, path: Path) -> int:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        try:
            ioctl(descriptor, EVIOCGRAB, 1)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    def devices(self, path: Path) -> tuple[InputDevice, ...]:
        return self.listed.read(Path("/sys/class/input"))


class PipeInput:
    """A named pipe with key events, as the bench and the tests make one, and beside it a folder ``class`` like sysfs.

    Nothing else on the machine reads a pipe as a keyboard, so there is nothing to grab.
    """

    def __init__(self) -> None:
        self.listed = DeviceList()

    def open(self, path: Path) -> int:
        """Open a pipe without what was typed before, as a device does. Raises OSError for anything else."""
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
                raise OSError(f"{path} is no pipe: an input device needs its name below /dev")
            with suppress(BlockingIOError):
                while os.read(descriptor, _WHOLE_EVENTS):
                    pass
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    def devices(self, path: Path) -> tuple[InputDevice, ...]:
        return self.listed.read(path.resolve().parent / "class")


def input_system(port: str) -> InputSystem:
    """Return the kernel's devices for any device name below /dev: none of them is read without being grabbed."""
    return LinuxInput() if is_device_name(port) else PipeInput()
