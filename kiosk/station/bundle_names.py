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

_SHORT: Final = 4
"""A Latin word of fewer letters ends a name only where it stands alone: "Ali" is part of too many words."""
_SHORT_GLUED: Final = 8
_MOST_SPACED: Final = 5
_FIRST_HAN: Final = "\u3400"
"""A Chinese name of few characters may be written with a gap after each."""
_MOST_ORDERS: Final = 3
"""Names of more words are looked for as they stand, turned round, and with the family name first or last."""

_ESCAPE: Final = re.compile(
    r"\\{1,4}u([0-9A-Fa-f]{4})|((?:\\{1,4}x[0-9A-Fa-f]{2})+)|((?:%[0-9A-Fa-f]{2})+)|(&(?:#\w{1,7}|[A-Za-z]{2,6});)"
)
_HEX: Final = re.compile(r"\\{1,4}x|%")
_BREAK: Final = "\n"
_GAP: Final = " "


class Names:
    """The names of one station."""

    def __init__(self, names: Iterable[str]) -> None:
        self._alone: dict[str, tuple[bool, bool]] = {}
        for name in names:
            self._add(_Plain(name).text.split())
        lengths: dict[str, set[int]] = {}
        for spelling in self._alone:
            lengths.setdefault(spelling[:2], set()).add(len(spelling))
        self._lengths = {start: sorted(found, reverse=True) for start, found in lengths.items()}

    def _add(self, words: list[str]) -> None:
        for order in _orders(words):
            self._alone.setdefault(_GAP.join(order), (_is_short(order[0]), _is_short(order[-1])))
            glued = "".join(order)
            short = glued.isascii() and len(glued) < (_SHORT if len(order) == 1 else _SHORT_GLUED)
            self._alone.setdefault(glued, (short, short))
            if len(glued) <= _MOST_SPACED and min(glued) >= _FIRST_HAN:
                self._alone.setdefault(_GAP.join(glued), (False, False))

    def mask(self, text: str, instead: str) -> str:
        """The text without any of them."""
        if not self._alone:
            return text
        plain = _Plain(text)
        pieces: list[str] = []
        last = 0
        for start, end in plain.spans(_merged(self._found(plain.text))):
            pieces += [text[last:start], instead]
            last = end
        return "".join((*pieces, text[last:]))

    def _found(self, plain: str) -> Iterator[tuple[int, int]]:
        """The longest name that begins at each place."""
        for at in range(len(plain)):
            for length in self._lengths.get(plain[at : at + 2], self._lengths.get(plain[at], ())):
                if self._is_name(plain, at, at + length):
                    yield at, at + length
                    break

    def _is_name(self, plain: str, start: int, end: int) -> bool:
        alone = self._alone.get(plain[start:end])
        if alone is None:
            return False
        return not (alone[0] and _is_latin(plain, start - 1)) and not (alone[1] and _is_latin(plain, end))


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
        yield from _decoded(escape)
        last = escape.end()
    yield from ((at, text[at]) for at in range(last, len(text)))


def _decoded(escape: re.Match[str]) -> Iterator[tuple[int, str]]:
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
    if len(words) > _MOST_ORDERS:
        yield tuple(words)
        yield tuple(reversed(words))
        yield (words[-1], *words[:-1])
        yield (*words[1:], words[0])
    elif words:
        yield from permutations(words)


def _is_short(word: str) -> bool:
    return word.isascii() and len(word) < _SHORT


def _is_latin(plain: str, at: int) -> bool:
    return 0 <= at < len(plain) and plain[at].isascii() and plain[at].isalnum()


def _merged(found: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
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
