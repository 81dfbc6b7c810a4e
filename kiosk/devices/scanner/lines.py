"""Bytes of a scanner in serial mode as lines. Pure: bytes and the silence before them in, scans out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kiosk.devices.scanner.keys import MAX_GAP_S
from kiosk.devices.scanner.report import MAX_SCAN
from kiosk.protocols.barcodes.refusal import RefusedScan, ScanRefusal

_ENDS = b"\r\n\t"
_GAP = RefusedScan(ScanRefusal.HALF, f"more than {MAX_GAP_S:g} s passed between two characters")
_TOO_LONG = RefusedScan(ScanRefusal.TOO_LONG, f"it is longer than {MAX_SCAN} characters")


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

    def feed(self, data: bytes, silent_s: float) -> Iterator[ScannedLine]:
        """The scans that ended with this piece, for which the port was waited ``silent_s``."""
        if self._data and silent_s > MAX_GAP_S:
            # What comes now may be its other half: it goes with it, up to its end.
            self._data.clear()
            self._refused = _GAP
        for byte in data:
            if byte in _ENDS:
                yield from self._end()
            elif len(self._data) < MAX_SCAN:
                if not self._refused:
                    self._data.append(byte)
            elif not self._refused:
                # It may never end: this is told now, and not again at its end.
                self._data.clear()
                self._refused, self._reported = _TOO_LONG, True
                yield ScannedLine(b"", self._refused)

    def _end(self) -> Iterator[ScannedLine]:
        if (self._data or self._refused) and not self._reported:
            yield ScannedLine(bytes(self._data), self._refused)
        self._data.clear()
        self._refused, self._reported = None, False
