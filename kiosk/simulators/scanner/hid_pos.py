"""A scanner in HID POS mode: raw reports through a socket that keeps them apart, as the kernel's hidraw does.

The station's own adapter reads it unchanged, by ``kind = "hid_pos"`` and the socket as ``port``. The file with
``.descriptor`` behind that name holds what the device says of itself. Fault words: see faults.py, device "scanner".
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from kiosk.devices.scanner.hid_pos import DESCRIPTION
from kiosk.simulators.scanner.simulator import SimulatedScanner

REPORT_BYTES: Final = 64
ROOM: Final = 56
_ID: Final = 0x02
_MORE_AT: Final = 63

# Laid out as the manuals of HID POS scanners show it: 64 bytes, the identifier at 2, the data at 5, "more" at 63.
DESCRIPTOR: Final = bytes.fromhex(
    "058c 0902 a101"  # usage page and usage: bar code scanner; application
    "0912 a102 8502"  # scanned data report; logical; its number
    "1500 26ff00 7508"  # bytes
    "9501 0501 093b 8102"  # how many bytes of data
    "9503 058c 09fb 09fc 09fd 8102"  # the AIM identifier
    "9538 09fe 820201"  # the data, 56 buffered bytes
    "9502 0601ff 0901 0902 8102"  # two bytes of the maker's own
    "058c 2501 7501 9501 09ff 8102"  # whether more of this code follows
    "7507 9501 8103"
    "c0 c0"
)
_AIM: Final = re.compile(rb"\][A-Za-z][0-9A-Za-z]")


def reports(code: bytes) -> Iterator[bytes]:
    """Yield the reports of one code, with a leading AIM identifier put into its own field."""
    found = _AIM.match(code)
    aim, data = (found[0], code[3:]) if found else (bytes(3), code)
    pieces = [data[at : at + ROOM] for at in range(0, len(data), ROOM)] or [b""]
    for number, piece in enumerate(pieces, 1):
        report = bytearray(bytes((_ID, len(piece))) + aim + piece)
        report += bytes(REPORT_BYTES - len(report))
        report[_MORE_AT] = number < len(pieces)
        yield bytes(report)


class HidPosScannerSimulator(SimulatedScanner):
    """``path`` is the socket. Raises FileExistsError when a file that is no socket has its place."""

    keyboard_fault = "a scanner in HID POS mode"

    def __init__(self, path: Path, descriptor: bytes = DESCRIPTOR) -> None:
        self._path = path
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._node: socket.socket | None = None
        self._readers: list[socket.socket] = []
        self.plug()

    def plug(self) -> None:
        with self._lock:
            if self._node is not None:
                return
            if self._path.exists() and not self._path.is_socket():
                raise FileExistsError(f"{self._path} is not a simulated scanner: give another path.")
            self._path.unlink(missing_ok=True)
            self._path.with_name(self._path.name + DESCRIPTION).write_bytes(self._descriptor)
            self._node = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
            self._node.bind(str(self._path))
            self._node.listen()

    def unplug(self) -> None:
        with self._lock:
            if self._node is None:
                return
            self._path.unlink(missing_ok=True)
            self._path.with_name(self._path.name + DESCRIPTION).unlink(missing_ok=True)
            self._meet()
            for reader in (*self._readers, self._node):
                reader.close()
            self._node, self._readers = None, []

    def scan(self, code: str) -> None:
        self.send(*reports(code.encode("utf-8")))

    def send(self, *reports: bytes) -> None:
        """Send any reports unchanged. A reader that is full misses them, as with the kernel."""
        with self._lock:
            self._meet()
            for reader in list(self._readers):
                try:
                    for report in reports:
                        reader.send(report)
                except BlockingIOError:
                    continue
                except OSError:  # it has disconnected
                    self._readers.remove(reader)
                    reader.close()

    def _meet(self) -> None:
        """Accept new readers of the device; the caller holds the lock."""
        while self._node is not None:
            with suppress(BlockingIOError):
                self._readers.append(self._node.accept()[0])
                self._readers[-1].setblocking(False)
                continue
            return
