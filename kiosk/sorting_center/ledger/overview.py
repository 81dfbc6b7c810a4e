"""What the pages and the command line ask the ledger: numbers, lists of the newest, things to look after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, Table, case, func, literal_column, select

from kiosk.domain.trade import Mode
from kiosk.sorting_center.ledger import epochs
from kiosk.sorting_center.ledger.acceptance.streams import gap_count
from kiosk.sorting_center.ledger.database.places import last_feedseq
from kiosk.sorting_center.ledger.database.schema import (
    alarm,
    archived,
    event,
    feed_position,
    intake,
    intake_void,
    quarantine,
    refused,
    same_receipt,
    same_stream,
    station_status,
    unnumbered,
)
from kiosk.sorting_center.ledger.database.schema import stream as stream_table
from kiosk.sorting_center.ledger.database.times import MIN_TIMESTAMP
from kiosk.sorting_center.ledger.shared.records import FORK

MAX_INTAKES: Final = 500
REPORTED: Final = "reported"  # Beside the kinds of the ledger's own alarms: stations whose newest status complains


@dataclass(frozen=True, slots=True)
class Counts:
    """``events`` include those in archives; ``gaps`` are missing ranges; ``quarantined`` events include ``forks``;
    ``alarms`` those the stations report.
    """

    events: int
    stations: int
    gaps: int
    quarantined: int
    forks: int
    refused: int
    alarms: int


@dataclass(frozen=True, slots=True)
class MonitoringFigures:
    """What monitoring asks every few seconds. ``events`` are those without a gap below them, of archives too;
    ``quarantined`` by reason, ``alarms`` by kind.
    """

    events: int
    stations: int
    streams_with_gaps: int
    quarantined: Mapping[str, int]
    alarms: Mapping[str, int]
    unnumbered: int  # Released, and without a place in the feed yet
    feed_end: int
    feed_positions: Mapping[str, int]  # How far each publisher of the feed is


@dataclass(frozen=True, slots=True)
class Totals:
    """Of intakes that count, voided ones left out: grams and fen. ``bought_fen`` is to be paid, ``consigned_fen`` an
    estimate; ``amount_fen`` is both, for programs that know no other.
    """

    intakes: int
    voided: int
    net_g: int
    amount_fen: int
    bought_fen: int
    consigned_fen: int


@dataclass(frozen=True, slots=True)
class StationRow:
    """One station as the center knows it; None: the station never reported it."""

    station: str
    region: str
    online: bool | None
    pending: int | None
    software: str | None
    last_seen: str | None
    events: int
    behind: int  # Events that are missing below the highest number seen
    alarm: str  # What the station complains of in its newest status; "" for nothing
    epochs: tuple[epochs.EpochRow, ...]  # More than one after a restored backup, a new card or a settled fork


@dataclass(frozen=True, slots=True)
class IntakeRow:
    feedseq: int
    station: str
    receipt: str
    lot: str
    product: str
    mode: str
    net_g: int
    amount_fen: int
    received_at: str
    voided: bool
    region: str = ""


@dataclass(frozen=True, slots=True)
class GapRow:
    """A missing range, both ends included.

    ``lost``: the station has started another epoch since its last message in this one. What it still had is sent again
    there under other numbers. Such an epoch has one row, from its first missing number to its last.
    """

    station: str
    epoch: str
    first: int
    last: int
    since: str
    lost: bool
    missing: int
    region: str = ""


@dataclass(frozen=True, slots=True)
class AlarmRow:
    """An alarm that an operator must look into."""

    kind: str
    station: str
    epoch: str
    seq: int
    detail: str
    raised_at: str
    region: str = ""


@dataclass(frozen=True, slots=True)
class Overview:
    """One unchanging picture of the whole ledger."""

    counts: Counts
    totals: Totals
    today: Totals
    stations: tuple[StationRow, ...]


def overview(connection: Connection, today_since: str) -> Overview:
    """Compute the overview; ``today_since`` is the RFC 3339 time in UTC at which today began."""
    return Overview(
        counts=counts(connection),
        totals=_totals(connection, MIN_TIMESTAMP),
        today=_totals(connection, today_since),
        stations=_stations(connection),
    )


def counts(connection: Connection) -> Counts:
    def rows(table: Table) -> int:
        return _number(connection, select(func.count()).select_from(table))

    reported = _number(connection, select(func.count()).where(station_status.c.alarm != ""))
    return Counts(
        events=rows(event) + rows(archived),
        stations=_station_count(connection),
        gaps=gap_count(connection),
        quarantined=rows(quarantine),
        forks=_number(connection, select(func.count()).where(quarantine.c.reason == FORK)),
        refused=_number(connection, select(func.coalesce(func.max(refused.c.id), 0))),
        alarms=rows(alarm) + reported,
    )


def figures(connection: Connection) -> MonitoringFigures:
    """Sum over streams, and count what is bounded for each station: no query looks at every event."""
    events, with_gaps = connection.execute(
        select(
            func.coalesce(func.sum(stream_table.c.upto), 0),
            func.count().filter(stream_table.c.upto < stream_table.c.max_seen),
        )
    ).one()
    ranges = func.sum(unnumbered.c.last - unnumbered.c.first + 1)
    by_reason = select(quarantine.c.reason, func.count()).group_by(quarantine.c.reason)
    by_kind = select(alarm.c.kind, func.count()).group_by(alarm.c.kind)
    reported = select(func.count()).where(station_status.c.alarm != "")
    return MonitoringFigures(
        events=int(events),
        stations=_station_count(connection),
        streams_with_gaps=with_gaps,
        quarantined={FORK: 0, **_numbers(connection, by_reason)},
        alarms={REPORTED: _number(connection, reported), **_numbers(connection, by_kind)},
        unnumbered=_number(connection, select(func.coalesce(ranges, 0))),
        feed_end=last_feedseq(connection),
        feed_positions=_numbers(connection, select(feed_position)),
    )


def intakes_after(connection: Connection, feedseq: int, limit: int) -> tuple[IntakeRow, ...]:
    """Return intakes released after ``feedseq``, in feed order; at most MAX_INTAKES."""
    columns = [column for column in intake.c if column.name in IntakeRow.__dataclass_fields__]
    query = (
        select(*columns, intake_void.c.receipt.is_not(None).label("voided"))
        .select_from(intake.outerjoin(intake_void, same_receipt(intake_void, intake.c)))
        .where(intake.c.feedseq > feedseq)
        .order_by(intake.c.feedseq)
        .limit(min(limit, MAX_INTAKES))
    )
    return tuple(IntakeRow(**row) for row in connection.execute(query).mappings())


def _station_count(connection: Connection) -> int:
    stations = select(stream_table.c.region, stream_table.c.station).distinct().subquery()
    return _number(connection, select(func.count()).select_from(stations))


def _number(connection: Connection, query: Select[Any]) -> int:
    return int(connection.execute(query).scalar_one())


def _numbers(connection: Connection, query: Select[Any]) -> dict[str, int]:
    return {name: int(number) for name, number in connection.execute(query)}


# Sums are made of the upper and the lower bits of each number, and put together where integers have no end: one stored
# number must not be able to make the sum of all overflow, and with it every page that shows it.
_HALF_BITS: Final = 20


def _totals(connection: Connection, since: str) -> Totals:
    is_void = intake_void.c.receipt.is_not(None)
    bought = case((intake.c.mode == Mode.PURCHASE.value, intake.c.amount_fen), else_=0)
    upper: ColumnElement[int] = literal_column(str(_HALF_BITS))
    lower = (1 << _HALF_BITS) - 1
    halves = [
        half
        for column in (intake.c.net_g, intake.c.amount_fen, bought)
        for half in (column.bitwise_rshift(upper), column.bitwise_and(lower))
    ]
    rows = connection.execute(
        select(is_void, func.count(), *(func.sum(part) for part in halves))
        .select_from(intake.outerjoin(intake_void, same_receipt(intake_void, intake.c)))
        .where(intake.c.received_at >= since)
        .group_by(is_void)
    )
    found = {bool(row[0]): row[1:] for row in rows}
    count, *sums = map(int, found.get(False, (0,) * 7))
    net_g, amount_fen, bought_fen = ((sums[at] << _HALF_BITS) + sums[at + 1] for at in (0, 2, 4))
    voided = found.get(True, (0,))[0]
    return Totals(count, voided, net_g, amount_fen, bought_fen, consigned_fen=amount_fen - bought_fen)


def _stations(connection: Connection) -> tuple[StationRow, ...]:
    is_held = same_stream(event, stream_table.c) & (event.c.seq > stream_table.c.upto)
    held = select(func.count()).where(is_held).scalar_subquery()
    per_station = (
        select(
            stream_table.c.region,
            stream_table.c.station,
            func.sum(stream_table.c.upto + held).label("events"),
            func.sum(stream_table.c.max_seen - stream_table.c.upto - held).label("behind"),
        )
        .group_by(stream_table.c.region, stream_table.c.station)
        .subquery()
    )
    lives = epochs.by_station(connection)
    rows = connection.execute(
        select(station_status, per_station.c.events, per_station.c.behind)
        .join_from(
            station_status,
            per_station,
            (per_station.c.station == station_status.c.station) & (per_station.c.region == station_status.c.region),
            isouter=True,
        )
        .order_by(station_status.c.region, station_status.c.station)
    )
    return tuple(
        StationRow(
            row.station,
            row.region,
            row.online,
            row.pending,
            row.software,
            row.last_seen,
            int(row.events or 0),
            int(row.behind or 0),
            row.alarm or "",
            lives.get((row.region, row.station), ()),
        )
        for row in rows
    )
