"""Flat pages of tiles: nothing is nested, and a page holds no more than can be seen at a glance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
_MAX_DIGITS = 4


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page; ``previous`` and ``next`` are page numbers or None, each takes the place of one tile."""

    items: tuple[T, ...]
    number: int
    count: int

    @property
    def previous(self) -> int | None:
        return self.number - 1 if self.number > 1 else None

    @property
    def next(self) -> int | None:
        return self.number + 1 if self.number < self.count else None


def pages(items: Sequence[T], tiles: int) -> list[Page[T]]:
    """Split into pages of at most ``tiles`` tiles, arrows included; always at least one page."""
    cuts: list[tuple[T, ...]] = []
    rest = tuple(items)
    while True:
        room = tiles - (1 if cuts else 0)
        if len(rest) <= room:
            cuts.append(rest)
            break
        cuts.append(rest[: room - 1])
        rest = rest[room - 1 :]
    return [Page(cut, number, len(cuts)) for number, cut in enumerate(cuts, 1)]


def page_of(items: Sequence[T], tiles: int, requested: str | None) -> Page[T]:
    """Return the page requested in a query; the first one when the query makes no sense."""
    all_pages = pages(items, tiles)
    number = number_of(requested)
    return all_pages[number - 1] if number <= len(all_pages) else all_pages[0]


def rows_of(items: Sequence[T], rows: int, requested: str | None) -> Page[T]:
    """Return the page with so many rows, the arrows beside them; the first one when the query makes no sense."""
    count = max(1, -(-len(items) // rows))
    number = number_of(requested)
    number = number if number <= count else 1
    return Page(tuple(items[(number - 1) * rows : number * rows]), number, count)


def number_of(requested: str | None) -> int:
    """Parse the page number in a query, for lists of unknown length; 1 when the query makes no sense."""
    good = requested is not None and requested.isascii() and requested.isdigit() and len(requested) <= _MAX_DIGITS
    return max(1, int(requested)) if requested is not None and good else 1
