"""What is added up of receipts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Table, func

from kiosk.domain.trade import Mode
from kiosk.sorting_center.reports.tables.schema import MEASURES, PARTED

HALF_BITS: Final = 20


def part_of(mode: str, voided: bool) -> str:
    """Return which of PARTS a receipt is added to."""
    return "void" if voided else "bought" if mode == Mode.PURCHASE else "consigned"


@dataclass(frozen=True, slots=True)
class Figures:
    """Of receipts: all but ``voided`` and the fields that begin with ``void`` are of those that are not void.

    ``bought_fen`` is to be paid; ``consigned_fen`` is an estimate, for goods that still belong to their grower: they
    have no sum. ``late`` arrived more than 24 hours after their corrected time; for ``time_unknown`` that time cannot
    be known, and they count on the day of their arrival.
    """

    intakes: int = 0
    voided: int = 0
    bags: int = 0
    bought_g: int = 0
    bought_fen: int = 0
    consigned_g: int = 0
    consigned_fen: int = 0
    void_g: int = 0
    void_fen: int = 0
    late: int = 0
    time_unknown: int = 0

    @classmethod
    def of(cls, part: str, goods: tuple[int, int, int], marks: tuple[bool, bool]) -> Figures:
        """Build the figures of one receipt: its bags, grams and fen; whether it was late, and its time unknown."""
        bags, net_g, amount_fen = goods
        parted = {f"{part}_g": net_g, f"{part}_fen": amount_fen}
        if part == "void":
            return cls(voided=1, **parted)
        return cls(1, bags=bags, late=int(marks[0]), time_unknown=int(marks[1]), **parted)

    @property
    def net_g(self) -> int:
        """What came in, bought or on consignment."""
        return self.bought_g + self.consigned_g

    def __add__(self, other: Figures) -> Figures:
        return Figures(*(own + more for own, more in zip(astuple(self), astuple(other), strict=True)))


def total(figures: Iterable[Figures]) -> Figures:
    return sum(figures, Figures())


def split_halves(value: int) -> tuple[int, int]:
    """Split into the upper and the lower bits; sums of both make the sum of the whole."""
    return value >> HALF_BITS, value & ((1 << HALF_BITS) - 1)


_FIRST, _LAST = MEASURES.index(f"{PARTED[0]}_high"), MEASURES.index(f"{PARTED[-1]}_low") + 1


def measures_of(figures: Figures) -> list[int]:
    """Return the values in the order of the columns of a table of sums."""
    values = astuple(figures)
    halves = (half for value in values[_FIRST : _FIRST + len(PARTED)] for half in split_halves(value))
    return [*values[:_FIRST], *halves, *values[_FIRST + len(PARTED) :]]


def sums(table: Table) -> list[ColumnElement[int]]:
    """Build the columns to select from a table of sums; read the result with `figures_of`."""
    return [func.coalesce(func.sum(table.c[name]), 0) for name in MEASURES]


def figures_of(values: Sequence[Any]) -> Figures:
    """Build figures from the values of `sums`, in their order."""
    counts = [int(value) for value in values]
    halves = zip(counts[_FIRST:_LAST:2], counts[_FIRST + 1 : _LAST : 2], strict=True)
    return Figures(*counts[:_FIRST], *((high << HALF_BITS) + low for high, low in halves), *counts[_LAST:])
