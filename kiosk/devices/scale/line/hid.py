"""A USB HID scale through the kernel's hidraw: one input report a read, no line settings."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress

from kiosk.devices.scale.line.ports import BacklogDiscarded, PortDisconnected
from kiosk.devices.scale.line.serial_port import is_same_device, write_whole

_REPORT_BYTES = 64  # Reports of a full-speed device are no longer
_BACKLOG_REPORTS = 60  # hidraw keeps 64 reports for each reader and drops newer ones: so many at once are history


class HidPort:
    """One open hidraw device, locked against a second kiosk program: the kernel itself would let both read.

    The first report after opening may be older than the opening (the scale fell asleep with it) and is dropped.
    Raises OSError.
    """

    poll_interval_s: float | None = None
    opening = False
    wants_write = False

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        self._first = True
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._descriptor)
            raise

    def fileno(self) -> int:
        return self._descriptor

    def drain(self) -> list[bytes]:
        reports: list[bytes] = []
        while len(reports) < _BACKLOG_REPORTS:
            report = self._read()
            if report is None:
                break
            if not report:
                raise PortDisconnected("it was hung up")
            reports.append(report)
        if len(reports) >= _BACKLOG_REPORTS:
            self.discard()
            raise BacklogDiscarded
        if reports and self._first:
            self._first = False
            return reports[1:]
        return reports

    def _read(self) -> bytes | None:
        try:
            return os.read(self._descriptor, _REPORT_BYTES)
        except BlockingIOError:
            return None
        except OSError as error:
            raise PortDisconnected(error.strerror or str(error)) from error

    def write(self, data: bytes) -> None:
        """Send one output report, its number first, on a descriptor of its own: reading needs no right to write."""
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        except OSError as error:
            raise PortDisconnected(error.strerror or str(error)) from error
        try:
            write_whole(descriptor, data)
        finally:
            os.close(descriptor)

    def discard(self) -> None:
        for _ in range(_BACKLOG_REPORTS * 2):
            if not self._read():
                return

    def is_present(self) -> bool:
        return is_same_device(self._path, self._descriptor)

    def close(self) -> None:
        with suppress(OSError):
            os.close(self._descriptor)
