"""Element strings of GS1: application identifiers with their values, read and written strictly.

Nothing is forgiven but a separator that is not needed: after a value of predefined length, and at the very end.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from kiosk.protocols.barcodes.gs1.rules import RULES
from kiosk.protocols.barcodes.gs1.table import CHARSETS, PREDEFINED_LENGTH, TABLE, matches, needs_separator

SIGNATURE = "8030"
# A digital signature is for one item: these keys mean a class of items when they have no more than this.
LENGTH_WITHOUT_SERIAL: Mapping[str, int] = {"253": 13, "255": 13, "8003": 14}


def check_pairs(elements: Elements) -> None:
    """Check for invalid pairs: raises BadElementString ``forbidden_ai`` for the first identifier beside one."""
    present = sorted({identifier for identifier, _ in elements})
    for identifier, _ in elements:
        for pattern in TABLE[identifier].not_with:
            met = next((other for other in present if other != identifier and matches(pattern, other)), None)
            if met is not None:
                raise BadElementString("forbidden_ai", f"({identifier}) must not stand with ({met})", identifier)


def check_associations(elements: Elements) -> None:
    """Check mandatory associations (General Specifications 4.13): raises BadElementString ``missing_ai``.

    They hold for all that is marked on one physical item, which may be several symbols: a scanner's single reading is
    not judged by them.
    """
    present = {identifier for identifier, _ in elements}

    def is_met(pattern: str) -> bool:
        return any(matches(pattern, other) for other in present)

    for identifier, _ in elements:
        needs = TABLE[identifier].needs
        if needs and not any(all(map(is_met, alternative)) for alternative in needs):
            needed = " or ".join("+".join(alternative) for alternative in needs)
            raise BadElementString("missing_ai", f"({identifier}) needs {needed} beside it", identifier)
    for identifier, value in elements if SIGNATURE in present else ():
        if len(value) <= LENGTH_WITHOUT_SERIAL.get(identifier, 0):
            message = f"({SIGNATURE}) signs one item: ({identifier}) needs its serial part"
            raise BadElementString("missing_ai", message, identifier)


class BadElementString(ValueError):
    """``code`` is one of ``CODES``; ``identifier`` the AI it is about, "" when none was read; ``at`` the place.

    Places count characters from 0, in the text that was given or, from ``check_value`` alone, in the value.
    """

    def __init__(self, code: str, message: str, identifier: str = "", at: int = 0) -> None:
        super().__init__(message)
        self.code: Final = code
        self.identifier: Final = identifier
        self.at: Final = at

    def shifted(self, by: int) -> BadElementString:
        """Return the same error, its place counted from the beginning of a longer text."""
        return BadElementString(self.code, str(self), self.identifier, self.at + by)


_CODES = (
    "empty unknown_ai length charset separator brackets repeated_ai missing_ai forbidden_ai check_digit check_pair "
    "date time country currency prefix iban percent position sequence code zero link"
)
CODES = frozenset(_CODES.split())  # Every `code` there is

GS = "\x1d"  # How a scanner sends FNC1 inside a symbol (ISO/IEC 15417, clause 4.3.4.2)
Elements = tuple[tuple[str, str], ...]


def parse_element_string(data: str) -> Elements:
    """Split ``data`` (GS between values, no leading FNC1) into identifiers and values; raises BadElementString.

    Each value is checked by itself, and the same identifier twice has the same value. Pairs and associations are
    checked by `check_pairs` and `check_associations`.
    """
    if not data:
        raise BadElementString("empty", "an element string needs at least one application identifier")
    elements: list[tuple[str, str]] = []
    at = 0
    while at < len(data):
        identifier, value, at = _next(data, at)
        elements.append((identifier, value))
    check_repeats(elements)
    return tuple(elements)


def build_element_string(elements: Iterable[tuple[str, str]]) -> str:
    """Build the data of a symbol, GS where a separator is needed, no leading FNC1; raises BadElementString.

    The order is kept: identifiers of predefined length first save separators.
    """
    given = tuple(elements)
    if not given:
        raise BadElementString("empty", "an element string needs at least one application identifier")
    for identifier, value in given:
        check_value(identifier, value)
    check_repeats(given)
    closed = "".join(one + value + (GS if needs_separator(one) else "") for one, value in given)
    return closed.removesuffix(GS)


def _next(data: str, at: int) -> tuple[str, str, int]:
    """Return the identifier at a place, its checked value, and where the next begins behind a separator."""
    if data[at] == GS:
        raise BadElementString("separator", "a separator stands where an application identifier must begin", at=at)
    identifier = next((data[at : at + size] for size in (2, 3, 4) if data[at : at + size] in TABLE), None)
    if identifier is None:
        raise BadElementString("unknown_ai", f"no application identifier begins with {data[at : at + 4]!r}", at=at)
    whole = PREDEFINED_LENGTH.get(identifier[:2])
    closed = data.find(GS, at)
    end = len(data) if closed < 0 else closed
    stop = end if whole is None else min(end, at + whole)
    start = at + len(identifier)
    try:
        check_value(identifier, data[start:stop])
    except BadElementString as error:
        raise error.shifted(start) from None
    return identifier, data[start:stop], stop + 1 if stop == closed else stop


def check_repeats(elements: Iterable[tuple[str, str]]) -> None:
    """Check that a repeated identifier repeats its value (General Specifications 4.13); raises BadElementString."""
    seen: dict[str, str] = {}
    for identifier, value in elements:
        if seen.setdefault(identifier, value) != value:
            raise BadElementString("repeated_ai", f"({identifier}) stands twice with different values", identifier)


def check_value(identifier: str, value: str) -> None:
    """Check a value against the row of its identifier; raises BadElementString, its place counted in the value."""
    if identifier not in TABLE:
        raise BadElementString("unknown_ai", f"({identifier}) is no application identifier", identifier)
    at = 0
    for part in TABLE[identifier].parts:
        piece = value[at : at + part.max_length]
        if not piece and part.may_be_absent:
            break
        wrong = next((place for place, one in enumerate(piece) if one not in CHARSETS[part.charset]), None)
        if wrong is not None:
            raise BadElementString("charset", f"({identifier}) cannot hold {piece[wrong]!r}", identifier, at + wrong)
        if len(piece) < part.min_length:
            message = f"({identifier}) is too short: {piece!r} must have {part.min_length} characters or more"
            raise BadElementString("length", message, identifier, at)
        for name in part.rules:
            if not RULES[name].holds(piece):
                raise BadElementString(RULES[name].code, f"({identifier}) has a wrong value {piece!r}", identifier, at)
        at += len(piece)
    if at != len(value):
        raise BadElementString("length", f"({identifier}) takes at most {at} characters", identifier, at)


FNC1 = "^"  # No character set of GS1 has it
# A bracket that belongs to a value is written `\(`, a backslash never occurs in one.
_BRACKETED = re.compile(r"\(([0-9]{2,4})\)((?:[^(\\]|\\.)*)", re.DOTALL)


def parse_notation(text: str) -> Elements:
    """Read ``(01)...(10)...`` or ``01...^10...``, with or without a leading ``^``; raises BadElementString."""
    if text.startswith("("):
        return _parse_brackets(text)
    data = text.removeprefix(FNC1)
    try:
        return parse_element_string(data.replace(FNC1, GS))
    except BadElementString as error:
        raise error.shifted(len(text) - len(data)) from None


def to_bracketed(elements: Elements) -> str:
    """Return the text that is printed under a symbol, a bracket inside a value escaped."""
    return "".join(f"({identifier}){value.replace('(', chr(92) + '(')}" for identifier, value in elements)


def _parse_brackets(text: str) -> Elements:
    elements: list[tuple[str, str]] = []
    at = 0
    while at < len(text):
        match = _BRACKETED.match(text, at)
        if match is None:
            raise BadElementString("brackets", "an identifier of two to four digits in brackets must stand here", at=at)
        identifier, value = match[1], match[2].replace("\\(", "(")
        try:
            check_value(identifier, value)
        except BadElementString as error:
            raise error.shifted(match.start(2)) from None
        elements.append((identifier, value))
        at = match.end()
    check_repeats(elements)
    return tuple(elements)
