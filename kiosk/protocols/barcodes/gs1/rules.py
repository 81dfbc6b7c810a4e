"""What a part of a value must be beside its length and its characters, by the names that the rows use.

A rule sees text of the right length and characters only; dates and times are digits. Sources are the sections of the
GS1 General Specifications.
"""

from __future__ import annotations

import re
import tomllib
from calendar import monthrange
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from kiosk.protocols.barcodes.shared.digits import has_valid_check_digit, has_valid_check_pair, is_digits


def _exists(year: int, month: int, day: int) -> bool:
    return 1 <= month <= 12 and day <= monthrange(year, month)[1]


def is_date_or_month(text: str) -> bool:
    """Check for YYMMDD, where the day 00 means the whole month.

    The century depends on the current year (General Specifications 7.12), which is not known here: from 1901 to 2099
    every fourth year is a leap year, so any year with the same last two digits serves.
    """
    return _exists(2000 + int(text[:2]), int(text[2:4]), int(text[4:]))


def is_date(text: str) -> bool:
    return text[4:] != "00" and is_date_or_month(text)


def is_long_date(text: str) -> bool:
    """Check for YYYYMMDD with a day; 0000, which the library's calendar lacks, has the days of 2000."""
    return text[6:] != "00" and _exists(int(text[:4]) or 2000, int(text[4:6]), int(text[6:]))


def is_hour(text: str) -> bool:
    """Check for HH, 00 to 23."""
    return int(text) < 24


def is_sixtieth(text: str) -> bool:
    """Check for minutes or seconds, 00 to 59."""
    return int(text) < 60


def is_time(text: str) -> bool:
    return is_hour(text[:2]) and is_sixtieth(text[2:])


_LISTS = tomllib.loads(Path(__file__).with_name("code_lists.toml").read_text(encoding="utf-8"))
COUNTRIES_NUMERIC = frozenset(_LISTS["countries_numeric"].split())
COUNTRIES_ALPHA_2 = frozenset(_LISTS["countries_alpha_2"].split())
CURRENCIES_NUMERIC = frozenset(_LISTS["currencies_numeric"].split())
PACKAGES = frozenset(_LISTS["packages"].split())
# ICCBBA media types: 01 to 10 assigned, 80 to 99 for local use.
MEDIA_TYPES = frozenset(f"{number:02d}" for number in (*range(1, 11), *range(80, 100)))


@dataclass(frozen=True, slots=True)
class Rule:
    """``code`` is the one of ``BadElementString`` when ``holds`` is false."""

    code: str
    holds: Callable[[str], bool]


_PREFIX_LENGTH = 4  # The shortest GS1 company prefix
# Ten-millionths of a degree, counted from the south pole and from 180 degrees west.
_MAX_LATITUDE, _MAX_LONGITUDE = 1_800_000_000, 3_600_000_000
_IBAN = re.compile(r"[A-Z]{2}[0-9A-Z]{9,}")  # More than ten characters; the character set of the part ends it at 34
_STRAY_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SEQUENCE = re.compile(r"([1-9][0-9]*)/([1-9][0-9]*)")
_PADDED = re.compile(r"[^=]*(={0,2})")


def _begins_with_prefix(text: str) -> bool:
    return len(text) >= _PREFIX_LENGTH and is_digits(text[:_PREFIX_LENGTH])


def _is_iban(text: str) -> bool:
    """Check ISO 13616: the first four characters moved to the end, letters as 10 to 35, leaves 1 modulo 97."""
    if _IBAN.fullmatch(text) is None or text[:2] not in COUNTRIES_ALPHA_2:
        return False
    return int("".join(str(int(character, 36)) for character in text[4:] + text[:4])) % 97 == 1


def _is_piece_of_total(text: str) -> bool:
    half = len(text) // 2
    return 1 <= int(text[:half]) <= int(text[half:])


def _is_place_in_sequence(text: str) -> bool:
    """Check for a birth sequence, "2/3"."""
    match = _SEQUENCE.fullmatch(text)
    return match is not None and int(match[1]) <= int(match[2])


def _is_padded(text: str) -> bool:
    """Check for at most two "=" at the end, length a multiple of three then (GS1 Barcode Syntax Dictionary)."""
    match = _PADDED.fullmatch(text)
    return match is not None and (not match[1] or len(text) % 3 == 0)


# The name in a row to the rule.
RULES: Mapping[str, Rule] = {
    "check": Rule("check_digit", has_valid_check_digit),
    "check_pair": Rule("check_pair", has_valid_check_pair),
    "prefix": Rule("prefix", _begins_with_prefix),
    "prefix2": Rule("prefix", lambda text: _begins_with_prefix(text[1:])),
    "date": Rule("date", is_date),
    "day0": Rule("date", is_date_or_month),
    "date4": Rule("date", is_long_date),
    "hh": Rule("time", is_hour),
    "mm": Rule("time", is_sixtieth),
    "ss": Rule("time", is_sixtieth),
    "hhmm": Rule("time", is_time),
    "country": Rule("country", COUNTRIES_NUMERIC.__contains__),
    "country999": Rule("country", lambda text: text == "999" or text in COUNTRIES_NUMERIC),
    "country2": Rule("country", COUNTRIES_ALPHA_2.__contains__),
    "currency": Rule("currency", CURRENCIES_NUMERIC.__contains__),
    "iban": Rule("iban", _is_iban),
    "percent": Rule("percent", lambda text: _STRAY_PERCENT.search(text) is None),
    "latitude": Rule("position", lambda text: int(text) <= _MAX_LATITUDE),
    "longitude": Rule("position", lambda text: int(text) <= _MAX_LONGITUDE),
    "piece": Rule("sequence", _is_piece_of_total),
    "sequence": Rule("sequence", _is_place_in_sequence),
    "media": Rule("code", MEDIA_TYPES.__contains__),
    "package": Rule("code", PACKAGES.__contains__),
    "sex": Rule("code", ["0", "1", "2", "9"].__contains__),
    "winding": Rule("code", ["0", "1", "9"].__contains__),
    "bit": Rule("code", ["0", "1"].__contains__),
    "importer": Rule("charset", lambda text: text.isascii() and text.replace("-", "A").replace("_", "A").isalnum()),
    "hyphen": Rule("charset", lambda text: text == "-" * len(text)),
    "letter": Rule("charset", lambda text: not is_digits(text)),
    "padding": Rule("charset", _is_padded),
    "zero": Rule("zero", lambda text: not text.strip("0")),
    "nonzero": Rule("zero", lambda text: bool(text.strip("0"))),
    "no_leading_zero": Rule("zero", lambda text: not text.startswith("0")),
}
