"""Receipts as lists show them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row

from kiosk.sorting_center.reports.shared.figures import Figures
from kiosk.sorting_center.reports.shared.times import from_milliseconds_or_none


@dataclass(frozen=True, slots=True)
class ReceiptRow:
    """One receipt that the ledger counts, or did until its void.

    ``at`` is the corrected time, None where nobody can know it: then ``day`` is that of the arrival. ``written_at`` is
    what the event says, ``clock`` how far that can be believed (``synced``, ``restored``, ``unset``). ``member`` is
    None for a non-member. ``bags`` is 0 of an intake whose event was in an archive when it was read.
    """

    region: str
    station: str
    receipt: str
    epoch: str
    seq: int
    feedseq: int
    lot: str
    product: str
    mode: str
    member: str | None
    bags: int
    net_g: int
    amount_fen: int
    at: datetime | None
    written_at: datetime | None
    clock: str
    received_at: datetime | None
    day: date
    late: bool
    voided: bool

    @classmethod
    def of(cls, row: Row[Any]) -> ReceiptRow:
        """From a row of the table."""
        return cls(
            *(row.region, row.station, row.receipt, row.epoch, row.seq, row.feedseq, row.lot, row.product, row.mode),
            *(row.member, row.bags, row.net_g, row.amount_fen),
            at=from_milliseconds_or_none(row.at_ms),
            written_at=from_milliseconds_or_none(row.written_ms),
            clock=row.clock,
            received_at=from_milliseconds_or_none(row.received_ms),
            day=date.fromisoformat(row.day),
            late=bool(row.late),
            voided=bool(row.voided),
        )

    @property
    def time_unknown(self) -> bool:
        return self.at is None

    @property
    def figures(self) -> Figures:
        """What it adds to a total."""
        if self.voided:
            return Figures(voided=1)
        return Figures(1, 0, self.bags, self.net_g, self.amount_fen, int(self.late), int(self.time_unknown))
