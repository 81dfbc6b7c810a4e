"""What members have brought. Numbers only: names stay at the stations."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Select, exists, func, select

from kiosk.domain.trade import Mode
from kiosk.messaging.contract.statement import KIND, StatementFile, StatementLine, sums_of
from kiosk.sorting_center.reports.days import GoodsRow
from kiosk.sorting_center.reports.journal import Key
from kiosk.sorting_center.reports.receipts import ReceiptRow
from kiosk.sorting_center.reports.shared.figures import Figures, total
from kiosk.sorting_center.reports.tables.opening import ReportTables
from kiosk.sorting_center.reports.tables.schema import newest, receipt

# Of a member in a year: fifty a day. Above that the number is misused, and the answer says that it is cut off.
MAX_RECEIPTS: Final = 20_000


@dataclass(frozen=True, slots=True)
class MemberYear:
    """A year of a member in a region: ``figures`` and ``goods`` are the sums of ``receipts``, which are all of them
    unless ``cut_off``. Newest first; void ones are among them.
    """

    region: str
    member: str
    year: int
    figures: Figures
    goods: tuple[GoodsRow, ...]
    receipts: tuple[ReceiptRow, ...]
    cut_off: bool

    @property
    def stations(self) -> dict[str, Figures]:
        """The sums of each station that took something in."""
        found: dict[str, Figures] = {}
        for row in self.receipts:
            found[row.station] = found.get(row.station, Figures()) + row.figures
        return dict(sorted(found.items()))


def statement_of(found: MemberYear, hashes: Mapping[Key, str]) -> StatementFile:
    """Build the year as a file to sign; ``hashes`` are those of the events of its receipts."""
    lines = [
        StatementLine(
            row.receipt,
            row.day.isoformat(),
            not row.time_unknown,
            row.product,
            row.bags,
            row.net_g,
            row.price_fen,
            row.amount_fen,
            Mode(row.mode).value,
            row.voided,
            hashes[event_key(row)],
        )
        for row in found.receipts
    ]
    days = f"{found.year:04}-01-01", f"{found.year:04}-12-31"
    return StatementFile(KIND, found.region, found.member, *days, lines, sums_of(lines))


def event_key(row: ReceiptRow) -> Key:
    return row.station, row.epoch, row.region, row.seq


class Members:
    def __init__(self, tables: ReportTables) -> None:
        self._tables = tables

    def years(self, member: str, region: str) -> tuple[int, ...]:
        c = receipt.c
        query = select(c.day).where(c.member == member, c.member.is_not(None), c.region == region).distinct()
        with self._tables.reading() as connection:
            return tuple(sorted({int(day[:4]) for day in connection.execute(query).scalars()}, reverse=True))

    def highest(self, region: str) -> str:
        """Return the highest member number in any receipt; "" without one."""
        c = receipt.c
        query = select(func.max(c.member)).where(c.member.is_not(None), c.region == region)
        with self._tables.reading() as connection:
            return connection.execute(query).scalar() or ""

    def with_receipts(self, region: str, members: Collection[str]) -> set[str]:
        """Return the members that have brought something."""
        c = receipt.c
        query = select(c.member).where(c.member.in_(members), c.member.is_not(None), c.region == region).distinct()
        with self._tables.reading() as connection:
            return set(connection.execute(query).scalars())

    def year(self, member: str, region: str, year: int) -> MemberYear:
        c = receipt.c
        of_member = (c.member == member) & c.member.is_not(None) & (c.region == region)
        in_year = (c.day >= f"{year:04}-01-01") & (c.day <= f"{year:04}-12-31")
        last_first = (c.day.desc(), c.at_ms.desc().nulls_last(), c.station, c.receipt.desc())
        query = select(receipt).where(of_member, in_year).order_by(*last_first).limit(MAX_RECEIPTS + 1)
        with self._tables.reading() as connection:
            rows = [ReceiptRow.of(row) for row in connection.execute(query)]
        receipts = tuple(rows[:MAX_RECEIPTS])
        return MemberYear(
            region,
            member,
            year,
            total(row.figures for row in receipts),
            _goods(receipts),
            receipts,
            cut_off=len(rows) > MAX_RECEIPTS,
        )


def regions_of(member: str) -> Select[Any]:
    """Select the regions where a member has a receipt, querying by region and not by receipt of the member."""
    region, c = select(newest.c.region).distinct().subquery().c.region, receipt.c
    brought = exists().where(c.member == member, c.member.is_not(None), c.region == region)
    return select(region).where(brought).order_by(region)


def _goods(rows: tuple[ReceiptRow, ...]) -> tuple[GoodsRow, ...]:
    found: dict[str, list[Figures]] = {}
    for row in rows:
        found.setdefault(row.product, []).append(row.figures)
    return tuple(GoodsRow(product, total(figures)) for product, figures in sorted(found.items()))
