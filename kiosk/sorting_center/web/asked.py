"""What addresses and forms ask for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import urlencode

MOST: Final = 2**53 - 1
"""More than there will ever be of anything; both databases and every reader of JSON count so far (RFC 8259, 6)."""

_VALUES, _CHARACTERS = 20, 200
"""As much of a question is asked again; no page needs more of it."""


def asked_again(asked: Iterable[tuple[str, str]], **also: str) -> str:
    """The question of an address, ``?`` and all, with ``also`` in place of what had those names; "" for none."""
    kept = [(name, value[:_CHARACTERS]) for name, value in asked if name not in also and len(name) <= _CHARACTERS]
    question = urlencode([*kept[:_VALUES], *also.items()])
    return f"?{question}" if question else ""


def whole_number(text: str, most: int = MOST) -> int | None:
    """From 0 to ``most``; None for anything else."""
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(MOST))):
        return None
    number = int(text)
    return number if number <= most else None
