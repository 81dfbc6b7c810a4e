"""From a line of text to the runs that are drawn: their script, their direction, their order on the paper.

Pillow shapes and orders within one font; a label line has up to three. So a line is cut into runs of one direction and
one font here, and FriBidi determines their order.
"""

from __future__ import annotations

import ctypes
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import groupby
from operator import itemgetter

from kiosk.labels.typesetting.fonts import FontProblem, Script

_LIBRARY = "libfribidi.so.0"
# FRIBIDI_PAR_LTR and FRIBIDI_PAR_RTL: a line has the direction its place on the paper gives it, never its own.
_LEFT_TO_RIGHT, _RIGHT_TO_LEFT = 0x110, 0x111

# What may follow the last sign of a line and belongs to none of its runs: spaces and the marks of isolates.
_TRAILING = " \u2066\u2067\u2068\u2069"

_Level = ctypes.c_int8
_Character = ctypes.c_uint32


@cache
def _library() -> ctypes.CDLL:
    """Load FriBidi. Raises FontProblem when it is missing, or too old for brackets and isolates."""
    try:
        library = ctypes.CDLL(_LIBRARY)
        library.fribidi_get_bidi_types.restype = None
        library.fribidi_get_bracket_types.restype = None
        library.fribidi_get_par_embedding_levels_ex.restype = _Level
    except (OSError, AttributeError):
        message = "Uyghur and Latin cannot be put in order here: install the Debian package libfribidi0"
        raise FontProblem(message) from None
    return library


def levels(text: str, rtl: bool) -> tuple[int, ...]:
    """Return the embedding level of every character of one line: odd ones run from right to left.

    White space at the end of the line has the level of the line (UAX 9, rule L1). Raises FontProblem.
    """
    if not text:
        return ()
    library, count = _library(), len(text)
    characters = (_Character * count)(*map(ord, text))
    types, brackets = (_Character * count)(), (_Character * count)()
    found = (_Level * count)()
    base = _Character(_RIGHT_TO_LEFT if rtl else _LEFT_TO_RIGHT)
    library.fribidi_get_bidi_types(characters, count, types)
    library.fribidi_get_bracket_types(characters, count, types, brackets)
    if not library.fribidi_get_par_embedding_levels_ex(types, brackets, count, ctypes.byref(base), found):
        raise MemoryError("FriBidi could not work out the order of a line")
    end = len(text.rstrip(_TRAILING))
    return (*found[:end], *([int(rtl)] * (count - end)))


def visual_order(run_levels: tuple[int, ...]) -> tuple[int, ...]:
    """Return the indexes of a line's runs from the left edge of the paper to the right (UAX 9, rule L2)."""
    order = list(range(len(run_levels)))
    odd = [level for level in run_levels if level % 2]
    for threshold in range(max(run_levels, default=0), min(odd, default=1) - 1, -1):
        start = 0
        while start < len(order):
            end = start
            while end < len(order) and run_levels[order[end]] >= threshold:
                end += 1
            order[start:end] = reversed(order[start:end])
            start = max(end, start + 1)
    return tuple(order)


LRI, FSI, PDI = "\u2066", "\u2068", "\u2069"
MARKS = frozenset((LRI, FSI, PDI))  # What the wording itself puts into a line; data holds none of them (`clean`)

ELLIPSIS = "…"
_MAX_CHARACTERS = 240  # Characters of one datum that are looked at; no box holds more

# White space to people; the ASCII separators (GS among them), which Python counts as space, are control characters.
_SPACES = re.compile(r"[^\S\x1c-\x1f]+")

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
    spaced = _SPACES.sub(" ", text[:_MAX_CHARACTERS])
    visible = "".join(char for char in spaced if unicodedata.category(char) not in {"Cc", "Cf", "Cs"})
    # Again, and cut again: what was dropped may have stood between two spaces, and NFC makes some characters longer.
    return unicodedata.normalize("NFC", _SPACES.sub(" ", visible)).strip()[:_MAX_CHARACTERS].rstrip()


def isolate(text: str) -> str:
    """Mark a number, unit, date, code or name to be laid out left to right, whatever surrounds it."""
    return f"{LRI}{text}{PDI}"


def isolate_name(text: str) -> str:
    """Mark a name of any script to have the direction of its own first letter, whatever surrounds it."""
    return f"{FSI}{text}{PDI}"


def itemize(text: str, rtl: bool) -> tuple[Run, ...]:
    """Return the runs of one line from the left edge of the paper to the right; ``rtl`` is its base direction.

    Their order is FriBidi's: a number beside Uyghur letters is placed as in browsers and phones. Use ``isolate`` for
    what must keep its own order there (a weight, a date, a code). Raises FontProblem.
    """
    if text.isascii() and not rtl:
        return tuple(_by_script(text, rtl))
    runs: list[Run] = []
    run_levels: list[int] = []
    for piece, level in _level_runs(text, levels(text, rtl)):
        for run in _by_script(piece, level % 2 == 1) or [Run("", Script.LATIN, level % 2 == 1)]:
            runs.append(run)
            run_levels.append(level)
    ordered = (runs[index] for index in visual_order(tuple(run_levels)))
    return tuple(run for run in ordered if run.text)


def _level_runs(text: str, levels: tuple[int, ...]) -> Iterator[tuple[str, int]]:
    """Group neighbors of one level. Isolate marks are dropped, but separate the text on both sides."""
    for level, group in groupby(zip(text, levels, strict=True), key=itemgetter(1)):
        yield "".join(char for char, _ in group if char not in MARKS), level


def _by_script(text: str, rtl: bool) -> list[Run]:
    runs: list[Run] = []
    start = 0
    current: Script | None = None
    for position, char in enumerate(text):
        script = script_of(char)
        if script is None or script is current:
            continue
        if current is not None:
            runs.append(Run(text[start:position], current, rtl))
            start = position
        current = script
    if text:
        runs.append(Run(text[start:], current or Script.LATIN, rtl))
    return runs


@lru_cache(maxsize=4096)
def script_of(char: str) -> Script | None:
    """Return the script of a character; None for spaces and combining marks, which go with the one before."""
    if char == " " or unicodedata.combining(char):
        return None
    code = ord(char)
    if any(first <= code <= last for first, last in _ARABIC_BLOCKS):
        return Script.ARABIC
    if any(first <= code <= last for first, last in _HAN_BLOCKS):
        return Script.HAN
    return Script.LATIN
