"""The letters of the Uyghur alphabet, and those that only look like them."""

from __future__ import annotations

import re

_ALPHABET = "ئا ئە ب پ ت ج چ خ د ر ز ژ س ش غ ف ق ك گ ڭ ل م ن ھ ئو ئۇ ئۆ ئۈ ۋ ئې ئى ي"
LETTERS = tuple(_ALPHABET.split())
"""The 32 letters; the eight vowels with the hamza they carry at the start of a word."""

LETTER_CODE_POINTS = frozenset("".join(LETTERS))

LOOK_ALIKES = {"\u0647": "\u06be", "\u06cc": "\u0649 or \u064a", "\u06a9": "\u0643", "\u0629": "\u06d5"}
"""Arabic and Persian letters that look right and are wrong, with the Uyghur letter that was meant."""

_ARABIC_SCRIPT = re.compile("[\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufefc]")


def foreign_letters(text: str) -> list[str]:
    """The Arabic-script letters in ``text`` that Uyghur does not have, look-alikes among them."""
    return [char for char in _ARABIC_SCRIPT.findall(text) if char.isalpha() and char not in LETTER_CODE_POINTS]
