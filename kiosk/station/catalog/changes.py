"""What another catalog would change, for the person who decides whether it is imported."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from kiosk.domain.catalog import Catalog, Names
from kiosk.domain.trade import Mode

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RowChanges:
    """How many rows of one kind there would be, and how many of them are new, are gone, have changed."""

    n: int
    new: int
    gone: int
    changed: int


@dataclass(frozen=True, slots=True)
class PriceChange:
    """``before`` and ``after`` in fen per kilogram; None: no price."""

    names: Names
    mode: Mode
    before: int | None
    after: int | None


@dataclass(frozen=True, slots=True)
class Changes:
    """``prices`` in the order of the new catalog, those that are gone last."""

    products: RowChanges
    containers: RowChanges
    members: RowChanges
    prices: tuple[PriceChange, ...]


def changes(before: Catalog, after: Catalog) -> Changes:
    return Changes(
        _row_changes(before.products, after.products, lambda row: row.code),
        _row_changes(before.containers, after.containers, lambda row: row.code),
        _row_changes(before.members, after.members, lambda row: row.number),
        tuple(_prices(before, after)),
    )


def _row_changes(before: Sequence[T], after: Sequence[T], key: Callable[[T], str]) -> RowChanges:
    old, new = ({key(row): row for row in rows} for rows in (before, after))
    changed = sum(new[code] != old[code] for code in old.keys() & new.keys())
    return RowChanges(len(new), len(new.keys() - old.keys()), len(old.keys() - new.keys()), changed)


def _prices(before: Catalog, after: Catalog) -> Iterable[PriceChange]:
    names = {row.code: row.names for catalog in (before, after) for row in catalog.products}
    old, new = ({(row.product, row.mode): row.fen_per_kg for row in catalog.prices} for catalog in (before, after))
    for code, mode in dict.fromkeys([*new, *old]):
        was, will = old.get((code, mode)), new.get((code, mode))
        if was != will:
            yield PriceChange(names[code], mode, was, will)
