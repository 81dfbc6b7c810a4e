"""Dates and times of day as GS1 writes them: in digits. Every text here is ASCII digits of the right length."""

from __future__ import annotations

from calendar import monthrange


def _exists(year: int, month: int, day: int) -> bool:
    return 1 <= month <= 12 and day <= monthrange(year, month)[1]


def is_date_or_month(text: str) -> bool:
    """YYMMDD, where the day 00 means the whole month.

    The century slides with the year that is now (General Specifications 7.12), which is not known here: from 1901 to
    2099 every fourth year is a leap year, so any year with the same last two digits serves.
    """
    return _exists(2000 + int(text[:2]), int(text[2:4]), int(text[4:]))


def is_date(text: str) -> bool:
    return text[4:] != "00" and is_date_or_month(text)


def is_long_date(text: str) -> bool:
    """YYYYMMDD with a day; the year 0000 has the days of 2000, the calendar of the library begins behind it."""
    return text[6:] != "00" and _exists(int(text[:4]) or 2000, int(text[4:6]), int(text[6:]))


def is_hour(text: str) -> bool:
    """HH, 00 to 23."""
    return int(text) < 24


def is_sixtieth(text: str) -> bool:
    """Minutes or seconds, 00 to 59."""
    return int(text) < 60


def is_time(text: str) -> bool:
    return is_hour(text[:2]) and is_sixtieth(text[2:])
