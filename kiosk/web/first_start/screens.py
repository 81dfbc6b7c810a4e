"""How each question of the wizard looks, and the pads: what can be typed on the screen without a keyboard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from kiosk.web.shared.password_keys import LATIN, PASSWORD_KEYS

ROWS = 3


@dataclass(frozen=True, slots=True)
class Screen:
    """``body`` names the template ``setup/_BODY.html``. ``pad`` is the pad of a typed answer; on a ``choose`` screen it
    is reached by a tile of its own that says ``other`` (a text id). ``before`` and ``after`` stand around what is
    typed, ``sends`` is put before it to tell it from the tiles. ``hint`` is the text id of what stands beside a pad,
    ``foot`` of what stands below the tiles, where a device is tried with the word of its trial behind a "_".
    ``may_skip``: the question may be left without an answer. ``live``: the page looks again by itself. ``columns`` of
    tiles stand side by side, in three rows a page.
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


_PLUG = "setup.hint.plug_in"
_FILES = "setup.hint.files"
_GOODS = "setup.hint.goods"
_MEDIUM = "setup.hint.backup"
_PRINTER = "setup.choice.network_printer"

SCREENS = {
    "language": Screen("language", "language"),
    "panel": Screen("panel", "number-pad"),
    "recovery": Screen("choose", "bring", foot="setup.hint.recovery", live=True),
    "recovery_letter": Screen("choose", "receipt", foot="setup.hint.recovery_letter", columns=3),
    "recovery_code": Screen("pad", "card", "identity", hint="setup.hint.identity_code"),
    "recovery_wait": Screen("put_back", "bring", live=True),
    "identity": Screen(
        "choose",
        "bring",
        "station",
        "setup.choice.identity_number",
        sends="S",
        hint="setup.hint.station",
        foot="setup.hint.identity",
        live=True,
        columns=3,
    ),
    "identity_code": Screen("pad", "card", "identity", hint="setup.hint.identity_code"),
    "station": Screen("pad", "bring", "station", before="S", hint="setup.hint.station"),
    "region": Screen("choose", "bring", "region", "setup.choice.other_region", columns=3),
    "village": Screen("pad", "bring", "names", may_skip=True),
    "scale": Screen("choose", "scale", foot=_PLUG, live=True),
    "protocol": Screen("choose", "scale", foot="setup.hint.listen", columns=3, live=True),
    "line": Screen("choose", "scale", columns=3),
    "reads": Screen("reads", "scale", live=True),
    "e": Screen("pad", "scale", "grams", before="e =", after="g", hint="setup.hint.e"),
    "max": Screen("pad", "scale", "kilograms", before="Max", after="kg", hint="setup.hint.max"),
    "label": Screen(
        "choose", "label", "address", _PRINTER, sends="tcp:", hint="setup.hint.address", foot=_PLUG, live=True
    ),
    "label_profile": Screen("choose", "label"),
    "label_test": Screen("printed", "label", live=True),
    "receipt": Screen(
        "choose", "receipt", "address", _PRINTER, sends="tcp:", hint="setup.hint.address", foot=_PLUG, live=True
    ),
    "receipt_profile": Screen("choose", "receipt"),
    "receipt_test": Screen("printed", "receipt", live=True),
    "scanner": Screen("choose", "scan", foot=_PLUG, live=True),
    "scanner_test": Screen("scanned", "scan", live=True),
    "camera": Screen("choose", "camera", foot=_PLUG, live=True),
    "camera_test": Screen("shot", "camera", live=True),
    "network": Screen("choose", "link", foot="setup.hint.network"),
    "network_list": Screen("choose", "link", foot="setup.hint.network_list"),
    "network_password": Screen("pad", "lock", "passwords"),
    "broker": Screen("choose", "link"),
    "broker_address": Screen("pad", "link", "host"),
    "broker_ca": Screen("choose", "link", foot=_FILES, live=True),
    "broker_account": Screen("choose", "link", foot=_FILES, live=True),
    "broker_test": Screen("reached", "link", live=True),
    "goods": Screen("choose", "bring", foot=_GOODS, live=True),
    "goods_shown": Screen("goods", "bring"),
    "backup": Screen("choose", "shelf", foot=_MEDIUM, live=True),
    "technician": Screen("pad", "wrench", "names"),
    "technician_pin": Screen("pad", "lock", "pin", hint="setup.hint.pin"),
    "technician_again": Screen("pad", "lock", "pin", hint="setup.hint.pin"),
    "clerk": Screen("pad", "clerk", "names"),
    "clerk_pin": Screen("pad", "lock", "pin", hint="setup.hint.pin"),
    "clerk_again": Screen("pad", "lock", "pin", hint="setup.hint.pin"),
    "check": Screen("check", "state-locked"),
    "done": Screen("done", "state-locked"),
}

DELETE = "delete"
SPACE = "space"
_DIGIT_ROWS = (("1", "2", "3"), ("4", "5", "6"), ("7", "8", "9"))


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
    """What stands in the field after a key; a key the pad does not have changes nothing."""
    if key == DELETE:
        return typed[:-1]
    char = " " if key == SPACE else key
    if char not in pad.keys or len(typed) >= pad.length or (char == " " and not typed):
        return typed
    return typed + char


def filter_typed(pad: Pad, typed: str) -> str:
    """What of a typed text this pad can hold: a form may send anything. A name may mix letters of both name pads, a
    password those of its three.
    """
    group: tuple[str, ...] = NAMES if pad.script in NAMES else PASSWORDS if pad.script == "password" else ()
    known = pad.keys.union(*(PADS[name].keys for name in group))
    return "".join(char for char in typed if char in known)[: pad.length]
