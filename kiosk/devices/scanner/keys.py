"""Key events of a scanner in keyboard mode as text. Pure: bytes and the time they came in, scans out.

A scanner types the keys of a US board whatever layout the machine has, so the map is fixed (codes of
linux/input-event-codes.h). Any key that could control a program, such as Ctrl with a letter, Alt or a function key,
refuses the whole scan: a label is only text.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from struct import Struct

from kiosk.devices.scanner.report import too_long
from kiosk.protocols.barcodes.refusal import RefusedScan, ScanRefusal
from kiosk.protocols.barcodes.scan import max_length_of

LAYOUT_64 = Struct("<qqHHi")
# `struct input_event`: seconds, microseconds, type, code, value; 24 bytes where a long has 8, 16 where it has 4.
LAYOUT_32 = Struct("<iiHHi")
NATIVE = LAYOUT_64 if struct.calcsize("l") == 8 else LAYOUT_32
# Keys of one scan come within milliseconds, over Bluetooth within 150; a longer gap means typing or half a code.
MAX_GAP_S = 1.0
EV_SYN, EV_KEY = 0, 1
SYN_DROPPED = 3
RELEASE, PRESS = 0, 1
_ENDS = frozenset({28, 15, 96})  # Enter, Tab, Enter of the keypad
_SHIFTS = frozenset({42, 54})
_CTRLS = frozenset({29, 97})
_STEERING = frozenset({56, 100, 125, 126})  # Alt and Meta, left and right
_NUM_LOCK = 69  # Some scanners set it before digits of the keypad; those are digits here whether it is set or not
_RIGHT_BRACKET = 27
_GS = "\x1d"

_ROWS = (
    (2, "1234567890-=", "!@#$%^&*()_+"),
    (16, "qwertyuiop[]", "QWERTYUIOP{}"),
    (30, "asdfghjkl;'`", 'ASDFGHJKL:"~'),
    (43, "\\zxcvbnm,./", "|ZXCVBNM<>?"),
    (57, " ", " "),
)
_KEYPAD = {71: "7", 72: "8", 73: "9", 74: "-", 75: "4", 76: "5", 77: "6", 78: "+", 79: "1", 80: "2", 81: "3"} | {
    82: "0",
    83: ".",
    98: "/",
    55: "*",
    117: "=",
}


def _rows(shifted: bool) -> Mapping[int, str]:
    keys = {first + at: key for first, *sides in _ROWS for at, key in enumerate(sides[shifted])}
    return keys | _KEYPAD


PLAIN = _rows(shifted=False)
SHIFTED = _rows(shifted=True)


@dataclass(frozen=True, slots=True)
class TypedScan:
    """One ended scan: its text, or why it is refused and then no text."""

    text: str
    refused: RefusedScan | None = None


class KeyDecoder:
    """Feed it what was read from the device, in pieces of any size."""

    def __init__(self, layout: Struct = NATIVE) -> None:
        self._layout = layout
        self._tail = b""
        self._held: set[int] = set()
        self._text: list[str] = []
        self._refused: RefusedScan | None = None
        self._reported = False
        self._newest_at: float | None = None

    def feed(self, data: bytes, at: float) -> list[TypedScan]:
        """Return the scans that ended with this piece, read at monotonic second ``at``."""
        data = self._tail + data
        whole = len(data) - len(data) % self._layout.size
        self._tail = data[whole:]
        found: list[TypedScan] = []
        for _, _, kind, code, value in self._layout.iter_unpack(data[:whole]):
            if kind == EV_SYN and code == SYN_DROPPED:
                # The kernel's buffer ran over: what was pressed or released meanwhile is unknown.
                self._held.clear()
                self._refuse(ScanRefusal.HALF, "keys were lost")
            elif kind == EV_KEY:
                found.extend(self._key(code, value, at))
        return found

    def _key(self, code: int, value: int, at: float) -> Iterator[TypedScan]:
        if value != PRESS:  # a key that repeats itself was pressed once
            if value == RELEASE:
                self._held.discard(code)
            return
        in_progress = bool(self._text or self._refused)
        if in_progress and self._newest_at is not None and at - self._newest_at > MAX_GAP_S:
            self._refuse(ScanRefusal.HALF, f"more than {MAX_GAP_S:g} s passed between two keys")
        self._newest_at = at
        self._held.add(code)
        if code in _ENDS:
            steered = self._held & (_CTRLS | _STEERING)
            if steered and not self._refused:
                self._refuse(ScanRefusal.CONTROL, "it ends with a steering key")
            if (self._text or self._refused) and not self._reported:
                yield TypedScan("".join(self._text), self._refused)
            self._text.clear()
            self._refused, self._reported = None, False
        elif code not in _SHIFTS | _CTRLS | _STEERING and code != _NUM_LOCK:
            key = self._character(code)
            if key is None:
                self._refuse(ScanRefusal.CONTROL, "it holds a key that is no printable character")
            elif len(self._text) >= max_length_of(begin := "".join(self._text).encode()):
                # It may never end: it is reported now, and not again at its end.
                refused = too_long(begin)
                self._refuse(refused.word, refused.why)
                self._reported = True
                yield TypedScan("", self._refused)
            elif not self._refused:
                self._text.append(key)

    def _character(self, code: int) -> str | None:
        if self._held & _STEERING:
            return None
        shifted = bool(self._held & _SHIFTS)
        if self._held & _CTRLS:
            return _GS if code == _RIGHT_BRACKET and not shifted else None
        return (SHIFTED if shifted else PLAIN).get(code)

    def _refuse(self, word: ScanRefusal, why: str) -> None:
        """Refuse the scan up to the next Enter: what follows until then belongs to it."""
        self._text.clear()
        self._refused = self._refused or RefusedScan(word, why)
