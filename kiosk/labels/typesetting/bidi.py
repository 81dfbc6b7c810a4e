"""The Unicode Bidirectional Algorithm, as FriBidi carries it out: the same library by which Pillow shapes a run.

Source: Unicode Standard Annex 9; FriBidi 1.0, ``fribidi-bidi.h`` and ``fribidi-bidi-types.h``; Debian package
libfribidi0.
"""

from __future__ import annotations

import ctypes
from functools import cache

from kiosk.labels.typesetting.fonts import FontProblem

_LIBRARY = "libfribidi.so.0"
# FRIBIDI_PAR_LTR and FRIBIDI_PAR_RTL: a line has the direction its place on the paper gives it, never its own.
_LEFT_TO_RIGHT, _RIGHT_TO_LEFT = 0x110, 0x111

# What may stand behind the last sign of a line and belongs to none of its runs: spaces and the marks of isolates.
_TRAILING = " \u2066\u2067\u2068\u2069"

_Level = ctypes.c_int8
_Character = ctypes.c_uint32


@cache
def _library() -> ctypes.CDLL:
    """Raises FontProblem when the library is missing, or so old that it knows no brackets and isolates."""
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
