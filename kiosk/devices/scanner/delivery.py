"""What every scanner adapter does with what it heard: checks it, drops repeats, hands it on, tells its state once."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from kiosk.devices.scanner.repeat import Repeat

logger = logging.getLogger(__name__)

MAX_SCAN = 256
OK = "ok"
MISSING = "scanner_missing"
SECOND_KEYBOARD = "scanner_second_keyboard"

OnScan = Callable[[str], None]
OnState = Callable[[str], None]


def unheard(_: str) -> None:
    """Stands where nobody wants to know the state."""


def printable(line: bytes) -> str | None:
    """The scan as text, or None when it is empty, too long, or holds anything but printable ASCII and GS."""
    if not line or len(line) > MAX_SCAN:
        return None
    if any(not 0x20 <= byte < 0x7F and byte != 0x1D for byte in line):
        return None
    return line.decode("ascii")


class Delivery:
    """Belongs to one adapter and is used in its thread alone. What a listener raises is logged and ends nothing."""

    def __init__(
        self, repeat_s: float, on_scan: OnScan, on_state: OnState, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._repeat = Repeat(repeat_s)
        self._on_scan = on_scan
        self._on_state = on_state
        self._clock = clock
        self._state: str | None = None

    def scan(self, line: bytes) -> None:
        """Hand on one code without its line end; nothing of a refused one is kept or logged."""
        text = printable(line)
        if text is None:
            if line:
                self.refused(f"{len(line)} bytes hold control characters or are too many")
        elif self._repeat.is_new(text, self._clock()):
            self._tell(self._on_scan, text)

    def refused(self, why: str) -> None:
        """A scan is dropped."""
        logger.warning("a scan was refused: %s", why)

    def state(self, word: str) -> None:
        """Tell the state when it has changed."""
        if word != self._state:
            self._state = word
            self._tell(self._on_state, word)

    @staticmethod
    def _tell(listener: Callable[[str], None], text: str) -> None:
        try:
            listener(text)
        except Exception:
            logger.exception("what the scanner told could not be used")
