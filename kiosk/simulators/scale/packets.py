"""Lines that carry packets instead of a stream: the reports of a USB HID scale, the conversions of an HX711.

Both are a named pipe in packet mode (pipe(7), O_DIRECT): one write is one read, as with hidraw. What differs from the
kernel's hidraw: the pipe keeps 16 pages and drops the oldest when they are full, hidraw keeps 64 reports and drops the
newest; a pipe answers no ioctl; what a station writes is not carried to the scale; there is one reader.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from kiosk.simulators.scale.line import garbled

# The first byte of a conversion's packet: whether a pulse is too long while it is read.
STRETCHED, WHOLE = b"\x01", b"\x00"
_PACKET = 4096


class ReportLine:
    """A file that gives one report a read. ``link`` is its place; without one it has a folder of its own."""

    def __init__(self, link: Path | None) -> None:
        self.slow = False
        self._folder = tempfile.TemporaryDirectory(prefix="scale-") if link is None else None
        self._file = link or Path(self._folder.name if self._folder else ".") / "scale"
        self._reader = self._writer = -1

    @property
    def plugged(self) -> bool:
        return self._writer >= 0

    @property
    def path(self) -> str:
        return str(self._file)

    def plug(self) -> None:
        """Make the pipe; one that a killed simulator left is replaced. Raises FileExistsError for another file."""
        if self._file.is_fifo():
            self._file.unlink()
        elif self._file.exists() or self._file.is_symlink():
            raise FileExistsError(f"{self._file} is not a simulated scale: give another path.")
        os.mkfifo(self._file)
        # Without a reader a pipe cannot be opened for writing; this one also drops the oldest when it is full.
        self._reader = os.open(self._file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        self._writer = os.open(self._file, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        fcntl.fcntl(self._writer, fcntl.F_SETFL, fcntl.fcntl(self._writer, fcntl.F_GETFL) | os.O_DIRECT)

    def unplug(self) -> None:
        """The file goes away, and whoever has it open gets its end."""
        if self.plugged:
            self._file.unlink(missing_ok=True)
            os.close(self._writer)
            os.close(self._reader)
            self._reader = self._writer = -1

    def close(self) -> None:
        self.unplug()
        if self._folder is not None:
            self._folder.cleanup()

    def descriptors(self) -> tuple[int, ...]:
        return ()

    def read(self) -> bytes:
        return b""

    def write(self, data: bytes) -> None:
        """One report. USB has no speed to be wrong: with "low-baud" nothing is sent."""
        if self.slow:
            return
        for _ in range(2):
            try:
                os.write(self._writer, data)
                return
            except BlockingIOError:
                with suppress(BlockingIOError):
                    os.read(self._reader, _PACKET)

    def damaged(self, frame: bytes) -> bytes:
        return garbled(frame)


class ConversionLine(ReportLine):
    """The same for an HX711: the reader is ``SimulatedHx711``, which plays the two pins of the converter."""

    @property
    def path(self) -> str:
        return f"gpio:{self._file}"

    def write(self, data: bytes) -> None:
        """One conversion of three bytes; a broken-off one is none."""
        if len(data) == 3:
            super().write(WHOLE + data)
        elif data.startswith(STRETCHED):
            super().write(data)

    def damaged(self, frame: bytes) -> bytes:
        return STRETCHED + frame
