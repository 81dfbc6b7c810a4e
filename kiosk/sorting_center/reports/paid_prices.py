"""What each station paid last: the newest receipt of each of its goods and modes, read as receipts come in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import func, select

from kiosk.sorting_center.reports.shared.times import from_milliseconds
from kiosk.sorting_center.reports.tables.opening import ReportTables
from kiosk.sorting_center.reports.tables.schema import receipt
from kiosk.sorting_center.reports.tables.stamps import ReportsStamp

MAX_AGE_DAYS: Final = 31  # How far is looked back at the beginning, and when the reports were made again

PaidKey = tuple[str, str, str, str]  # Region, station, product and mode
_c = receipt.c
_COLUMNS: Final = (_c.region, _c.station, _c.product, _c.mode, _c.price_fen, _c.day, _c.at_ms, _c.received_ms)


@dataclass(frozen=True, slots=True)
class PaidPrice:
    """Fen per kilogram; ``at``: the corrected time of the receipt, or its arrival where that is unknown."""

    region: str
    station: str
    product: str
    mode: str
    fen_per_kg: int
    day: date
    at: datetime


class PaidPrices:
    """For one thread: what was read stays. A receipt that is voided later counts until the next one of its kind."""

    def __init__(self, tables: ReportTables) -> None:
        self._tables = tables
        self._made: tuple[str, str] | None = None
        self._upto = 0
        self._paid: dict[PaidKey, PaidPrice] = {}

    def newest(self, today: date) -> dict[PaidKey, PaidPrice]:
        """Read the receipts that have come since the last call; return the newest prices. Raises ReportsUnusable."""
        with self._tables.reading() as connection:
            stamp = ReportsStamp.read(connection)
            if stamp is None:
                return {}
            made = (stamp.ledger_id, stamp.generation)
            counts = (_c.price_fen > 0) & ~_c.voided
            if made == self._made and stamp.feedseq >= self._upto:
                counts &= _c.feedseq > self._upto
            else:
                counts &= _c.day >= (today - timedelta(days=MAX_AGE_DAYS)).isoformat()
                self._paid = {}
            newest = select(func.max(_c.feedseq)).where(counts).group_by(_c.region, _c.station, _c.product, _c.mode)
            for *key, fen, day, at_ms, received_ms in connection.execute(
                select(*_COLUMNS).where(_c.feedseq.in_(newest))
            ):
                region, station, product, mode = key
                at = from_milliseconds(at_ms if at_ms is not None else received_ms)
                found = PaidPrice(region, station, product, mode, fen, date.fromisoformat(day), at)
                self._paid[region, station, product, mode] = found
            self._made, self._upto = made, stamp.feedseq
        return dict(self._paid)
