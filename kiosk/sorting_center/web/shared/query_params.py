"""What addresses and forms ask for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import urlencode

# More than there will ever be of anything; both databases and every reader of JSON count so far (RFC 8259, 6).
MAX_WHOLE_NUMBER: Final = 2**53 - 1

_MAX_PARAMS, _MAX_CHARS = 20, 200  # As much of a query is repeated; no page needs more of it


def query_with(params: Iterable[tuple[str, str]], **also: str) -> str:
    """Build a query string with its ``?``; ``also`` replaces parameters of the same names. Return "" for none."""
    retained = [(name, value[:_MAX_CHARS]) for name, value in params if name not in also and len(name) <= _MAX_CHARS]
    query = urlencode([*retained[:_MAX_PARAMS], *also.items()])
    return f"?{query}" if query else ""


def parse_whole_number(text: str, maximum: int = MAX_WHOLE_NUMBER) -> int | None:
    """Parse a number from 0 to ``maximum``; None for anything else."""
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_WHOLE_NUMBER))):
        return None
    number = int(text)
    return number if number <= maximum else None
