"""Lines that carry packets instead of a stream: the reports of a USB HID scale, the conversions of an HX711.

Both are a named pipe in packet mode (pipe(7), O_DIRECT): one write is one read, as with hidraw. What differs from the
kernel's hidraw: the pipe keeps 16 pages and drops the oldest when they are full, hidraw keeps 64 reports and drops the
newest; a pipe answers no ioctl; what a station writes is not carried to the scale; there is one reader.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from kiosk.simulators.scale.line import garbled

# The first byte of a conversion's packet: whether a pulse is too long while it is read.
STRETCHED, WHOLE = b"\x01", b"\x00"
_PACKET = 4096


class ReportLine:
    """A file that gives one report per read, at ``link``; without it in a temporary folder."""

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
        """Make the pipe; replace one left by a killed simulator. Raises FileExistsError for another file."""
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
        """Remove the file; a program that has it open reads its end."""
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
        """Write one report. USB has no wrong speed: with "low-baud" nothing is sent."""
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
        """Write one conversion of three bytes; drop a broken-off one."""
        if len(data) == 3:
            super().write(WHOLE + data)
        elif data.startswith(STRETCHED):
            super().write(data)

    def damaged(self, frame: bytes) -> bytes:
        return STRETCHED + frame


_PULSE_NS = 2_000
_STRETCHED_NS = 70_000  # Beyond 60 µs the converter switches off (data sheet, "Power down")
_BITS = 24
_MAX_PACKETS = 1000


class Hx711Chip:
    """DOUT and SCK of a converter that gets its conversions from ``next_packet``: a mark and three bytes, or b"".

    DOUT is low when a conversion is ready, gives a bit a pulse, and is high after the 25th. Pulses beyond choose input
    and gain: ``gain`` is the one in force for the conversion that is read next, 128 after a power-down.
    """

    def __init__(self, next_packet: Callable[[], bytes]) -> None:
        self._next_packet = next_packet
        self._packet = b""
        self._pulses = 0
        self._high = False
        self._at = 0
        self.gain = 128
        self.gains: list[int] = []  # The gain of each conversion that was read, newest last; at most 100

    def data(self) -> bool:
        if 1 <= self._pulses <= _BITS:
            value = int.from_bytes(self._packet[1:4], "big")
            return bool(value >> (_BITS - self._pulses) & 1)
        if self._pulses > _BITS:
            self._finish()
        if not self._packet:
            self._packet = self._next_packet()
        return not self._packet

    def clock(self, high: bool) -> None:
        """Set SCK; a rising edge brings the next bit."""
        if high and not self._high:
            self._pulses += 1
        if self._high and not high:
            stretched = self._packet[:1] == STRETCHED and self._pulses == _BITS // 2
            self._at += _STRETCHED_NS if stretched else _PULSE_NS
        self._high = high

    def _finish(self) -> None:
        self.gains = [*self.gains[-99:], self.gain]
        requested_gain = {25: 128, 26: 32, 27: 64}.get(self._pulses, 128)
        self.gain = 128 if self._packet[:1] == STRETCHED else requested_gain
        self._packet, self._pulses = b"", 0

    def now_ns(self) -> int:
        """Return the chip's own time: a pulse takes 2 µs."""
        return self._at

    def close(self) -> None: ...


class SimulatedHx711(Hx711Chip):
    """The same on the conversions of a ``ConversionLine`` at this path. Raises OSError while it is unplugged."""

    def __init__(self, path: str) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        super().__init__(self._read)

    def _read(self) -> bytes:
        """Read the newest conversion: an unread converter replaces it with the next one."""
        newest = b""
        for _ in range(_MAX_PACKETS):
            try:
                packet = os.read(self._descriptor, 64)
            except BlockingIOError:
                break
            if not packet:
                raise OSError("the converter has been pulled off its pins")
            newest = packet
        return newest

    def close(self) -> None:
        os.close(self._descriptor)
