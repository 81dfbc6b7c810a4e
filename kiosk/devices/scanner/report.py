"""What every scanner adapter does with what it read: checks it, drops repeats, hands it on, reports its state once."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final, TypeVar

from kiosk.devices.ports import OnRefused, OnScan, OnState
from kiosk.domain.rate_limited_log import RateLimitedLog
from kiosk.protocols.barcodes.refusal import RefusedScan, ScanRefusal
from kiosk.protocols.barcodes.scan import max_length_of

logger = logging.getLogger(__name__)
T = TypeVar("T", str, ScanRefusal)
OK = "ok"
MISSING = "scanner_missing"
SECOND_KEYBOARD = "scanner_second_keyboard"
_LOG_EVERY_S: Final = 10.0  # A defective scanner must not fill the card with log lines


def ignore_state(_: str) -> None: ...


def ignore_refusal(_: ScanRefusal) -> None:
    """Do nothing with the refusal."""


def too_long(begin: bytes) -> RefusedScan:
    return RefusedScan(ScanRefusal.TOO_LONG, f"it is longer than {max_length_of(begin)} characters")


def scan_fault(line: bytes) -> RefusedScan | None:
    """Return why a scan is refused: only printable ASCII and GS may be in one. None when it is valid."""
    if len(line) > max_length_of(line):
        return too_long(line)
    if any(byte > 0x7E for byte in line if byte != 0x7F):
        return RefusedScan(ScanRefusal.NOT_ASCII, f"its {len(line)} bytes are not all ASCII")
    if any(byte == 0x7F or byte < 0x20 for byte in line if byte != 0x1D):
        return RefusedScan(ScanRefusal.CONTROL, f"its {len(line)} bytes hold control characters")
    return None


# Longer than a scanner waits before it resends a label still in front of it; a clerk needs more for the next one.
REPEAT_S: Final = 1.0
_MAX_REMEMBERED_CODES: Final = 8  # Labels that lie before the lamp together: those of a parcel, and of its neighbor


class RereadFilter:
    """One pull of the trigger, or two: a scanner may send what it sees repeatedly (its "reread delay").

    The same code less than ``repeat_s`` after it was last seen is the same scan, also when the scanner sees two labels
    in turn. Held before a label, a code is one scan however long; removed and scanned again it counts. Another code
    counts at once.
    """

    def __init__(self, repeat_s: float) -> None:
        self._repeat_s = repeat_s
        self._seen_at: dict[str, float] = {}

    def is_new(self, text: str, at: float) -> bool:
        """Note a code at monotonic second ``at``; return whether it is a scan of its own."""
        before = self._seen_at.pop(text, None)
        self._seen_at[text] = at
        if len(self._seen_at) > _MAX_REMEMBERED_CODES:
            del self._seen_at[next(iter(self._seen_at))]
        return before is None or at - before >= self._repeat_s


# A clerk makes three. Typed keys and a serial line of 9600 baud bring no more codes than this.
MAX_SCANS_PER_S: Final = 50.0
MAX_BURST_SCANS: Final = 100.0  # What a cordless scanner has kept while it was out of reach, sent in one go

RECOVERY_S: Final = 1.0


class ScanRateLimiter:
    """How many scans may come: MAX_BURST_SCANS together, MAX_SCANS_PER_S continuously.

    After too many, none is taken until RECOVERY_S have passed without any: of ten thousand codes a few that happen to
    be booked are worse than none.
    """

    def __init__(self) -> None:
        self._left, self._at = MAX_BURST_SCANS, 0.0
        self.overloaded = False

    def allows(self, at: float) -> bool:
        """Return whether one more scan may come at monotonic second ``at``."""
        rest_s, self._at = max(0.0, at - self._at), at
        self._left = min(MAX_BURST_SCANS, self._left + rest_s * MAX_SCANS_PER_S)
        self.overloaded = rest_s < RECOVERY_S if self.overloaded else self._left < 1
        if self.overloaded:
            return False
        self._left -= 1
        return True


class ScanReporter:
    """Belongs to one adapter and is used in its thread alone. What a listener raises is logged and ends nothing."""

    def __init__(
        self,
        on_scan: OnScan,
        on_state: OnState = ignore_state,
        clock: Callable[[], float] = time.monotonic,
        repeat_s: float = REPEAT_S,
        on_refused: OnRefused = ignore_refusal,
    ) -> None:
        self._rereads, self._pace = RereadFilter(repeat_s), ScanRateLimiter()
        self._on_scan, self._on_state, self._on_refused = on_scan, on_state, on_refused
        self._clock = clock
        self._log = RateLimitedLog(logger, clock, _LOG_EVERY_S)
        self._state: str | None = None

    def scan(self, line: bytes) -> None:
        """Pass on one code without its line end; nothing of a refused one is kept or logged."""
        if not line:
            return
        refusal = scan_fault(line)
        if refusal is not None:
            self.refused(refusal)
            return
        text = line.decode("ascii")
        if self._rereads.is_new(text, self._clock()) and self._is_within_rate():
            self._notify(self._on_scan, text)

    def refused(self, refusal: RefusedScan) -> None:
        self._log.write(f"a scan was refused: {refusal.why}", kind=refusal.word)
        if refusal.word is ScanRefusal.TOO_FAST or self._is_within_rate():
            self._notify(self._on_refused, refusal.word)

    def _is_within_rate(self) -> bool:
        """Check the rate; refuse once when it is exceeded: ten thousand notices would be as bad as the scans."""
        crowded = self._pace.overloaded
        allowed = self._pace.allows(self._clock())
        if not allowed and not crowded:
            self.refused(RefusedScan(ScanRefusal.TOO_FAST, f"more than {MAX_SCANS_PER_S:g} come in a second"))
        return allowed

    def state(self, word: str) -> None:
        if word != self._state:
            self._state = word
            self._notify(self._on_state, word)

    @staticmethod
    def _notify(listener: Callable[[T], None], word: T) -> None:
        try:
            listener(word)
        except Exception:
            logger.exception("what the scanner told could not be used")
