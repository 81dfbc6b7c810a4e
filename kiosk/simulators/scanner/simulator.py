"""A barcode scanner in serial mode on a pseudo-terminal. Fault words: see faults.py, device "scanner"."""

from __future__ import annotations

import threading
from pathlib import Path

from kiosk.simulators.scale.line import PtyLine
from kiosk.simulators.shared.faults import BadFaultWord, parse_fault


class ScannerSimulator:
    """``link`` is a symbolic link to the pseudo-terminal, as udev makes one for a real scanner."""

    def __init__(self, link: Path) -> None:
        self._lock = threading.Lock()
        self._line = PtyLine(link)
        self.plug()

    def plug(self) -> None:
        with self._lock:
            self._line.plug()

    def unplug(self) -> None:
        """Pull the cable; a scan is heard by nobody then."""
        with self._lock:
            self._line.unplug()

    def command(self, text: str) -> None:
        """``scan TEXT`` or ``burst A B``; raises BadFaultWord."""
        word, argument = parse_fault("scanner", text)
        if word == "keyboard":
            raise BadFaultWord("a scanner in serial mode is no keyboard: nothing can be typed with it")
        for code in argument.split(" ") if word == "burst" else [argument]:
            self.scan(code)

    def scan(self, code: str) -> None:
        """Send one code and the scanner's carriage return."""
        self.send(code.encode("utf-8") + b"\r")

    def send(self, data: bytes) -> None:
        with self._lock:
            if self._line.plugged:
                self._line.write(data)

    def close(self) -> None:
        self.unplug()

    def __enter__(self) -> ScannerSimulator:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
