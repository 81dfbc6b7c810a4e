"""Numbers exactly as an indicator sent them: decimals kept, nothing repaired."""

from __future__ import annotations

import re
from decimal import Decimal

_NUMBER = re.compile(rb" *([+-]?) *([0-9]+(?:\.[0-9]+)?) *")


def signed(negative: bool, digits: str) -> Decimal:
    """Convert digits (with their point, if any); minus zero, which some indicators send, becomes zero."""
    value = Decimal(digits)
    return -value if negative and value else value


def from_digits(negative: bool, digits: bytes, decimals: int) -> Decimal:
    """Convert a number sent as digits without a point and a count of decimals."""
    return signed(negative, digits.decode("ascii")).scaleb(-decimals)


def from_text(field: bytes) -> Decimal | None:
    """Parse a fixed-width field: spaces, at most one sign, spaces, digits with at most one point inside; else None.

    "- 7.385" is legal (the sign is first in a space-filled field), "7 .385", "1.2.3" and "--1" are not.
    """
    match = _NUMBER.fullmatch(field)
    if match is None:
        return None
    return signed(match[1] == b"-", match[2].decode("ascii"))


def to_digits(value: Decimal) -> tuple[bool, str, int]:
    """Return whether it is below zero, its digits without a point, and the number of decimals, for frame builders."""
    plain = to_text(abs(value))
    whole, _, decimals = plain.partition(".")
    return value < 0, (whole + decimals).lstrip("0") or "0", len(decimals)


def to_text(value: Decimal) -> str:
    """Format without exponent, with as many decimals as were sent."""
    return format(value, "f")
