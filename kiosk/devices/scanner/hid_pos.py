"""A barcode scanner in HID POS mode on the kernel's hidraw, or a socket on the bench: one report a read, and no key."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Sequence
from fcntl import LOCK_EX, LOCK_NB, flock, ioctl
from pathlib import Path
from typing import Final

from kiosk.devices.scanner.ports import HidSystem
from kiosk.devices.scanner.reader import MAX_READS, is_device_name
from kiosk.devices.scanner.report import OK, ScanReporter
from kiosk.protocols.barcodes.hid_pos import MAX_DESCRIPTOR, MAX_REPORT, HidScan, ReportDecoder, read_descriptor

HIDIOCGRDESCSIZE: Final = 0x80044801
# _IOR('H', 1, int) and _IOR('H', 2, struct hidraw_report_descriptor) of linux/hidraw.h.
HIDIOCGRDESC: Final = 0x90044802
# All that hidraw keeps for a reader: behind it reports may be missing, and two codes would run into one.
_BACKLOG: Final = MAX_READS - 1
# Behind the name of a simulated device's socket: the file with its report descriptor.
DESCRIPTION: Final = ".descriptor"


class HidPosDevice:
    """Half a code is never used: a lost or cut part refuses the code and the rest of it."""

    read_bytes = MAX_REPORT

    def __init__(self, port: str, report: ScanReporter, system: HidSystem | None = None) -> None:
        self.path = Path(port)
        self._report = report
        self._system = system or hid_system(port)
        self._decoder: ReportDecoder | None = None

    def open(self) -> int:
        return self._system.open(self.path)

    def begin(self, descriptor: int) -> None:
        """Read the descriptor. Raises BadDescriptor for what is no scanner in HID POS mode, a keyboard above all."""
        self._decoder = ReportDecoder(read_descriptor(self._system.descriptor(self.path, descriptor)))
        self._report.state(OK)

    def on_reads(self, reads: Sequence[bytes], waited_s: float) -> None:
        assert self._decoder is not None
        if len(reads) >= _BACKLOG:
            self._report_scan(self._decoder.discard_incomplete("more reports lay there than are kept"))
            return
        for data in reads:
            for scan in self._decoder.feed(data, waited_s):
                self._report_scan(scan)
            for scan in self._decoder.end_of_read():
                self._report_scan(scan)

    def idle(self) -> None:
        """Do nothing: the read fails when the device is pulled out."""

    def _report_scan(self, scan: HidScan) -> None:
        if scan.refused:
            self._report.refused(scan.refused)
        else:
            self._report.scan(scan.code)


class LinuxHid:
    """hidraw nodes of the kernel. Reading needs no right to write, and no root: udev gives the group."""

    def open(self, path: Path) -> int:
        """Open and lock against a second kiosk program: the kernel itself would let both read."""
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        try:
            if not stat.S_ISCHR(os.fstat(descriptor).st_mode):
                raise OSError(f"{path} is no device")
            flock(descriptor, LOCK_EX | LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    def descriptor(self, path: Path, opened: int) -> bytes:
        """Ask the kernel for the descriptor; raises OSError for everything that is no hidraw node."""
        size = bytearray(4)
        ioctl(opened, HIDIOCGRDESCSIZE, size, True)
        length = min(int.from_bytes(size, "little"), MAX_DESCRIPTOR)
        answer = bytearray(length.to_bytes(4, "little") + bytes(MAX_DESCRIPTOR))
        ioctl(opened, HIDIOCGRDESC, answer, True)
        return bytes(answer[4 : 4 + length])


class SocketHid:
    """A socket that keeps messages apart (SOCK_SEQPACKET), as the bench and the tests make one."""

    def open(self, path: Path) -> int:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK) as link:
            link.connect(str(path))
            return link.detach()

    def descriptor(self, path: Path, opened: int) -> bytes:
        with path.with_name(path.name + DESCRIPTION).open("rb") as file:
            return file.read(MAX_DESCRIPTOR + 1)


def hid_system(port: str) -> HidSystem:
    return LinuxHid() if is_device_name(port) else SocketHid()
