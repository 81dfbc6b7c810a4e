"""How each question of the wizard looks, and the pads: what can be typed on the screen without a keyboard."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from kiosk.web.shared.password_keys import LATIN, PASSWORD_KEYS

ROWS = 3


@dataclass(frozen=True, slots=True)
class Screen:
    """``body`` names the template ``setup/_BODY.html``. ``pad`` is the pad of a typed answer; on a ``choose`` screen it
    is reached by its own tile with the text ``other`` (a text id). ``before`` and ``after`` are shown around the typed
    text, ``sends`` is put before it to distinguish it from the tiles. ``hint`` is the text id of the text beside a pad,
    ``foot`` of that below the tiles; where a device is tried, "_" and the word of its trial are added. ``may_skip``:
    the question may be left without an answer. ``live``: the page polls by itself. ``columns`` of tiles are side by
    side, in three rows a page.
    """

    body: str
    picture: str
    pad: str = ""
    other: str = ""
    before: str = ""
    after: str = ""
    sends: str = ""
    hint: str = ""
    foot: str = ""
    may_skip: bool = False
    live: bool = False
    columns: int = 2

    @property
    def tiles(self) -> int:
        """Tiles on one page; a row more would make them smaller than a finger."""
        return ROWS * self.columns - (1 if self.other else 0)


SCREENS = msgspec.convert(
    tomllib.loads(Path(__file__).with_name("screens.toml").read_text(encoding="utf-8")), dict[str, Screen]
)

DELETE = "delete"
SPACE = "space"
_DIGIT_ROWS = (("1", "2", "3"), ("4", "5", "6"), ("7", "8", "9"))


@dataclass(frozen=True, slots=True)
class Pad:
    """``digits`` pads are beside the typed text, ``letters`` pads fill the width. "" is an empty place.

    ``length`` is the most that can be typed, ``min_length`` the least that may be sent. A ``secret`` pad shows dots.
    """

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
    "region": _letters((*LATIN[:2], "asdfghjkl-", "zxcvbnm"), (DELETE,), 16, "region"),
    "host": _letters((*LATIN[:2], "asdfghjkl-", "zxcvbnm.:"), (DELETE,), 80, "host", 3),
    "latin": _letters((*LATIN, "zxcvbnm"), (SPACE, "-", DELETE), NAME, "latin"),
    **{name: _letters(rows, (SPACE, DELETE), 63, "password", 8) for name, rows in PASSWORD_KEYS.items()},
    "ug": _letters(("ئاەبپتجچخد", "رزژسشغفقكگ", "ڭلمنھوۇۆۈۋ", "ېىي"), ("-", SPACE, DELETE), NAME, "ug"),
}

NAMES = ("ug", "latin")  # The pads a name may be typed on
PASSWORDS = tuple(PASSWORD_KEYS)
GROUPS = {"names": NAMES, "passwords": PASSWORDS}


def press_key(pad: Pad, typed: str, key: str) -> str:
    """Return the text in the field after a key; a key the pad does not have changes nothing."""
    if key == DELETE:
        return typed[:-1]
    char = " " if key == SPACE else key
    if char not in pad.keys or len(typed) >= pad.length or (char == " " and not typed):
        return typed
    return typed + char


def filter_typed(pad: Pad, typed: str) -> str:
    """Keep the characters that this pad can hold: a form may send anything. A name may mix letters of both name pads, a
    password those of its three.
    """
    group: tuple[str, ...] = NAMES if pad.script in NAMES else PASSWORDS if pad.script == "password" else ()
    known = pad.keys.union(*(PADS[name].keys for name in group))
    return "".join(char for char in typed if char in known)[: pad.length]
