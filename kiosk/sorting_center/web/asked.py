"""Whole numbers of addresses and forms."""

from __future__ import annotations

from typing import Final

MOST: Final = 2**53 - 1
"""More than there will ever be of anything; both databases and every reader of JSON count so far (RFC 8259, 6)."""


def whole_number(text: str, most: int = MOST) -> int | None:
    """From 0 to ``most``; None for anything else."""
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(MOST))):
        return None
    number = int(text)
    return number if number <= most else None
