"""A barcode scanner in serial mode on a pseudo-terminal. Fault words: see faults.py, device "scanner"."""

from __future__ import annotations

import threading
from abc import abstractmethod
from pathlib import Path

from kiosk.base.closable import Closable
from kiosk.simulators.scale.line import PtyLine
from kiosk.simulators.shared.faults import BadFaultWord, parse_fault


class SimulatedScanner(Closable):
    """What every simulated scanner obeys. All methods may be called from any thread."""

    keyboard_fault = ""  # Why nothing can be typed with it

    @abstractmethod
    def plug(self) -> None: ...

    @abstractmethod
    def unplug(self) -> None:
        """Pull the cable; scans are lost until it is plugged in."""

    @abstractmethod
    def scan(self, code: str) -> None:
        """Send one code as this kind of scanner does; raises BadFaultWord when it cannot."""

    def command(self, text: str) -> None:
        """Carry out ``scan TEXT``, ``burst A B`` or ``keyboard TEXT``; raises BadFaultWord."""
        word, argument = parse_fault("scanner", text)
        if word == "keyboard":
            self.type_elsewhere(argument)
            return
        for code in argument.split(" ") if word == "burst" else [argument]:
            self.scan(code)

    def type_elsewhere(self, text: str) -> None:
        raise BadFaultWord(f"{self.keyboard_fault} is no keyboard: nothing can be typed with it")

    def close(self) -> None:
        self.unplug()


class ScannerSimulator(SimulatedScanner):
    """``link`` is a symbolic link to the pseudo-terminal, as udev makes one for a real scanner."""

    keyboard_fault = "a scanner in serial mode"

    def __init__(self, link: Path) -> None:
        self._lock = threading.Lock()
        self._line = PtyLine(link)
        self.plug()

    def plug(self) -> None:
        with self._lock:
            self._line.plug()

    def unplug(self) -> None:
        with self._lock:
            self._line.unplug()

    def scan(self, code: str) -> None:
        self.send(code.encode("utf-8") + b"\r")

    def send(self, data: bytes) -> None:
        with self._lock:
            if self._line.plugged:
                self._line.write(data)
