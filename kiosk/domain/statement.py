"""What a member brought, added up: purchases are owed, consignments are an estimate, so they have no common sum."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from kiosk.domain.identifiers import ReceiptNumber
from kiosk.domain.moment import ClockQuality
from kiosk.domain.trade import Mode


@dataclass(frozen=True, slots=True)
class BroughtSums:
    """Grams and fen. ``receipts`` are those that are not void; a void one is in ``voids`` and in nothing else."""

    receipts: int = 0
    voids: int = 0
    purchase_g: int = 0
    purchase_fen: int = 0
    consignment_g: int = 0
    consignment_fen: int = 0

    @classmethod
    def of(cls, rows: Iterable[tuple[int, str, bool, int, int]]) -> Self:
        """Sum up rows of receipts: how many, their mode, whether they are void, grams, fen."""
        receipts, voids, sums = 0, 0, {mode: [0, 0] for mode in Mode}
        for count, mode, voided, net_g, amount_fen in rows:
            if voided:
                voids += count
                continue
            receipts += count
            sums[Mode(mode)][0] += net_g
            sums[Mode(mode)][1] += amount_fen
        return cls(receipts, voids, *sums[Mode.PURCHASE], *sums[Mode.CONSIGNMENT])


@dataclass(frozen=True, slots=True)
class Statement:
    """What the signed code on a member's strip says: the receipts of one station from ``first`` to ``last``.

    ``minute`` and ``clock`` as in a slip. ``head``: the first 8 bytes of the last hash of the station's journal.
    """

    region: str
    member: str
    minute: int | None
    clock: ClockQuality
    first: ReceiptNumber
    last: ReceiptNumber
    sums: BroughtSums
    head: bytes
