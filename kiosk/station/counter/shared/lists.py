"""A part of a list, whatever a page asked for."""

from __future__ import annotations

from typing import Final

MAX_ROWS: Final = 100  # Of one list: a page holds less, and no request makes the station hold more
LARGEST: Final = 2**63 - 1  # What SQLite takes as a number


def window(limit: int, offset: int) -> tuple[int, int]:
    """Limit and offset as the store may be asked."""
    return min(max(limit, 0), MAX_ROWS), min(max(offset, 0), LARGEST)
