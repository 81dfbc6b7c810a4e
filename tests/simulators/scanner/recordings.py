"""What hostile labels and reprogrammed scanners type, as key events in the kernel's own bytes.

    python -m tests.simulators.scanner.recordings FOLDER    writes every recording as NAME.bin

A recording is what a 64-bit kernel gives its reader: 24 bytes an event, five milliseconds from key to key.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from kiosk.devices.scanner.keys import EV_KEY, EV_SYN, LAYOUT_64, PRESS, RELEASE
from kiosk.simulators.scanner.typing import chord

ENTER, TAB, ESC, BACKSPACE, DELETE, CAPS, SYSRQ, MENU = 28, 15, 1, 14, 111, 58, 99, 127
ALT, CTRL, SHIFT, META = 56, 29, 42, 125
F1, F4, F5, F11, F12 = 59, 62, 63, 87, 88
BROWSER = ((172,), (158,), (159,), (173,))  # Home page, back, forward, reload
_LETTERS: Final = {"b": 48, "l": 38, "n": 49, "o": 24, "r": 19, "t": 20, "u": 22, "w": 17}
_KEYPAD: Final = {"7": 71, "8": 72, "9": 73, "4": 75, "5": 76, "6": 77, "1": 79, "2": 80, "3": 81, "0": 82, "+": 78}
_BEGAN_S: Final = 1_790_000_000
_KEY_US: Final = 5_000
_LONG: Final = 4_000  # Characters of the largest QR code, roughly

Chords = Iterable[tuple[int, ...]]


def text(characters: str) -> list[tuple[int, ...]]:
    """The keys of a text, control characters as Ctrl with a key."""
    return [chord(character) for character in characters]


def alt_code(number: str) -> tuple[int, ...]:
    """A character by its number: Alt held, digits of the keypad. Scanners have this as "ALT mode"."""
    return (ALT, *(_KEYPAD[digit] for digit in number))


def events(chords: Chords) -> bytes:
    """Every chord pressed in order and released in the opposite one."""
    found, at_us = bytearray(), 0
    for keys in chords:
        for code, value in [*((code, PRESS) for code in keys), *((code, RELEASE) for code in reversed(keys))]:
            stamp = (_BEGAN_S + at_us // 1_000_000, at_us % 1_000_000)
            found += LAYOUT_64.pack(*stamp, EV_KEY, code, value) + LAYOUT_64.pack(*stamp, EV_SYN, 0, 0)
            at_us += _KEY_US
    return bytes(found)


_TYPED: Final[Mapping[str, Chords]] = {
    "adf_newland": text("@NLS0006010"),
    "adf_symbol": text("%%ADFEND"),
    "adf_suffix_alt_f4": [*text("6901234567892"), (ALT, F4)],
    "control_all": [chord(chr(code)) for code in (*range(0x01, 0x08), *range(0x0B, 0x0D), *range(0x0E, 0x1D))],
    "control_inside_a_waybill": text("SF13850\x0f12345678"),
    "qr_4_kb": text("Q" * _LONG),
    "right_to_left_override_alt": [*text("SF1385"), alt_code("+8238"), *text("012345678")],
    "right_to_left_override_unicode": [*text("SF1385"), (CTRL, SHIFT, _LETTERS["u"]), *text("202e")],
    "look_alike_digits_alt": [alt_code("1635"), alt_code("1636"), alt_code("1637")],
    "url": text("https://example.test/SF1385012345678"),
    "url_script": text("javascript:alert(1)"),
    "wifi": text("WIFI:T:WPA;S:kiosk;P:12345678;;"),
    "alt_f4": [(ALT, F4)],
    "ctrl_w": [(CTRL, _LETTERS["w"])],
    "ctrl_o": [(CTRL, _LETTERS["o"])],
    "ctrl_shift_n": [(CTRL, SHIFT, _LETTERS["n"])],
    "ctrl_l_and_an_address": [(CTRL, _LETTERS["l"]), *text("file:///etc/passwd")],
    "ctrl_alt_delete": [(CTRL, ALT, DELETE)],
    "ctrl_alt_f1": [(CTRL, ALT, F1)],
    "alt_tab": [(ALT, TAB)],
    "function_keys": [(code,) for code in (*range(F1, F1 + 10), F11, F12)],
    "f5_inside_a_card": [*text("Y1K0147"), (F5,), *text("0001")],
    "super": [(META,), (META, _LETTERS["l"]), (META, _LETTERS["r"])],
    "super_and_a_command": [(META, _LETTERS["r"]), *text("xterm")],
    "magic_sysrq_b": [(ALT, SYSRQ, _LETTERS["b"])],
    "sysrq": [(SYSRQ,)],
    "escape_and_backspace": [(ESC,), (BACKSPACE,), (DELETE,), (CAPS,)],
    "browser_keys": [(MENU,), *BROWSER],
    "zpl": text("^XA^XZ"),
    "sql": text("'; DROP TABLE parcel; --"),
    "foreign_kind_of_code": text("Y1Q0000000"),
}
# By name; each ends with Enter.
HOSTILE: Final[Mapping[str, bytes]] = {name: events([*chords, (ENTER,)]) for name, chords in _TYPED.items()}


def write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, recording in HOSTILE.items():
        (folder / f"{name}.bin").write_bytes(recording)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
