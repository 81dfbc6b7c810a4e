"""A barcode scanner in keyboard mode, read beside the screen's back: grabbed, decoded here, never typed anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from kiosk.devices.scanner.input import input_system
from kiosk.devices.scanner.keyboards import second_keyboards
from kiosk.devices.scanner.keys import NATIVE, KeyDecoder, TypedScan
from kiosk.devices.scanner.ports import InputSystem
from kiosk.devices.scanner.report import OK, SECOND_KEYBOARD, ScanReporter
from kiosk.protocols.barcodes.refusal import RefusedScan, ScanRefusal

_SECOND_KEYBOARD = RefusedScan(ScanRefusal.SECOND_KEYBOARD, "another keyboard is plugged in")


class EvdevDevice:
    """An event node. While another keyboard is plugged in, every scan is refused and the state says so."""

    read_bytes = NATIVE.size * 64

    def __init__(self, port: str, report: ScanReporter, system: InputSystem | None = None) -> None:
        self.path = Path(port)
        self._report = report
        self._system = system or input_system(port)
        self._node = ""
        self._decoder = KeyDecoder()

    def open(self) -> int:
        """Opened and grabbed; raises OSError."""
        self._node = self.path.resolve(strict=True).name
        return self._system.open(self.path)

    def begin(self, descriptor: int) -> None:
        """Raises OSError or ValueError when nobody knows who can type."""
        self._decoder = KeyDecoder()
        self._is_alone()

    def on_reads(self, reads: Sequence[bytes], waited_s: float) -> None:
        for data in reads:
            for typed in self._decoder.feed(data, waited_s):
                self._report_scan(typed)

    def idle(self) -> None:
        """However seldom something is scanned, a second keyboard is seen."""
        self._is_alone()

    def _report_scan(self, typed: TypedScan) -> None:
        if typed.refused:
            self._report.refused(typed.refused)
        elif not self._is_alone():
            self._report.refused(_SECOND_KEYBOARD)
        else:
            self._report.scan(typed.text.encode("ascii"))

    def _is_alone(self) -> bool:
        alone = not second_keyboards(self._system.devices(self.path), self._node)
        self._report.state(OK if alone else SECOND_KEYBOARD)
        return alone
