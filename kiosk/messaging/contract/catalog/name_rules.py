"""Which characters a name in the catalog may have: one rule per language, each refusal says what to type instead."""

from __future__ import annotations

import re
import unicodedata

MAX_NAME = 40  # Characters. Longer names do not fit a label line or a tile at the size old eyes need.

# The code points of the 32-letter alphabet, the hamza seat U+0626 included.
UYGHUR_LETTERS = frozenset("ئاەبپتجچخدرزژسشغفقكگڭلمنھوۇۆۈۋېىي")
_UYGHUR_BESIDE = frozenset(" 0123456789().,،-/+%")
# Arabic, Persian and Urdu letters that look right on the screen and are found by no search.
_CONFUSABLE_LETTERS = {
    "\u0647": "ھ U+06BE or ە U+06D5",
    "\u06cc": "ى U+0649 or ي U+064A",
    "\u06a9": "ك U+0643",
    "\u0629": "ە U+06D5",
    "\u06c0": "ە U+06D5",
    "\u06aa": "ك U+0643",
    "\u06d2": "ې U+06D0",
    "\u06c1": "ھ U+06BE",
}
_REFUSED_CATEGORIES = {
    "Cc": "a control character",
    "Cf": "an invisible formatting or direction character",
    "Cs": "half a character",
    "Co": "a private character",
    "Cn": "an unassigned character",
    "Zl": "a line separator",
    "Zp": "a paragraph separator",
    "Zs": "an unusual space",
}
_SENTENCE_MARKS = frozenset("؛:؟!«»")
_JIN = re.compile(r"(?<!公)斤|\bjin\b|(?<!\w)جىڭ(?!\w)", re.IGNORECASE)
_LONG_NUMBER = 3


class BadName(ValueError):
    """The text says which character is refused and what is allowed; ``word`` ends the text id of a sentence for it."""

    def __init__(self, message: str, word: str = "letter") -> None:
        super().__init__(message)
        self.word = word


def clean_name(text: str, max_length: int = MAX_NAME) -> str:
    """Return the name in NFC. Raises BadName when it is empty, too long or has characters no name needs."""
    name = unicodedata.normalize("NFC", text)
    if not 1 <= len(name) <= max_length:
        raise BadName(f"is {len(name)} characters long: 1 to {max_length} are allowed", "length")
    if name != name.strip(" "):
        raise BadName("begins or ends with a space: remove it", "space")
    for character in name:
        kind = _REFUSED_CATEGORIES.get(unicodedata.category(character))
        if kind is not None and character != " ":
            raise BadName(f"has {kind} (U+{ord(character):04X}): remove it", "hidden")
    return name


def uyghur_name(text: str) -> str:
    """Check a name in Arabic-script Uyghur. Raises BadName."""
    return _uyghur(clean_name(text), _UYGHUR_BESIDE, "( ) . , - / + %")


def uyghur_text(text: str, max_length: int) -> str:
    """Check sentences in Arabic-script Uyghur. Raises BadName."""
    return _uyghur(clean_name(text, max_length), _UYGHUR_BESIDE | _SENTENCE_MARKS, "( ) . ، - / + % ؛ : ؟ ! « »")


def _uyghur(name: str, beside: frozenset[str], marks: str) -> str:
    _refuse_foreign_arabic(name)
    strange = next((c for c in name if c not in UYGHUR_LETTERS and c not in beside), None)
    if strange is not None:
        raise BadName(f"has {strange!r} U+{ord(strange):04X}: only Uyghur letters, digits and {marks} are allowed")
    if not any(character in UYGHUR_LETTERS for character in name):
        raise BadName("has no Uyghur letter", "no_letter")
    return _without_jin(name)


def chinese_name(text: str, max_length: int = MAX_NAME) -> str:
    """Check a name with at least one Chinese character and no Arabic letter. Raises BadName."""
    name = clean_name(text, max_length)
    if not any(_script(character) == "CJK" for character in name):
        raise BadName("has no Chinese character", "no_letter")
    if any(_script(character) == "ARABIC" for character in name):
        raise BadName("has an Arabic letter: are two languages swapped?", "swapped")
    return _without_jin(name)


def english_name(text: str, max_length: int = MAX_NAME) -> str:
    """Check a name whose letters are all Latin. Raises BadName."""
    name = clean_name(text, max_length)
    letters = [character for character in name if character.isalpha()]
    if not letters or any(_script(character) != "LATIN" for character in letters):
        raise BadName("must be written in Latin letters: are two languages swapped?", "swapped")
    return _without_jin(name)


def person_name(text: str) -> str:
    """Check the short name shown at the counter, in any script. Raises BadName for a possible phone or ID number."""
    name = clean_name(text)
    if sum(character.isdecimal() for character in name) > _LONG_NUMBER:
        raise BadName("looks like it holds a phone, card or ID number: those are never stored here", "number")
    if not any(character.isalpha() for character in name):
        raise BadName("has no letter", "no_letter")
    _refuse_foreign_arabic(name)
    return name


def _refuse_foreign_arabic(name: str) -> None:
    for character in name:
        if character in _CONFUSABLE_LETTERS:
            raise BadName(
                f"has {character!r} U+{ord(character):04X}, which is no Uyghur letter: "
                f"type {_CONFUSABLE_LETTERS[character]}"
            )
        if character.isalpha() and _script(character) == "ARABIC" and character not in UYGHUR_LETTERS:
            raise BadName(f"has {character!r} U+{ord(character):04X}, which is no Uyghur letter")


def _without_jin(name: str) -> str:
    # Market units are forbidden in trade (SAMR Order 90, in force 2024-06-01): kilograms and grams only.
    if _JIN.search(name):
        raise BadName("names the jin: only kilograms and grams are used", "jin")
    return name


def _script(character: str) -> str:
    return unicodedata.name(character, "").partition(" ")[0]
