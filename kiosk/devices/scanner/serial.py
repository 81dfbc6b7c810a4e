"""A barcode scanner in serial mode: no keyboard, so nothing it reads can press a key (facts of BadBarcode, 2015)."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import serial

from kiosk.devices.scanner.keys import MAX_GAP_S
from kiosk.devices.scanner.report import OK, ScanReporter, too_long
from kiosk.devices.scanner.settings import ScannerSettings
from kiosk.protocols.barcodes.refusal import RefusedScan, ScanRefusal
from kiosk.protocols.barcodes.scan import max_length_of

_ENDS = b"\r\n\t"
_GAP = RefusedScan(ScanRefusal.HALF, f"more than {MAX_GAP_S:g} s passed between two characters")


class SerialDevice:
    """A serial port, opened exclusively; lines on it end with CR, LF or Tab."""

    read_bytes = 4096

    def __init__(self, settings: ScannerSettings, report: ScanReporter) -> None:
        self.path = Path(settings.port)
        self._baud, self._report = settings.baud, report
        self._decoder = LineDecoder()

    def open(self) -> int:
        """Open the port. Raises OSError, of which serial.SerialException is one."""
        with serial.Serial(str(self.path), self._baud, exclusive=True) as port:
            return os.dup(port.fileno())  # It keeps the settings and the lock of the port

    def begin(self, descriptor: int) -> None:
        self._decoder = LineDecoder()
        self._report.state(OK)

    def on_reads(self, reads: Sequence[bytes], waited_s: float) -> None:
        for line in self._decoder.feed(b"".join(reads), waited_s):
            if line.refused:
                self._report.refused(line.refused)
            else:
                self._report.scan(line.data)

    def idle(self) -> None:
        """Do nothing: the read fails when the device is pulled out."""


@dataclass(frozen=True, slots=True)
class ScannedLine:
    """One ended scan: its bytes without the end, or why it is refused and then no bytes."""

    data: bytes
    refused: RefusedScan | None = None


class LineDecoder:
    """Feed it what was read from the port, in pieces of any size. Carriage return, line feed and Tab end a scan."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._refused: RefusedScan | None = None
        self._reported = False
        self._newest_at = 0.0

    def feed(self, data: bytes, at: float) -> Iterator[ScannedLine]:
        """Yield the scans that ended with this piece, read at second ``at`` of silence."""
        silent_s, self._newest_at = at - self._newest_at, at
        if self._data and silent_s > MAX_GAP_S:
            # What comes now may be its other half: it goes with it, up to its end.
            self._data.clear()
            self._refused = _GAP
        for byte in data:
            if byte in _ENDS:
                if (self._data or self._refused) and not self._reported:
                    yield ScannedLine(bytes(self._data), self._refused)
                self._data.clear()
                self._refused, self._reported = None, False
            elif len(self._data) < max_length_of(bytes(self._data)):
                if not self._refused:
                    self._data.append(byte)
            elif not self._refused:
                # It may never end: it is reported now, and not again at its end.
                self._refused, self._reported = too_long(bytes(self._data)), True
                self._data.clear()
                yield ScannedLine(b"", self._refused)
