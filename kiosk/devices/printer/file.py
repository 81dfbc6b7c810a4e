"""A printer behind a file: /dev/usb/lpN of the kernel's usblp, or a plain file or pipe that only takes bytes."""

from __future__ import annotations

import os
import stat
from functools import partial
from pathlib import Path

import msgspec

from kiosk.devices.printer.channel import FdChannel
from kiosk.devices.printer.ports import ChannelBroken, PrinterChannel
from kiosk.devices.printer.profiles import PrinterProfile, profile
from kiosk.devices.printer.stream import StreamPrinter


class FilePrinter(StreamPrinter):
    """Opens the file for each job, never blocking and never creating it: an unplugged printer has no file.

    A device file is asked for its status like a network printer. A plain file or pipe has no way back: there the
    complete write is the proof and ``status`` is unknown. ``language`` as for TcpPrinter. Raises ProfileProblem.
    """

    def __init__(self, path: str | Path, language: str | PrinterProfile = "tspl") -> None:
        self._path = Path(path)
        row = profile(language)
        if self._path.exists() and not self._path.is_char_device():
            row = msgspec.structs.replace(row, proof="write")
        super().__init__(row, str(path))

    def _open(self, until: float) -> PrinterChannel:
        del until  # opening with O_NONBLOCK does not wait
        access = os.O_WRONLY | os.O_APPEND if self.proof == "write" else os.O_RDWR
        try:
            fd = os.open(self._path, access | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        except OSError as error:
            raise ChannelBroken(error.strerror or str(error)) from error
        if self.proof != "write" and not stat.S_ISCHR(os.fstat(fd).st_mode):
            os.close(fd)
            raise ChannelBroken("it is not a device file")
        return FdChannel(fd, partial(os.close, fd), empty_read_is_end=False)
