"""Takes out of a text what belongs to a person: names, codes, telephone and ID numbers, waybills.

Rather too much than too little: support can do with a gap in a log line, a villager cannot with a leak.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from typing import Final

from kiosk.station.doctor.bundle.names import PrivateNames

NAME, CODE, PHONE, ID_NUMBER, WAYBILL, NUMBER = "[name]", "[code]", "[phone]", "[id]", "[waybill]", "[number]"

_ALONE, _ALONE_END = r"(?<![0-9A-Za-z])", r"(?![0-9A-Za-z])"
# Receipt and parcel numbers are the station's own and stay: support asks about them.
_RECEIPT: Final = r"[0-9]{4}-[A-Z]-[0-9]{6}(?!\d)"
_DAY: Final = r"-[01]\d-[0-3]\d"
# Of free texts also stay names of bundles, times, days of the station's years, addresses of its network, weights.
_PRESERVED: Final = "|".join(
    (
        _RECEIPT,
        r"support-S\d{4}-\d{4}(?!\d)",
        rf"{_ALONE}(?:1970|20\d\d){_DAY}[ T][0-2]\d:[0-5]\d(?::\d\d(?:[.,]\d{{1,9}})?)?(?:[+-]\d\d:?\d\d)?(?!\d)",
        rf"{_ALONE}20[2-4]\d{_DAY}(?![0-9A-Za-z]|[ .-]\d{{3}})",
        r"(?<![0-9A-Za-z.-])(?:127|10|192\.168|172\.(?:1[6-9]|2\d|3[01])|169\.254)(?:\.\d{1,3}){2,3}(?![0-9A-Za-z.-])",
        r"(?<![0-9A-Za-z.])\d{1,3}\.\d{3} ?kg(?![0-9A-Za-z])",
    )
)

# Mobile and landline numbers, ID numbers of 18 places, S10 and carriers' numbers, slips and member cards.
_PERSONAL: Final = (
    (re.compile(r"Y1[KP][0-9A-Z]{4,}", re.IGNORECASE), CODE),
    (re.compile(rf"{_ALONE}\d{{17}}[\dXx]{_ALONE_END}"), ID_NUMBER),
    (re.compile(rf"{_ALONE}\d{{6}}[ -]\d{{8}}[ -]\d{{3}}[\dXx]{_ALONE_END}"), ID_NUMBER),
    (re.compile(rf"(?:\+|{_ALONE})(?:(?:00)?86[ -]?)?1[3-9]\d[ -]?\d{{4}}[ -]?\d{{4}}{_ALONE_END}"), PHONE),
    (re.compile(rf"{_ALONE}0\d{{2,3}}[ -]\d{{7,8}}{_ALONE_END}"), PHONE),
    (re.compile(rf"{_ALONE}[A-Za-z]{{1,4}}[ -]?\d{{8,}}[0-9A-Za-z-]*"), WAYBILL),
)

# What people write between the digits of one number, and what no eye sees there.
_BETWEEN: Final = "[ .()\\[\\]\u2010-\u2015\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff-]"
_RUN: Final = re.compile(rf"[+(]{{0,2}}+\d++(?:{_BETWEEN}{{1,3}}+\d++)*+(?:[ -]?[Xx]{_ALONE_END})?")
_MIN_NUMBER_DIGITS: Final = 7
# The numbers of people's own that are told even where letters stick to them.
_INSIDE: Final = re.compile(r"(?<!\d)(?:\d{17}[\dXx]|(?:86)?1[3-9]\d{9}|0\d{9,11})(?!\d)")

# Of texts that anybody may have written anything into: every long number, every six digits that stand alone.
_FREE: Final = (
    (re.compile(rf"{_ALONE}\d{{8,}}{_ALONE_END}"), NUMBER),
    (re.compile(r"(?<!\d)\d{3}[ -]\d{3}(?!\d)"), CODE),
    (
        re.compile(
            rf"((?:code|pin|slip|pickup|码|كود)[^\d\n]{{0,12}})\d(?:{_BETWEEN}{{0,3}}\d){{5}}(?!\d)", re.IGNORECASE
        ),
        rf"\g<1>{CODE}",
    ),
    (re.compile(rf"{_ALONE}[A-Za-z]?\d{{6}}[A-Za-z]?{_ALONE_END}"), CODE),
    (re.compile(rf"{_ALONE}M(?:[_\u2010-\u2015-]\d{{2,}}| ?\d{{5}}){_ALONE_END}", re.IGNORECASE), "[member]"),
)

_HARMLESS: Final = {0xFF02: "'", 0xFF3C: "/"}
_TOKEN: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{4,63}")


class Scrubber:
    """Knows the words of one station. ``private`` are names and waybills as they stand in its database.

    ``own`` are its marks for itself, epochs and heads of the journal. They stay: support compares them, and a
    hexadecimal number may by chance look like anybody's waybill.
    """

    def __init__(self, private: Iterable[str], own: Iterable[str] = ()) -> None:
        marks = "|".join(re.escape(mark) for mark in own if mark)
        self._preserved = re.compile(f"{_ALONE}(?:{marks}){_ALONE_END}") if marks else None
        self._preserved_free = re.compile(f"{_PRESERVED}|{self._preserved.pattern}" if self._preserved else _PRESERVED)
        words = {word.strip() for word in private if word.strip()}
        self._waybills = {word.upper() for word in words if _TOKEN.fullmatch(word) and any(map(str.isdigit, word))}
        self._names = PrivateNames(word for word in words if word.upper() not in self._waybills)

    def structured(self, text: str) -> str:
        """A text this program made of its own words and counts."""
        return _around(self._preserved, text, self._structured)

    def free(self, text: str) -> str:
        """A text anybody may have written into: logs, settings, file names. Wide and joined letters come out plain."""
        # A wide quotation mark or backslash would end a text of the settings, which are JSON.
        text = unicodedata.normalize("NFKC", text.translate(_HARMLESS))
        return _around(self._preserved_free, text, self._free)

    def _free(self, text: str) -> str:
        text = _INSIDE.sub(NUMBER, _RUN.sub(_mask_number, self._structured(text)))
        return _apply(_FREE, text)

    def _structured(self, text: str) -> str:
        return _apply(_PERSONAL, self._mask_known(text))

    def _mask_known(self, text: str) -> str:
        text = self._names.mask(text, NAME)
        if self._waybills:
            text = _TOKEN.sub(self._replacement, text)
        return text

    def _replacement(self, token: re.Match[str]) -> str:
        return WAYBILL if token[0].upper() in self._waybills else token[0]


def _around(preserved: re.Pattern[str] | None, text: str, work: Callable[[str], str]) -> str:
    """Work on everything between what is kept."""
    pieces: list[str] = []
    last = 0
    for own in preserved.finditer(text) if preserved else ():
        pieces += [work(text[last : own.start()]), own[0]]
        last = own.end()
    return "".join((*pieces, work(text[last:])))


def _apply(rules: Iterable[tuple[re.Pattern[str], str]], text: str) -> str:
    for pattern, instead in rules:
        text = pattern.sub(instead, text)
    return text


def _mask_number(run: re.Match[str]) -> str:
    """A long number; one that is only a part of a word, as of a hexadecimal mark, is not one."""
    number, text = run[0], run.string
    if sum(map(str.isdigit, number)) < _MIN_NUMBER_DIGITS:
        return number
    before, after = text[run.start() - 1 : run.start()], text[run.end() : run.end() + 1]
    glued = (before + after).isascii() and any(map(str.isalnum, before + after))
    return number if glued and number.isdigit() else NUMBER
