"""The Uyghur alphabet as code points, and its order.

A browser cannot sort Uyghur (it has no locale data for it), and code-point order is wrong, so lists are sorted here.
The order of the 32 letters is marked for review by a local reader (docs/texts.md).
"""

from __future__ import annotations

import re

HAMZA = "\u0626"

_ORDER = "ئا ئە ب پ ت ج چ خ د ر ز ژ س ش غ ف ق ك گ ڭ ل م ن ھ ئو ئۇ ئۆ ئۈ ۋ ئې ئى ي"

LETTERS = tuple(_ORDER.split())
"""The 32 letters in order; the eight vowels with the hamza they carry at the start of a word."""

LETTER_CODE_POINTS = frozenset("".join(LETTERS))

LOOK_ALIKES = {"\u0647": "\u06be", "\u06cc": "\u0649 or \u064a", "\u06a9": "\u0643", "\u0629": "\u06d5"}
"""Arabic and Persian letters that look right and are wrong, with the Uyghur letter that was meant."""

_PLACE = {letter.removeprefix(HAMZA): place for place, letter in enumerate(LETTERS, 1)}
_BEYOND = len(LETTERS) + 1
_ARABIC_SCRIPT = re.compile("[\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufefc]")


def sort_key(word: str) -> tuple[tuple[int, int], ...]:
    """Key for ``sorted``: the hamza of a vowel is not a letter of its own; digits and Latin come first.

    Anything in Arabic script that is not a Uyghur letter comes last instead of raising: names are data.
    """
    return tuple(_rank(char) for char in word.casefold() if char != HAMZA)


def _rank(char: str) -> tuple[int, int]:
    if char in _PLACE:
        return _PLACE[char], 0
    return (_BEYOND if ord(char) > ord(HAMZA) else 0), ord(char)


def foreign_letters(text: str) -> list[str]:
    """The Arabic-script letters in ``text`` that Uyghur does not have, look-alikes among them."""
    return [char for char in _ARABIC_SCRIPT.findall(text) if char.isalpha() and char not in LETTER_CODE_POINTS]
