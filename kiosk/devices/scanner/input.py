"""How the keyboard scanner reaches its key events: the kernel's input devices, or a pipe on the bench."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from fcntl import ioctl
from pathlib import Path

from kiosk.devices.scanner.keyboards import DeviceList, InputDevice
from kiosk.devices.scanner.ports import InputSystem

# _IOW('E', 0x90, int) of linux/input.h, on every architecture this runs on: from now on only this reader gets keys.
EVIOCGRAB = 0x40044590

_MEMORY = Path("/dev", "shm")  # Below /dev, and no place of devices: a simulated one may lie there
# A multiple of both layouts of an event, so that no read of what is thrown away ends inside one.
_WHOLE_EVENTS = 24 * 16 * 10


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
        """Open; like a device, a pipe hands over nothing that was typed before. Raises OSError for anything else."""
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
    """The kernel for every name of a device below /dev; nothing there is ever read without being grabbed."""
    path = Path(port)
    return LinuxInput() if path.is_relative_to("/dev") and not path.is_relative_to(_MEMORY) else PipeInput()
