"""What can be typed on the screen without a keyboard: each pad is rows of keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

DELETE = "delete"
SPACE = "space"
_DIGIT_ROWS = (("1", "2", "3"), ("4", "5", "6"), ("7", "8", "9"))
_LATIN = ("1234567890", "qwertyuiop", "asdfghjkl")


@dataclass(frozen=True, slots=True)
class Pad:
    """``digits`` pads stand beside what was typed, ``letters`` pads fill the width. "" is an empty place.

    ``length`` is the most that can be typed, ``min_length`` the least that may be sent. What is typed on a ``secret``
    pad is shown as dots."""

    shape: Literal["digits", "letters"]
    rows: tuple[tuple[str, ...], ...]
    length: int
    min_length: int = 1
    secret: bool = False
    direction: Literal["ltr", "rtl"] = "ltr"
    script: str = ""

    @property
    def keys(self) -> frozenset[str]:
        return frozenset(key for row in self.rows for key in row if len(key) == 1) | (
            {" "} if any(SPACE in row for row in self.rows) else frozenset()
        )


def _digits(last: tuple[str, str, str], length: int, min_length: int = 1, *, secret: bool = False) -> Pad:
    return Pad("digits", (*_DIGIT_ROWS, last), length, min_length, secret)


def _letters(rows: tuple[str, ...], last: tuple[str, ...], length: int, script: str, min_length: int = 1) -> Pad:
    keys = (*(tuple(row) for row in rows[:-1]), (*rows[-1], *last))
    return Pad("letters", keys, length, min_length, script=script, direction="rtl" if script == "ug" else "ltr")


NAME = 40
# A Chinese name needs an input method: it is typed in Latin or Uyghur letters here, or set later in the file.
PADS = {
    "station": _digits((DELETE, "0", ""), 4, 4),
    "grams": _digits((DELETE, "0", ""), 5),
    "kilograms": _digits((DELETE, "0", "."), 7),
    "identity": _digits((DELETE, "0", ""), 16, 16),
    "pin": _digits((DELETE, "0", ""), 6, 6, secret=True),
    "address": Pad(
        "digits",
        (("1", "2", "3", DELETE), ("4", "5", "6", "."), ("7", "8", "9", ":"), ("", "0", "", "")),
        21,
        3,
    ),
    "region": _letters((*_LATIN[:2], "asdfghjkl-", "zxcvbnm"), (DELETE,), 16, "region"),
    "host": _letters((*_LATIN[:2], "asdfghjkl-", "zxcvbnm.:"), (DELETE,), 80, "host", 3),
    "latin": _letters((*_LATIN, "zxcvbnm"), (SPACE, "-", DELETE), NAME, "latin"),
    "ug": _letters(("ئاەبپتجچخد", "رزژسشغفقكگ", "ڭلمنھوۇۆۈۋ", "ېىي"), ("-", SPACE, DELETE), NAME, "ug"),
}

NAMES = ("ug", "latin")  # The pads a name may be typed on


def press_key(pad: Pad, typed: str, key: str) -> str:
    """What stands in the field after a key; a key the pad does not have changes nothing."""
    if key == DELETE:
        return typed[:-1]
    char = " " if key == SPACE else key
    if char not in pad.keys or len(typed) >= pad.length or (char == " " and not typed):
        return typed
    return typed + char


def filter_typed(pad: Pad, typed: str) -> str:
    """What of a typed text this pad can hold: a form may send anything. A name may mix letters of both name pads."""
    known = pad.keys.union(*(PADS[name].keys for name in NAMES)) if pad.script in NAMES else pad.keys
    return "".join(char for char in typed if char in known)[: pad.length]
