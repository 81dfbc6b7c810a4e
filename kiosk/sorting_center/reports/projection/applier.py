"""From the events of a page to rows: receipts, voids, sums, parcels, stations. All in one transaction.

What the tables say after a page hangs on the events before its end alone, not on where pages began.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from functools import cache
from typing import Any, Final

import msgspec
from msgspec.structs import astuple, replace
from sqlalchemy import Connection, Row, Select, Table, literal_column, select

from kiosk.domain.events import (
    IntakeConfirmed,
    IntakeVoided,
    ListingSubmitted,
    ParcelArrived,
    ParcelCollected,
    ParcelFound,
    ParcelLost,
    ParcelMisrouted,
    ParcelMissing,
    ParcelNotAccepted,
    ParcelNoticed,
    ParcelOverdue,
    ParcelReturnable,
    ParcelReturned,
    ParcelShelved,
    ParcelStep,
    ParcelWithdrawn,
    ScaleChanged,
)
from kiosk.domain.events.rules import MAX_WORDS
from kiosk.domain.moment import ClockQuality
from kiosk.domain.parcel import ParcelState
from kiosk.domain.trade import NON_MEMBER
from kiosk.sorting_center.ledger.database.rows import Keys, as_parameter, insert_missing, insert_rows, upsert_rows
from kiosk.sorting_center.reports.projection.feed_batch import FeedBatch, FeedEvent
from kiosk.sorting_center.reports.shared.figures import Figures, measures_of, part_of
from kiosk.sorting_center.reports.shared.times import (
    ReceiptTiming,
    counting_offset,
    from_milliseconds,
    receipt_timing,
    to_milliseconds,
)
from kiosk.sorting_center.reports.tables.schema import (
    SUMS,
    NameKind,
    clock_point,
    county_hour,
    epoch_begin,
    event_subject,
    goods,
    impossible,
    name,
    newest,
    parcel,
    price_year,
    receipt,
    scale_limit,
    station_day,
    station_price,
    station_year,
    void,
)
from kiosk.texts.plain import plain

ReceiptKey = tuple[str, str, str]  # Station, receipt, region
# In the order of the columns of `name`; None leaves what is there.
NameRow = tuple[str, str, str | None, str | None, str | None]

# What a parcel is after such an event; the other ones leave it as it is.
_STATES: Final[Mapping[str, ParcelState]] = {
    ParcelArrived.TYPE: ParcelState.ARRIVED,
    ParcelShelved.TYPE: ParcelState.SHELVED,
    ParcelNoticed.TYPE: ParcelState.NOTICED,
    ParcelCollected.TYPE: ParcelState.COLLECTED,
    ParcelOverdue.TYPE: ParcelState.OVERDUE,
    ParcelReturnable.TYPE: ParcelState.RETURN_DUE,
    ParcelReturned.TYPE: ParcelState.RETURNED,
    ParcelNotAccepted.TYPE: ParcelState.REFUSED,
    ParcelMisrouted.TYPE: ParcelState.MISROUTED,
    ParcelLost.TYPE: ParcelState.LOST,
    ParcelFound.TYPE: ParcelState.SHELVED,
    ParcelMissing.TYPE: ParcelState.MISSING,
    ParcelWithdrawn.TYPE: ParcelState.WITHDRAWN,
}

# In the order of the columns of `parcel`; None leaves what is there.
ParcelColumns = tuple[str, str, str, str | None, str | None, str | None, str | None, int]


class _ReceiptRecord(msgspec.Struct, frozen=True):
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
    def timing(self) -> ReceiptTiming:
        return ReceiptTiming(self.at_ms, self.day, self.hour, self.late)


def _figures(row: _ReceiptRecord) -> Figures:
    goods = (row.bags, row.net_g, row.amount_fen)
    return Figures.of(part_of(row.mode, row.voided), goods, (row.late, row.at_ms is None))


class _SumChanges:
    def __init__(self) -> None:
        self._sums: dict[Table, dict[tuple[Any, ...], list[int]]] = {table: {} for table in SUMS}
        self._reduced: set[tuple[Any, ...]] = set()

    def add(self, row: _ReceiptRecord) -> None:
        self._change(row, 1)

    def subtract(self, row: _ReceiptRecord) -> None:
        self._change(row, -1)

    def _change(self, row: _ReceiptRecord, sign: int) -> None:
        figures = [sign * part for part in measures_of(_figures(row))]
        for table, key in (
            (station_day, (row.day, row.region, row.station)),
            (county_hour, (row.day, row.hour, row.region, row.product)),
            (station_price, (row.day, row.region, row.product, row.station, row.price_fen)),
            (station_year, (row.day[:4], row.region, row.product, row.station)),
            (price_year, (row.day[:4], row.region, row.product, row.price_fen)),
        ):
            sums = self._sums[table]
            before = sums.get(key)
            sums[key] = figures if before is None else [a + b for a, b in zip(before, figures, strict=True)]
            if sign < 0:
                self._reduced.add(key)

    def write(self, connection: Connection) -> None:
        for table, sums in self._sums.items():
            rows = [(*key, *figures) for key, figures in sums.items()]
            # Every column that is no key is added to. Of the keys in ``reduced`` an empty row is deleted, so that the
            # rows do not show in which steps the sums were made.
            reduced = [key for key in sums if key in self._reduced]
            if rows:
                connection.exec_driver_sql(_upsert_statement(table, connection.dialect.paramstyle), rows)
            if reduced:
                connection.exec_driver_sql(_delete_statement(table, connection.dialect.paramstyle), reduced)


class FeedApplier:
    def __init__(self, connection: Connection, zone: tzinfo) -> None:
        self._connection = connection
        self._dialect = connection.dialect.name
        self._zone = zone
        self._sums = _SumChanges()

    def apply(self, page: FeedBatch) -> None:
        voided = self._add_voids(page)
        new = self._add_receipts(page)
        self._mark_voided(voided - {row.key for row in new})
        self._correct_times(page.events, new)
        self._sums.write(self._connection)
        rows = [
            (subject, one.region, one.type, one.feedseq, one.station, one.epoch, one.seq)
            for one in page.events
            for subject in one.subjects
        ]
        insert_rows(self._connection, event_subject, rows)
        upsert_rows(self._connection, parcel, _parcel_rows(page.events), unless_null=True)
        upsert_rows(self._connection, name, name_rows(page.events), unless_null=True)
        self._record_newest(page)
        record_implausible(self._connection, page.events, page.counted)

    def _add_voids(self, page: FeedBatch) -> set[ReceiptKey]:
        rows = [
            (one.station, one.receipt, one.region, one.epoch, one.seq, 0, one.reason, one.replacement)
            for one in page.bare_voids
        ]
        rows += [
            (
                *(one.station, one.data.receipt, one.region, one.epoch, one.seq, one.feedseq),
                *(one.data.reason, one.data.replacement),
            )
            for one in page.events
            if isinstance(one.data, IntakeVoided)
        ]
        insert_missing(self._connection, void, rows)
        return {(row[0], row[1], row[2]) for row in rows}

    def _add_receipts(self, page: FeedBatch) -> list[_ReceiptRecord]:
        new = [
            self._full_receipt(one, one.data)
            for one in page.events
            if one.feedseq in page.counted and isinstance(one.data, IntakeConfirmed)
        ]
        new += [self._bare_receipt(one) for one in page.bare_intakes]
        if not new:
            return []
        rows = self._connection.execute(_voided_query(self._dialect), as_parameter([row.key for row in new]))
        voided = {tuple(row) for row in rows}
        new = [replace(row, voided=True) if row.key in voided else row for row in new]
        insert_rows(self._connection, receipt, [astuple(row) for row in new])
        insert_missing(self._connection, goods, sorted({(row.product,) for row in new}))
        for row in new:
            self._sums.add(row)
        return new

    def _full_receipt(self, one: FeedEvent, data: IntakeConfirmed) -> _ReceiptRecord:
        timing = receipt_timing(one.written_ms if one.is_synced else None, one.received_ms, self._zone)
        boot, monotonic_ms = (one.boot, one.monotonic_ms) if one.monotonic_ms is not None else (_NO_BOOT, 0)
        member = None if data.party in ("", NON_MEMBER) else data.party
        return _ReceiptRecord(
            *(one.station, data.receipt, one.region, one.epoch, one.seq, one.feedseq, data.lot),
            *(data.product, data.mode, member, len(data.bags), data.net_g, data.amount_fen),
            data.price_fen_per_kg,
            *(one.clock, boot, monotonic_ms, one.written_ms, one.received_ms),
            *(timing.at_ms, timing.day, timing.hour, timing.late, False),
        )

    def _bare_receipt(self, one: Row[Any]) -> _ReceiptRecord:
        received_ms = to_milliseconds(datetime.fromisoformat(one.received_at))
        timing = receipt_timing(None, received_ms, self._zone)
        return _ReceiptRecord(
            *(one.station, one.receipt, one.region, one.epoch, one.seq, one.feedseq, one.lot),
            *(one.product, one.mode, None, 0, one.net_g, one.amount_fen, 0),
            *(ClockQuality.UNSET.value, _NO_BOOT, 0, received_ms, received_ms),
            *(timing.at_ms, timing.day, timing.hour, timing.late, False),
        )

    def _mark_voided(self, keys: set[ReceiptKey]) -> None:
        """Mark receipts that were stored before their void."""
        if not keys:
            return
        rows = self._connection.execute(_valid_receipts_query(self._dialect), as_parameter(sorted(keys)))
        changed = []
        for before in (_ReceiptRecord(*row) for row in rows):
            after = replace(before, voided=True)
            self._sums.subtract(before)
            self._sums.add(after)
            changed.append(astuple(after))
        upsert_rows(self._connection, receipt, changed)

    def _correct_times(self, events: Sequence[FeedEvent], new: Sequence[_ReceiptRecord]) -> None:
        """Correct times of receipts written by an unset clock, by what set clocks of their boots say."""
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
        rows = self._connection.execute(_unset_clock_query(self._dialect), as_parameter(sorted(boots)))
        changed = []
        for *values, offset_ms in rows:
            before = _ReceiptRecord(*values)
            at_ms = None if offset_ms is None else before.monotonic_ms + offset_ms
            timing = receipt_timing(at_ms, before.received_ms, self._zone)
            if timing != before.timing:
                after = replace(before, at_ms=timing.at_ms, day=timing.day, hour=timing.hour, late=timing.late)
                self._sums.subtract(before)
                self._sums.add(after)
                changed.append(astuple(after))
        upsert_rows(self._connection, receipt, changed)

    def _record_newest(self, page: FeedBatch) -> None:
        rows: dict[tuple[str, str], tuple[Any, ...]] = {}
        receipts: dict[tuple[str, str], str | None] = {}
        for one in page.events:
            key = (one.station, one.region)
            if one.feedseq in page.counted and isinstance(one.data, IntakeConfirmed):
                receipts[key] = one.data.receipt
            rows[key] = (*key, one.clock, receipts.get(key))
        upsert_rows(self._connection, newest, list(rows.values()), unless_null=True)


_NO_BOOT: Final = 0  # Of a receipt whose place in its boot is not known: no offset is ever its


@cache
def _voided_query(dialect: str) -> Select[Any]:
    keys, c = Keys(dialect), void.c
    same = (c.station == keys.text(0)) & (c.receipt == keys.text(1)) & (c.region == keys.text(2))
    return select(c.station, c.receipt, c.region).select_from(keys.table).join(void, same)


@cache
def _valid_receipts_query(dialect: str) -> Select[Any]:
    keys, c = Keys(dialect), receipt.c
    same = (c.station == keys.text(0)) & (c.receipt == keys.text(1)) & (c.region == keys.text(2))
    return select(receipt).select_from(keys.table).join(receipt, same).where(~c.voided)


@cache
def _unset_clock_query(dialect: str) -> Select[Any]:
    """Select receipts of these boots, each with the offset that counts for it: the next one, else the last before."""
    keys, c = Keys(dialect), receipt.c
    same = (c.station == keys.text(0)) & (c.boot == keys.number(1)) & (c.region == keys.text(2))
    offset = counting_offset(c.station, c.boot, c.region, c.monotonic_ms)
    # Word for word as in the partial index.
    is_unset = c.clock != literal_column("'synced'")
    return select(receipt, offset).select_from(keys.table).join(receipt, same).where(is_unset)


def name_rows(events: Iterable[FeedEvent]) -> list[NameRow]:
    """Build one row for each code with a name in the offers; in each language the last name counts."""
    rows: dict[tuple[str, str], NameRow] = {}
    for offer in (one.data for one in events if isinstance(one.data, ListingSubmitted)):
        for kind, code, words in (
            (NameKind.GOODS.value, offer.product, offer.title),
            (NameKind.GRADE.value, f"{offer.product}/{offer.grade}", offer.grade_words),
            (NameKind.ORIGIN.value, offer.origin, offer.origin_words),
        ):
            new = [plain(text[: 2 * MAX_WORDS], MAX_WORDS) or None for text in (words.ug, words.zh, words.en)]
            if any(new):
                before = rows.get((kind, code), (kind, code, None, None, None))
                ug, zh, en = (text or old for text, old in zip(new, before[2:], strict=True))
                rows[kind, code] = (kind, code, ug, zh, en)
    return list(rows.values())


def _parcel_rows(events: Iterable[FeedEvent]) -> list[ParcelColumns]:
    """Build one row per parcel. The last event counts, also when a station repeats it: the parcel went back there."""
    rows: dict[tuple[str, str, str], ParcelColumns] = {}
    for one in events:
        data = one.data
        if not isinstance(data, ParcelStep):
            continue
        key = (one.station, data.parcel, one.region)
        *_, digest, carrier, state, shelf, _ = rows.get(key, (*key, None, None, None, None, 0))
        if isinstance(data, ParcelArrived):
            digest, carrier = data.waybill_sha256_8, data.carrier
        shelf = getattr(data, "shelf", None) or shelf
        rows[key] = (*key, digest, carrier, _STATES.get(one.type, state), shelf, one.feedseq)
    return list(rows.values())


@cache
def _upsert_statement(table: Table, paramstyle: str) -> str:
    names = [str(column.name) for column in table.columns]
    keys = [str(column.name) for column in table.primary_key]
    values = ", ".join([_placeholder(paramstyle)] * len(names))
    changes = ", ".join(f"{name} = {table.name}.{name} + excluded.{name}" for name in names if name not in keys)
    return (
        f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({values}) "  # noqa: S608 - names of our tables
        f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {changes}"
    )


@cache
def _delete_statement(table: Table, paramstyle: str) -> str:
    same = " AND ".join(f"{column.name} = {_placeholder(paramstyle)}" for column in table.primary_key)
    return f"DELETE FROM {table.name} WHERE {same} AND intakes = 0 AND voided = 0"  # noqa: S608 - names of our tables


def _placeholder(paramstyle: str) -> str:
    return "?" if paramstyle == "qmark" else "%s"


MASS_KIND: Final = "impossible_mass"
CLOCK_KIND: Final = "impossible_clock"
MIN_TIME_MS: Final = to_milliseconds(datetime(2025, 1, 1, tzinfo=UTC))  # No station is older
_MAX_CLOCK_STEP_MS: Final = 10 * 60_000  # A clock that is set goes back by seconds now and then; this is far more
_MAX_OVER_E: Final = 9  # Above Max + 9 e nothing is indicated (OIML R 76-1:2006, 4.2.3)

ImpossibleRow = tuple[str, str, str, str, str, int, int]


def record_implausible(connection: Connection, events: Iterable[FeedEvent], counted: frozenset[int]) -> None:
    """Store, in feed order, figures impossible for a scale or clock: the first of each station and day."""
    events = list(events)
    parameters = as_parameter(sorted({(one.station, one.region) for one in events}))
    known = connection.execute(_of_stations(connection.dialect.name, scale_limit), parameters)
    limits: dict[tuple[str, str], int] = {(row.station, row.region): row.limit_g for row in known}
    known = connection.execute(_of_stations(connection.dialect.name, epoch_begin), parameters)
    begins: dict[tuple[str, str, str], int] = {(row.station, row.region, row.epoch): row.written_ms for row in known}
    changed: dict[tuple[str, str], int] = {}
    new: list[tuple[Any, ...]] = []
    found: list[ImpossibleRow] = []
    for one in events:
        station, epoch = (one.station, one.region), (one.station, one.region, one.epoch)
        if isinstance(one.data, ScaleChanged):
            limits[station] = changed[station] = one.data.max_g + _MAX_OVER_E * one.data.e_g
        if one.seq == 1 and one.is_synced:  # the first time of a clock that was not set says nothing
            begins[epoch] = one.written_ms
            new.append((*epoch, one.written_ms))
        if one.feedseq in counted and station in limits and isinstance(one.data, IntakeConfirmed):
            heaviest_g = max((bag.gross_g for bag in one.data.bags), default=0)  # with its container
            if limits[station] < heaviest_g:
                found.append(_impossible_row(MASS_KIND, one, heaviest_g, limits[station]))
        # An event sent again in a later epoch has the time when it happened.
        begin = begins.get(epoch, MIN_TIME_MS) if one.reissued is None else MIN_TIME_MS
        if one.is_synced and (one.written_ms < MIN_TIME_MS or one.written_ms < begin - _MAX_CLOCK_STEP_MS):
            found.append(_impossible_row(CLOCK_KIND, one, one.written_ms, max(begin, MIN_TIME_MS)))
    upsert_rows(connection, scale_limit, [(*station, limit) for station, limit in changed.items()])
    insert_missing(connection, epoch_begin, new)
    insert_missing(connection, impossible, list({row[:4]: row for row in reversed(found)}.values()))


def _impossible_row(kind: str, one: FeedEvent, figure: int, limit: int) -> ImpossibleRow:
    day = from_milliseconds(one.received_ms).date().isoformat()
    about = getattr(one.data, "receipt", None) or f"{one.epoch}-{one.seq}"
    return kind, one.region, one.station, day, about, figure, limit


@cache
def _of_stations(dialect: str, table: Table) -> Select[Any]:
    keys, c = Keys(dialect), table.c
    same = (c.station == keys.text(0)) & (c.region == keys.text(1))
    return select(table).select_from(keys.table).join(table, same)
