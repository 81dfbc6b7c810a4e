"""The two ways people write element strings: identifiers in round brackets, and ``^`` for FNC1."""

from __future__ import annotations

import re

from kiosk.protocols.barcodes.gs1.elements import (
    GS,
    BadElementString,
    Elements,
    check_repeats,
    check_value,
    parse_element_string,
)

FNC1 = "^"  # No character set of GS1 has it

# A bracket that belongs to a value is written `\(`, a backslash never stands in one.
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
    """As people read it under a symbol, a bracket inside a value escaped."""
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
