"""Finds known names in any text: whatever stands between their words, in any order, escaped, accented or not.

Texts and names are reduced to the same plain letters first, so that every spelling is looked up in one table; the work
grows with the length of the text, not with the number of names.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import permutations
from typing import Final

# From so many letters on a name may have an ending: "Ali" with one would be part of too many words.
_ENDING_FROM: Final = {"LATIN": 4, "ARABIC": 3}
# What Uyghur hangs on a name without a gap, in Latin and in Arabic letters: cases, plural, the friendly "jan".
_ENDINGS: Final = re.compile(
    r"(?:ning|ni|gha|qa|ge|ke|din|tin|da|de|ta|te|lar|ler|jan|"
    r"نىڭ|نى|غا|قا|گە|كە|دىن|تىن|دا|دە|تا|تە|لار|لەر|جان|دەك|تەك|چە|مۇ)+"
)
# A name in Arabic letters of so many may go on with anything: words that begin with a whole name are that name.
_OWN_ENDING_FROM: Final = 5
_MAX_ENDING_LETTERS: Final = 12
_MIN_DIGITS: Final = 5  # Of a name that is only digits
_MAX_SPACED_LETTERS: Final = 5
_FIRST_HAN: Final = "\u3400"  # A Chinese name of few characters may be written with a gap after each
# Names of more words are looked for as they stand, turned round, and with the family name first or last.
_MAX_PERMUTED_WORDS: Final = 3

_ESCAPE: Final = re.compile(
    r"\\{1,4}u([0-9A-Fa-f]{4})|((?:\\{1,4}x[0-9A-Fa-f]{2})+)|((?:%[0-9A-Fa-f]{2})+)|(&(?:#\w{1,7}|[A-Za-z]{2,6});)"
)
_HEX: Final = re.compile(r"\\{1,4}x|%")
_BREAK: Final = "\n"
_GAP: Final = " "


class PrivateNames:
    def __init__(self, names: Iterable[str]) -> None:
        self._alone: set[str] = set()
        for name in names:
            self._add(_Plain(name).text.split())
        lengths: dict[str, set[int]] = {}
        for spelling in self._alone:
            lengths.setdefault(spelling[:2], set()).add(len(spelling))
        self._lengths = {start: sorted(found, reverse=True) for start, found in lengths.items()}

    def _add(self, words: list[str]) -> None:
        if "".join(words).isdecimal() and len("".join(words)) < _MIN_DIGITS:
            return  # every count would be a hole, and no number so short is a person's
        for order in _orders(words):
            self._alone.add(_GAP.join(order))
            glued = "".join(order)
            self._alone.add(glued)
            if len(glued) <= _MAX_SPACED_LETTERS and min(glued) >= _FIRST_HAN:
                self._alone.add(_GAP.join(glued))

    def mask(self, text: str, instead: str) -> str:
        """The text without any of them."""
        if not self._alone:
            return text
        plain = _Plain(text)
        pieces: list[str] = []
        last = 0
        for start, end in plain.spans(_merge(self._find(plain.text))):
            pieces += [text[last:start], instead]
            last = end
        return "".join((*pieces, text[last:]))

    def _find(self, plain: str) -> Iterator[tuple[int, int]]:
        """The longest name that begins at each place, with its ending."""
        for at in range(len(plain)):
            for length in self._lengths.get(plain[at : at + 2], self._lengths.get(plain[at], ())):
                if plain[at : at + length] in self._alone and _begins(plain, at):
                    end = _word_end(plain, at, at + length)
                    if end:
                        yield at, end
                        break


def _script(plain: str, at: int) -> str:
    """Which letters stand there; "" for none and for those that make no words of their own, as Chinese. A digit is as
    a Latin letter: half a hexadecimal number is no name."""
    if not 0 <= at < len(plain) or not plain[at].isalnum() or plain[at] >= _FIRST_HAN:
        return ""
    if plain[at].isascii():
        return "LATIN"
    return unicodedata.name(plain[at], "").partition(" ")[0]


def _begins(plain: str, at: int) -> bool:
    """A word begins here: before it is no letter of the same script."""
    return not _script(plain, at) or _script(plain, at - 1) != _script(plain, at)


def _word_end(plain: str, start: int, end: int) -> int:
    """Where the word that begins with this name ends; 0 when it is another word."""
    script = _script(plain, end - 1)
    if not script or _script(plain, end) != script:
        return end
    length = end - start
    if length >= _ENDING_FROM.get(script, length + 1):
        ending = _ENDINGS.match(plain, end, end + _MAX_ENDING_LETTERS)
        if ending and _script(plain, ending.end()) != script:
            return end
    return end if script == "ARABIC" and length >= _OWN_ENDING_FROM else 0


class _Plain:
    """A text in plain letters: no case, accent, escape or width; one gap for whatever is none. Knows where each came
    from. A line's end is kept: no name goes over it."""

    def __init__(self, text: str) -> None:
        letters: list[str] = []
        self._from: list[int] = []
        self._end = len(text)
        for start, character in _characters(text):
            for letter in _letters(character):
                if letter in (_GAP, _BREAK) and letters[-1:] == [letter]:
                    continue
                letters.append(letter)
                self._from.append(start)
        self.text = "".join(letters)

    def spans(self, found: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        """Places in the plain text as places in the text itself; accents behind the last letter belong to it."""
        for start, end in found:
            yield self._from[start], self._from[end] if end < len(self._from) else self._end


def _characters(text: str) -> Iterator[tuple[int, str]]:
    """Each character, decoded, with the place it was written at."""
    last = 0
    for escape in _ESCAPE.finditer(text):
        yield from ((at, text[at]) for at in range(last, escape.start()))
        yield from _decode(escape)
        last = escape.end()
    yield from ((at, text[at]) for at in range(last, len(text)))


def _decode(escape: re.Match[str]) -> Iterator[tuple[int, str]]:
    code, _, _, entity = escape.groups()
    if code:
        yield escape.start(), chr(int(code, 16))
        return
    if entity:
        yield from ((escape.start(), letter) for letter in html.unescape(entity))
        return
    run = escape[0]
    data = bytes.fromhex(_HEX.sub("", run))
    width = len(run) // len(data)
    try:
        characters = data.decode("utf-8")
    except UnicodeDecodeError:
        characters = data.decode("latin-1")
        sizes = [1] * len(data)
    else:
        sizes = [len(character.encode()) for character in characters]
    start = escape.start()
    for character, size in zip(characters, sizes, strict=True):
        yield start, character
        start += size * width


def _letters(character: str) -> str:
    if character.isascii():
        return character.lower() if character.isalnum() else _BREAK if character == "\n" else _GAP
    return "".join(
        letter if letter.isalnum() else _GAP
        for letter in unicodedata.normalize("NFKD", character).casefold()
        if unicodedata.category(letter) not in ("Mn", "Cf")
    )


def _orders(words: list[str]) -> Iterator[tuple[str, ...]]:
    if len(words) > _MAX_PERMUTED_WORDS:
        yield tuple(words)
        yield tuple(reversed(words))
        yield (words[-1], *words[:-1])
        yield (*words[1:], words[0])
    elif words:
        yield from permutations(words)


def _merge(found: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Names that share a letter as one: no part of either is left."""
    start, end = 0, 0
    for begin, stop in found:
        if begin < end:
            end = max(end, stop)
            continue
        if end:
            yield start, end
        start, end = begin, stop
    if end:
        yield start, end
