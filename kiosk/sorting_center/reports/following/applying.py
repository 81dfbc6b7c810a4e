"""From the events of a page to rows: receipts, voids, sums, parcels, stations. All in one transaction.

What the tables say after a page hangs on the events before its end alone, not on where pages began.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import tzinfo
from functools import cache
from typing import Any, Final

import msgspec
from msgspec.structs import astuple, replace
from sqlalchemy import Connection, Select, Table, literal_column, select

from kiosk.domain.events import IntakeVoided
from kiosk.domain.moment import ClockQuality
from kiosk.sorting_center.ledger.database.keys import Keys, as_parameter
from kiosk.sorting_center.ledger.database.rows import insert_missing, insert_rows, upsert_rows
from kiosk.sorting_center.reports.figures import halves
from kiosk.sorting_center.reports.following.impossible import note_impossible
from kiosk.sorting_center.reports.following.names import name_rows
from kiosk.sorting_center.reports.following.page import BareIntake, Page, ToldEvent
from kiosk.sorting_center.reports.following.parcels import parcel_rows
from kiosk.sorting_center.reports.tables.clocks import counting_offset
from kiosk.sorting_center.reports.tables.rows import add_to_sums
from kiosk.sorting_center.reports.tables.schema import (
    SUMS,
    clock_point,
    county_hour,
    goods,
    name,
    newest,
    parcel,
    receipt,
    station_day,
    station_goods,
    station_price,
    told,
    void,
)
from kiosk.sorting_center.reports.times import Place, place

ReceiptKey = tuple[str, str, str]
"""Station, receipt, region."""


class _Receipt(msgspec.Struct, frozen=True):
    """A row of ``receipt``, in the order of its columns."""

    station: str
    receipt: str
    region: str
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
    price_fen: int
    clock: str
    boot: int
    monotonic_ms: int
    written_ms: int
    received_ms: int
    at_ms: int | None
    day: str
    hour: int
    late: bool
    voided: bool

    @property
    def key(self) -> ReceiptKey:
        return (self.station, self.receipt, self.region)

    @property
    def place(self) -> Place:
        return Place(self.at_ms, self.day, self.hour, self.late)

    def at(self, where: Place) -> _Receipt:
        """The same at another place."""
        return replace(self, at_ms=where.at_ms, day=where.day, hour=where.hour, late=where.late)


class _Sums:
    """Changes of the tables of sums, put together in memory."""

    def __init__(self) -> None:
        self._sums: dict[Table, dict[tuple[Any, ...], list[int]]] = {table: {} for table in SUMS}
        self._reduced: set[tuple[Any, ...]] = set()

    def add(self, row: _Receipt) -> None:
        """It counts now as this row says."""
        self._change(row, 1)

    def take(self, row: _Receipt) -> None:
        """It counted as this row says, and does not any more."""
        self._change(row, -1)

    def _change(self, row: _Receipt, sign: int) -> None:
        figures = [0] * 9
        if row.voided:
            figures[1] = sign
        else:
            parts = (1, 0, row.bags, *halves(row.net_g), *halves(row.amount_fen), row.late, row.at_ms is None)
            figures = [sign * int(part) for part in parts]
        for table, key in (
            (station_goods, (row.day, row.region, row.station, row.product, row.mode)),
            (station_day, (row.day, row.region, row.station)),
            (county_hour, (row.day, row.hour, row.region, row.product, row.mode)),
            (station_price, (row.day, row.region, row.product, row.station, row.price_fen)),
        ):
            sums = self._sums[table]
            before = sums.get(key)
            sums[key] = figures if before is None else [a + b for a, b in zip(before, figures, strict=True)]
            if sign < 0:
                self._reduced.add(key)

    def write(self, connection: Connection) -> None:
        for table, sums in self._sums.items():
            rows = [(*key, *figures) for key, figures in sums.items()]
            add_to_sums(connection, table, rows, [key for key in sums if key in self._reduced])


class Applying:
    """One page, written through one connection."""

    def __init__(self, connection: Connection, zone: tzinfo) -> None:
        self._connection = connection
        self._dialect = connection.dialect.name
        self._zone = zone
        self._sums = _Sums()

    def apply(self, page: Page) -> None:
        """Everything but the stamp."""
        voided = self._add_voids(page)
        new = self._add_receipts(page)
        self._void(voided - {row.key for row in new})
        self._set_clocks(page.events, new)
        self._sums.write(self._connection)
        self._add_subjects(page.events)
        upsert_rows(self._connection, parcel, parcel_rows(page.events), unless_null=True)
        upsert_rows(self._connection, name, name_rows(page.events), unless_null=True)
        self._note_newest(page)
        note_impossible(self._connection, page.events, page.counted)

    def _add_voids(self, page: Page) -> set[ReceiptKey]:
        rows = [
            (one.station, one.receipt, one.region, one.epoch, one.seq, 0, one.reason, one.replacement)
            for one in page.bare_voids
        ]
        rows += [
            (
                *(one.station, one.data.receipt, one.region, one.epoch, one.seq, one.feedseq),
                *(one.data.reason or "", one.data.replacement),
            )
            for one in page.events
            if one.type == IntakeVoided.TYPE and one.data.receipt is not None
        ]
        insert_missing(self._connection, void, rows)
        return {(row[0], row[1], row[2]) for row in rows}

    def _add_receipts(self, page: Page) -> list[_Receipt]:
        new = [self._told(one) for one in page.events if one.feedseq in page.counted]
        new += [self._bare(one) for one in page.bare_intakes]
        if not new:
            return []
        rows = self._connection.execute(_voided(self._dialect), as_parameter([row.key for row in new]))
        voided = {tuple(row) for row in rows}
        new = [replace(row, voided=True) if row.key in voided else row for row in new]
        insert_rows(self._connection, receipt, [astuple(row) for row in new])
        insert_missing(self._connection, goods, sorted({(row.product,) for row in new}))
        for row in new:
            self._sums.add(row)
        return new

    def _told(self, one: ToldEvent) -> _Receipt:
        where = place(one.written_ms if one.is_synced else None, one.received_ms, self._zone)
        boot, monotonic_ms = (one.boot, one.monotonic_ms) if one.monotonic_ms is not None else (_NO_BOOT, 0)
        data = one.data
        return _Receipt(
            *(one.station, data.receipt or "", one.region, one.epoch, one.seq, one.feedseq, data.lot or ""),
            *(data.product, data.mode, one.member, one.bags, data.net_g, data.amount_fen),
            one.price_fen,
            *(one.clock, boot, monotonic_ms, one.written_ms, one.received_ms),
            *(where.at_ms, where.day, where.hour, where.late, False),
        )

    def _bare(self, one: BareIntake) -> _Receipt:
        where = place(None, one.received_ms, self._zone)
        return _Receipt(
            *(one.station, one.receipt, one.region, one.epoch, one.seq, one.feedseq, one.lot),
            *(one.product, one.mode, None, 0, one.net_g, one.amount_fen, 0),
            *(ClockQuality.UNSET.value, _NO_BOOT, 0, one.received_ms, one.received_ms),
            *(where.at_ms, where.day, where.hour, where.late, False),
        )

    def _void(self, keys: set[ReceiptKey]) -> None:
        """Receipts that were here before their void."""
        if not keys:
            return
        rows = self._connection.execute(_standing(self._dialect), as_parameter(sorted(keys)))
        changed = []
        for before in (_Receipt(*row) for row in rows):
            after = replace(before, voided=True)
            self._sums.take(before)
            self._sums.add(after)
            changed.append(astuple(after))
        upsert_rows(self._connection, receipt, changed)

    def _set_clocks(self, events: Sequence[ToldEvent], new: Sequence[_Receipt]) -> None:
        """Receipts written by a clock that was not set, and what set clocks of their boots say."""
        points = [
            (one.station, one.boot, one.monotonic_ms, one.written_ms - one.monotonic_ms, one.region)
            for one in events
            if one.is_synced and one.monotonic_ms is not None
        ]
        insert_missing(self._connection, clock_point, points)
        boots = {(point[0], point[1], point[4]) for point in points}
        boots |= {(row.station, row.boot, row.region) for row in new if row.clock != ClockQuality.SYNCED}
        if not boots:
            return
        rows = self._connection.execute(_unset(self._dialect), as_parameter(sorted(boots)))
        changed = []
        for *values, offset_ms in rows:
            before = _Receipt(*values)
            at_ms = None if offset_ms is None else before.monotonic_ms + offset_ms
            where = place(at_ms, before.received_ms, self._zone)
            if where != before.place:
                after = before.at(where)
                self._sums.take(before)
                self._sums.add(after)
                changed.append(astuple(after))
        upsert_rows(self._connection, receipt, changed)

    def _add_subjects(self, events: Iterable[ToldEvent]) -> None:
        rows = [
            (subject, one.region, one.type, one.feedseq, one.station, one.epoch, one.seq)
            for one in events
            for subject in one.subjects
        ]
        insert_rows(self._connection, told, rows)

    def _note_newest(self, page: Page) -> None:
        rows: dict[tuple[str, str], tuple[Any, ...]] = {}
        receipts: dict[tuple[str, str], str | None] = {}
        for one in page.events:
            key = (one.station, one.region)
            if one.feedseq in page.counted:
                receipts[key] = one.data.receipt
            rows[key] = (
                *(*key, one.epoch, one.seq, one.feedseq, one.software, one.clock),
                *(one.written_ms, one.received_ms, receipts.get(key)),
            )
        upsert_rows(self._connection, newest, list(rows.values()), unless_null=True)


_NO_BOOT: Final = 0
"""Of a receipt whose place in its boot is not known: no offset is ever its."""


@cache
def _voided(dialect: str) -> Select[Any]:
    keys, c = Keys(dialect), void.c
    same = (c.station == keys.text(0)) & (c.receipt == keys.text(1)) & (c.region == keys.text(2))
    return select(c.station, c.receipt, c.region).select_from(keys.table).join(void, same)


@cache
def _standing(dialect: str) -> Select[Any]:
    keys, c = Keys(dialect), receipt.c
    same = (c.station == keys.text(0)) & (c.receipt == keys.text(1)) & (c.region == keys.text(2))
    return select(receipt).select_from(keys.table).join(receipt, same).where(~c.voided)


@cache
def _unset(dialect: str) -> Select[Any]:
    """Receipts of these boots, each with the offset that counts for it: the next one, else the last before."""
    keys, c = Keys(dialect), receipt.c
    same = (c.station == keys.text(0)) & (c.boot == keys.number(1)) & (c.region == keys.text(2))
    offset = counting_offset(c.station, c.boot, c.region, c.monotonic_ms)
    # Word for word as in the partial index.
    is_unset = c.clock != literal_column("'synced'")
    return select(receipt, offset).select_from(keys.table).join(receipt, same).where(is_unset)
