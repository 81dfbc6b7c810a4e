"""Characters that no code of this trade has: what could press a key, hide, turn a line round, or look like another.

All codes are ASCII. A text that only looks like one is refused by the reason, never put right: whoever made it with
the letters of another script made it to be taken for something.
"""

from __future__ import annotations

import unicodedata
from typing import Final

# Marks, embeddings, overrides and isolates of the bidirectional algorithm (Unicode Standard Annex 9).
_BIDI: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# General categories of what is not seen, or only on top of another character.
_HIDDEN: Final = frozenset({"Cf", "Zl", "Zp", "Mn", "Me", "Cs", "Co", "Cn"})

# Letters, hyphens and strokes that no eye tells from ASCII (Unicode Technical Standard 39, single characters).
_CONFUSABLES: Final = frozenset("АВСЕНІЈКМОРԚЅТԜХҮавсеһіјкмоԛрѕтԝхуӏΑΒΕΖΗΙΚΜΝΟΡΤΥΧαικνορτυχϲϳՕօԁցհՍս‐‑‒–—−⁄∕")


def text_fault(text: str, allowed: str = "") -> str | None:
    """``control``, ``bidi``, ``invisible``, ``look_alike`` or ``not_ascii``; None when the text is printable ASCII.

    ``look_alike`` is a text whose every character has a twin in ASCII: digits of other scripts, full-width forms,
    letters of Cyrillic and Greek. ``allowed`` are control characters that may be there.
    """
    seen = {character for character in text if not " " <= character <= "~"} - set(allowed)
    if not seen:
        return None
    kinds = {character: unicodedata.category(character) for character in seen}
    if "Cc" in kinds.values():
        return "control"
    if seen & _BIDI:
        return "bidi"
    if _HIDDEN & set(kinds.values()):
        return "invisible"
    return "look_alike" if all(_is_confusable(character) for character in seen) else "not_ascii"


def _is_confusable(character: str) -> bool:
    """Whether a character is taken for one of ASCII."""
    folded = unicodedata.normalize("NFKC", character)
    return folded.isascii() or character in _CONFUSABLES or unicodedata.decimal(character, None) is not None
