"""A serial port: opened exclusively, read without waiting, and noticed when it disconnects."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

import serial

from kiosk.devices.scale.line.ports import BacklogDiscarded, PortDisconnected
from kiosk.protocols.scales.shared.protocol import LineSettings

# The kernel returns at most 4095 bytes at once and queues up to 64 KiB behind them. A drain about as long as that is
# the oldest part of a backlog: its newest frame is out of date and not the load on the pan.
BACKLOG_BYTES = 4000
_PSEUDO_TERMINALS = "/dev/pts/"


class SerialPort:
    """One open serial port, empty at first: opening flushes what the kernel kept from before.

    A pseudo-terminal (socat, ser2net, a simulator) has no line: the kernel takes 8N1 only, and so it is opened.
    Raises OSError (pyserial's SerialException is one), termios.error or ValueError when it cannot be opened.
    """

    poll_interval_s: float | None = None
    opening = False
    wants_write = False

    def __init__(self, path: str, line: LineSettings) -> None:
        self._path = path
        if os.path.realpath(path).startswith(_PSEUDO_TERMINALS):
            line = LineSettings(line.baud)
        self._serial = serial.Serial(
            path, line.baud, line.bytesize, line.parity, line.stopbits, timeout=0, exclusive=True
        )

    def fileno(self) -> int:
        return int(self._serial.fileno())

    def drain(self) -> list[bytes]:
        """Read as `LinePort.drain`. pyserial sets VMIN and VTIME to 0, so an empty read means "nothing more", but after
        readiness it means that the device has hung up.
        """
        data = self._read(BACKLOG_BYTES)
        if not data:
            raise PortDisconnected("it was hung up")
        while len(data) < BACKLOG_BYTES and (more := self._read(BACKLOG_BYTES - len(data))):
            data += more
        if len(data) >= BACKLOG_BYTES:
            self.discard()
            raise BacklogDiscarded
        return [data]

    def _read(self, max_bytes: int) -> bytes:
        try:
            return os.read(self.fileno(), max_bytes)
        except OSError as error:
            raise PortDisconnected(error.strerror or str(error)) from error

    def write(self, data: bytes) -> None:
        write_whole(self.fileno(), data)

    def discard(self) -> None:
        try:
            self._serial.reset_input_buffer()
        except OSError as error:
            raise PortDisconnected(error.strerror or str(error)) from error

    def is_present(self) -> bool:
        return is_same_device(self._path, self.fileno())

    def close(self) -> None:
        with suppress(OSError):
            self._serial.close()


def write_whole(descriptor: int, data: bytes) -> None:
    """Write to a non-blocking descriptor. Raises PortDisconnected when the device does not take all bytes."""
    try:
        written = os.write(descriptor, data)
    except OSError as error:
        raise PortDisconnected(error.strerror or str(error)) from error
    if written < len(data):
        raise PortDisconnected("it takes no bytes")


def is_same_device(path: str, descriptor: int) -> bool:
    """Return whether the path still names the device that is open."""
    try:
        now, opened = Path(path).stat(), os.fstat(descriptor)
    except OSError:
        return False
    return (now.st_dev, now.st_ino, now.st_rdev) == (opened.st_dev, opened.st_ino, opened.st_rdev)


_NO_ROUTE = (
    errno.ECONNREFUSED,
    errno.ECONNRESET,
    errno.EHOSTUNREACH,
    errno.EHOSTDOWN,
    errno.ENETUNREACH,
    errno.ENETDOWN,
    errno.ETIMEDOUT,
)


def open_error_text(path: str, error: Exception) -> str:
    """Return one line for the user: which port, and what to do."""
    code = getattr(error, "errno", None)
    if code in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return f"The scale is not plugged in at {path}: check its cable."
    if code in (errno.EACCES, errno.EPERM):
        group = "kiosk, and look at the udev rule" if "hidraw" in path else "dialout"
        return f"No right to open the scale's port {path}: add this user to the group {group}."
    if code in (errno.EBUSY, errno.EAGAIN):
        return f"Another program uses the scale's port {path}: end that program."
    if code in _NO_ROUTE:
        return f"The scale's device server does not answer at {path}: check its power, network cable and address."
    return f"The scale's port {path} cannot be opened ({error}): check its settings, then its cable."
