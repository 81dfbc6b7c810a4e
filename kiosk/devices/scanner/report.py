"""What every scanner adapter does with what it heard: checks it, drops repeats, hands it on, tells its state once."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from kiosk.devices.ports import OnScan, OnState

logger = logging.getLogger(__name__)

MAX_SCAN = 256
OK = "ok"
MISSING = "scanner_missing"
SECOND_KEYBOARD = "scanner_second_keyboard"


def ignore_state(_: str) -> None:
    """Nobody wants to know it."""


def printable(line: bytes) -> str | None:
    """The scan as text, or None when it is empty, too long, or holds anything but printable ASCII and GS."""
    if not line or len(line) > MAX_SCAN:
        return None
    if any(not 0x20 <= byte < 0x7F and byte != 0x1D for byte in line):
        return None
    return line.decode("ascii")


REPEAT_S: Final = 1.0
"""Longer than a scanner waits before it sends a label again that is still before it; a hand needs more for the next."""


class RereadFilter:
    """One pull of the trigger, or two: a scanner may send what it sees again and again (its "reread delay").

    The same code less than ``repeat_s`` after it was last seen is the same scan. Held before a label, a code is one
    scan however long; taken away and scanned again it counts, and so does any code after another one.
    """

    def __init__(self, repeat_s: float) -> None:
        self._repeat_s = repeat_s
        self._newest: str | None = None
        self._seen_at = 0.0

    def is_new(self, text: str, at: float) -> bool:
        """Note a code at monotonic second ``at``; whether it is a scan of its own."""
        again = text == self._newest and at - self._seen_at < self._repeat_s
        self._newest, self._seen_at = text, at
        return not again


class ScanReporter:
    """Belongs to one adapter and is used in its thread alone. What a listener raises is logged and ends nothing."""

    def __init__(
        self,
        on_scan: OnScan,
        on_state: OnState = ignore_state,
        clock: Callable[[], float] = time.monotonic,
        repeat_s: float = REPEAT_S,
    ) -> None:
        self._rereads = RereadFilter(repeat_s)
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
        elif self._rereads.is_new(text, self._clock()):
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
