"""From a line of text to the runs that are drawn: which script, which direction, in which order on the paper.

Pillow shapes and orders within one font; a label line has up to three. So the order of runs is decided here, by a
small and strict reading of the Unicode Bidirectional Algorithm: a line has one base direction, and every stretch of
the other direction is an isolate, whether the wording marks it (U+2066 ... U+2069) or the characters show it.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from kiosk.labels.fonts import Script

LRI = "\u2066"
PDI = "\u2069"
ELLIPSIS = "…"
_LONGEST = 240
"""Characters of one datum that are looked at; no box holds more."""

_SPACES = re.compile(r"[^\S\x1c-\x1f]+")
"""White space to people; the ASCII separators (GS among them), which Python counts as space, are control characters."""

_TO_KIND = {
    **dict.fromkeys(("R", "AL"), "R"),
    **dict.fromkeys(("EN", "AN"), "D"),
    **dict.fromkeys(("ET", "ES"), "E"),
    "L": "L",
}
_MARKS = {LRI: "O", PDI: "C", **dict.fromkeys("([{（【", "("), **dict.fromkeys(")]}）】", ")")}
_ISOLATE = "O[^OC]*C"
_LTR_UNIT = r"(?:[LD]|\([LDEN]*\))"
_RTL_UNIT = r"(?:R|\([RDEN]*\))"
_LTR_ISLAND = re.compile(rf"{_ISOLATE}|E*{_LTR_UNIT}(?:(?:[EN]|{_LTR_UNIT})*{_LTR_UNIT})?E*")
_RTL_ISLAND = re.compile(rf"{_ISOLATE}|R(?:(?:[DEN]|{_RTL_UNIT})*{_RTL_UNIT})?")

_ARABIC_BLOCKS = ((0x0600, 0x06FF), (0x0750, 0x077F), (0x08A0, 0x08FF), (0xFB50, 0xFDFF), (0xFE70, 0xFEFE))
_HAN_BLOCKS = (
    (0x2190, 0x2BFF),  # arrows, minus and other signs: only the Chinese font has them
    (0x2E80, 0xA4CF),
    (0xAC00, 0xD7AF),
    (0xF900, 0xFAFF),
    (0xFE30, 0xFE4F),
    (0xFF00, 0xFFEF),
    (0x20000, 0x3FFFF),
)


@dataclass(frozen=True, slots=True)
class Run:
    """Text that one font draws in one direction."""

    text: str
    script: Script
    rtl: bool


def clean(text: str) -> str:
    """Return data as plain visible text: NFC, runs of white space as one space, no control or format character.

    What is dropped (general categories Cc, Cf, Cs) includes ESC, bidi overrides and U+FEFF: data can neither
    speak to a printer nor reorder a line.
    """
    spaced = _SPACES.sub(" ", text[:_LONGEST])
    visible = "".join(char for char in spaced if unicodedata.category(char) not in {"Cc", "Cf", "Cs"})
    # Again, and cut again: what was dropped may have stood between two spaces, and NFC makes some characters longer.
    return unicodedata.normalize("NFC", _SPACES.sub(" ", visible)).strip()[:_LONGEST].rstrip()


def isolate(text: str) -> str:
    """Mark a number, unit, date, code or name to be laid out left to right, whatever stands around it."""
    return f"{LRI}{text}{PDI}"


def itemize(text: str, rtl: bool) -> tuple[Run, ...]:
    """Return the runs of one line from the left edge of the paper to the right; ``rtl`` is its base direction."""
    runs = [run for piece, piece_rtl in _pieces(text, rtl) for run in _in_order(piece, piece_rtl, rtl)]
    return tuple(reversed(runs) if rtl else runs)


def _in_order(piece: str, piece_rtl: bool, base_rtl: bool) -> tuple[Run, ...]:
    """Runs of a piece in the logical order of the line around it."""
    if piece_rtl == base_rtl:
        return tuple(_by_script(piece, piece_rtl))
    inner = itemize(piece, piece_rtl)
    return tuple(reversed(inner)) if base_rtl else inner


def _pieces(text: str, rtl: bool) -> list[tuple[str, bool]]:
    """Split a line into stretches of the base direction and islands of the other."""
    pieces: list[tuple[str, bool]] = []
    position = 0
    for island in (_LTR_ISLAND if rtl else _RTL_ISLAND).finditer(_kinds(text)):
        pieces.append((text[position : island.start()], rtl))
        marked = text[island.start()] == LRI
        inside = text[island.start() + marked : island.end() - marked]
        pieces.append((inside, False if marked else not rtl))
        position = island.end()
    pieces.append((text[position:], rtl))
    return [(piece, direction) for piece, direction in pieces if piece]


def _kinds(text: str) -> str:
    """One sign per character: R right-to-left, L left-to-right, D digit, E number sign, O/C isolate, (), N other."""
    return "".join(_MARKS.get(char) or _TO_KIND.get(unicodedata.bidirectional(char), "N") for char in text)


def _by_script(text: str, rtl: bool) -> list[Run]:
    runs: list[Run] = []
    start = 0
    current: Script | None = None
    for position, char in enumerate(text):
        script = _script(char)
        if script is None or script is current:
            continue
        if current is not None:
            runs.append(Run(text[start:position], current, rtl))
            start = position
        current = script
    if text:
        runs.append(Run(text[start:], current or Script.LATIN, rtl))
    return runs


def _script(char: str) -> Script | None:
    """None for what goes with the character before it: spaces and combining marks."""
    if char == " " or unicodedata.combining(char):
        return None
    code = ord(char)
    if any(first <= code <= last for first, last in _ARABIC_BLOCKS):
        return Script.ARABIC
    if any(first <= code <= last for first, last in _HAN_BLOCKS):
        return Script.HAN
    return Script.LATIN
