"""Text from outside made harmless to display, and direction marks for places that have no markup."""

from __future__ import annotations

import unicodedata

LEFT_TO_RIGHT_ISOLATE = "\u2066"
RIGHT_TO_LEFT_ISOLATE = "\u2067"
FIRST_STRONG_ISOLATE = "\u2068"
POP_ISOLATE = "\u2069"
_ISOLATES = {"ltr": LEFT_TO_RIGHT_ISOLATE, "rtl": RIGHT_TO_LEFT_ISOLATE, "auto": FIRST_STRONG_ISOLATE}

_BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_JOINERS = frozenset("\u200c\u200d")
_ELLIPSIS = "\u2026"


def plain(text: str, limit: int) -> str:
    """Reduce a text to one line of at most ``limit`` characters, without control, direction or invisible characters.

    White space collapses to single spaces; an ellipsis replaces what was cut off. Markup and printer commands are kept
    as text: escaping is the job of the code that writes HTML or a page for a printer. Raises ValueError for a limit
    below 1.
    """
    if limit < 1:
        raise ValueError(f"a text of at most {limit} characters is no text")
    spaced = "".join(" " if char.isspace() else char for char in text)
    line = " ".join("".join(char for char in spaced if _is_visible(char)).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + _ELLIPSIS


def printable(data: bytes) -> str:
    """Show bytes for people: control characters and everything beyond ASCII by their number."""
    return "".join(chr(byte) if 0x20 <= byte < 0x7F else f"<{byte:02X}>" for byte in data)


def _is_visible(char: str) -> bool:
    """Keep joiners, which shaping needs; drop other invisible format characters, private use and lone surrogates."""
    return char in _JOINERS or unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co"}


def isolate(text: str, direction: str = "ltr") -> str:
    """Wrap for paper and logs so that neighbours do not reorder it (Unicode UAX 9, 2.4: explicit isolates).

    ``direction`` is ``ltr`` (numbers, codes, prices), ``rtl`` or ``auto`` (a name in any script). Direction marks
    inside ``text`` are dropped: an unpaired one would reach past the isolate.
    """
    inner = "".join(char for char in text if char not in _BIDI_CONTROLS)
    return _ISOLATES[direction] + inner + POP_ISOLATE
