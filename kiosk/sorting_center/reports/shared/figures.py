"""What is added up of receipts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Table, func

HALF_BITS: Final = 20


@dataclass(frozen=True, slots=True)
class Figures:
    """Of receipts: all but ``voided`` of those that are not void.

    ``late`` arrived more than 24 hours after their corrected time; of ``time_unknown`` nobody can know it, and they
    stand on the day on which they arrived.
    """

    intakes: int = 0
    voided: int = 0
    bags: int = 0
    net_g: int = 0
    amount_fen: int = 0
    late: int = 0
    time_unknown: int = 0

    def __add__(self, other: Figures) -> Figures:
        return Figures(*(own + more for own, more in zip(astuple(self), astuple(other), strict=True)))


def total(figures: Iterable[Figures]) -> Figures:
    return sum(figures, Figures())


def split_halves(value: int) -> tuple[int, int]:
    """The upper and the lower bits; sums of both make the sum of the whole."""
    return value >> HALF_BITS, value & ((1 << HALF_BITS) - 1)


_MEASURES: Final = (
    *("intakes", "voided", "bags", "net_high", "net_low"),
    *("amount_high", "amount_low", "late", "time_unknown"),
)


def sums(table: Table) -> list[ColumnElement[int]]:
    """To be selected of a table of sums; `figures_of` reads what comes."""
    return [func.coalesce(func.sum(table.c[name]), 0) for name in _MEASURES]


def figures_of(values: Sequence[Any]) -> Figures:
    """From the values of `sums`, in their order."""
    intakes, voided, bags, net_high, net_low, amount_high, amount_low, late, time_unknown = values
    return Figures(
        int(intakes),
        int(voided),
        int(bags),
        (int(net_high) << HALF_BITS) + int(net_low),
        (int(amount_high) << HALF_BITS) + int(amount_low),
        int(late),
        int(time_unknown),
    )
