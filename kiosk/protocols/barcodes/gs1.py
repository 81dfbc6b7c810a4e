"""Element strings of GS1: application identifiers with their values, read strictly.

Nothing is forgiven but a separator that is not needed: after a value of predefined length, and at the very end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kiosk.protocols.barcodes.digits import gs1_checks
from kiosk.protocols.barcodes.gs1_table import CHARSETS, FORMATS, PREDEFINED_LENGTH, Part

GS = "\x1d"
"""How a scanner sends FNC1 inside a symbol (ISO/IEC 15417, clause 4.3.4.2)."""

Elements = tuple[tuple[str, str], ...]

_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class BadElementString(ValueError):
    """``code``: empty, unknown_ai, length, charset, check_digit, date, separator or repeated_ai."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def parse_element_string(data: str) -> Elements:
    """Split ``data`` (GS between values, no leading FNC1) into identifiers and values; raises BadElementString."""
    if not data:
        raise BadElementString("empty", "an element string needs at least one application identifier")
    elements: list[tuple[str, str]] = []
    rest = data
    while rest:
        identifier, value, rest = _first(rest)
        elements.append((identifier, value))
    _check_repeats(elements)
    return tuple(elements)


def _first(data: str) -> tuple[str, str, str]:
    """The first identifier, its checked value, and what follows behind a separator."""
    if data.startswith(GS):
        raise BadElementString("separator", "a separator stands where an application identifier must begin")
    identifier = _identifier(data)
    whole = PREDEFINED_LENGTH.get(data[:2])
    end = data.find(GS) if whole is None else whole
    stop = len(data) if end < 0 else min(end, len(data))
    value = data[len(identifier) : stop]
    check_value(identifier, value)
    return identifier, value, data[stop:].removeprefix(GS)


def _identifier(data: str) -> str:
    known = next((data[:size] for size in (2, 3, 4) if data[:size] in FORMATS), None)
    if known is None:
        raise BadElementString("unknown_ai", f"no application identifier begins with {data[:4]!r}")
    return known


def _check_repeats(elements: list[tuple[str, str]]) -> None:
    """The same identifier twice needs the same value (General Specifications 4.13)."""
    seen: dict[str, str] = {}
    for identifier, value in elements:
        if seen.setdefault(identifier, value) != value:
            raise BadElementString("repeated_ai", f"({identifier}) stands twice with different values")


def check_value(identifier: str, value: str) -> None:
    """Check a value against the row of a known identifier; raises BadElementString."""
    at = 0
    parts = FORMATS[identifier]
    for part in parts:
        piece = value[at : at + part.most]
        if not piece and part.may_be_absent:
            break
        _check_piece(identifier, part, piece)
        at += len(piece)
    if at != len(value):
        raise BadElementString("length", f"({identifier}) takes at most {at} characters, not {len(value)}")


def _check_piece(identifier: str, part: Part, piece: str) -> None:
    if len(piece) < part.least:
        raise BadElementString("length", f"({identifier}) is too short: {piece!r} must be {part.least} or more")
    wrong = next((character for character in piece if character not in CHARSETS[part.charset]), None)
    if wrong is not None:
        raise BadElementString("charset", f"({identifier}) cannot hold {wrong!r}")
    if part.rule and not _RULES[part.rule](piece):
        code = "check_digit" if part.rule == "key" else "date" if part.rule in ("date", "day0", "time") else "charset"
        raise BadElementString(code, f"({identifier}) has a wrong value {piece!r}")


def _is_date(text: str) -> bool:
    """YYMMDD with a day. The century is not known here: from 1951 to 2099 every fourth year is a leap year."""
    return text[4:] != "00" and _is_date_or_month(text)


def _is_date_or_month(text: str) -> bool:
    year, month, day = int(text[:2]), int(text[2:4]), int(text[4:])
    if not 1 <= month <= len(_DAYS) or day > _DAYS[month - 1]:
        return False
    return (month, day) != (2, 29) or year % 4 == 0


def _is_time(text: str) -> bool:
    return int(text[:2]) < 24 and int(text[2:] or "0") < 60


_RULES: Mapping[str, Callable[[str], bool]] = {
    "key": gs1_checks,
    "date": _is_date,
    "day0": _is_date_or_month,
    "time": _is_time,
    "zero": lambda text: text == "0",
    "bit": lambda text: text in ("0", "1"),
}
