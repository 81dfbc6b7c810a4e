"""What the pages and the command line ask the ledger: numbers, lists of the newest, things to look after."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, Select, Subquery, func, inspect, literal_column, select

from kiosk.sorting_center.ledger import epochs
from kiosk.sorting_center.ledger.acceptance.streams import open_gaps, superseded_epochs
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
    station_status,
    unnumbered,
)
from kiosk.sorting_center.ledger.database.schema import stream as stream_table
from kiosk.sorting_center.ledger.database.times import MIN_TIMESTAMP
from kiosk.sorting_center.ledger.shared.records import FORK

MAX_INTAKES: Final = 500
_MAX_SHOWN_GAPS: Final = 20
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
    """Of intakes that count, voided ones left out: grams and fen."""

    intakes: int
    voided: int
    net_g: int
    amount_fen: int


@dataclass(frozen=True, slots=True)
class StationRow:
    """One station as the center knows it; None is "it never said"."""

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

    ``lost``: the station has begun another epoch since it was last heard in this one. What it still had is told again
    there under other numbers. Of such an epoch there is one row, from its first missing number to its last.
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
    """Something a person must look into."""

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
    intakes: tuple[IntakeRow, ...]
    gaps: tuple[GapRow, ...]
    alarms: tuple[AlarmRow, ...]
    quarantine: tuple[tuple[str, int], ...]  # Reason and number


def overview(connection: Connection, today_since: str, newest: int) -> Overview:
    """Everything the front page shows. ``today_since`` is the RFC 3339 time in UTC at which today began."""
    gaps, number_of_gaps = _gap_rows(open_gaps(connection), superseded_epochs(connection))
    reasons = connection.execute(
        select(quarantine.c.reason, func.count()).group_by(quarantine.c.reason).order_by(quarantine.c.reason)
    )
    return Overview(
        counts=_counts(connection, number_of_gaps),
        totals=_totals(connection, MIN_TIMESTAMP),
        today=_totals(connection, today_since),
        stations=_stations(connection),
        intakes=_intake_rows(connection, _intakes().order_by(intake.c.feedseq.desc()).limit(newest)),
        gaps=gaps,
        alarms=_alarms(connection),
        quarantine=tuple((reason, number) for reason, number in reasons),
    )


def _gap_rows(
    missing: Iterable[tuple[Row[Any], tuple[int, int]]], over: Set[tuple[str, str, str]]
) -> tuple[tuple[GapRow, ...], int]:
    """Those that are shown, and how many there are: one station can make half a million."""
    number, open_gaps_shown = 0, list[GapRow]()
    lost: dict[tuple[str, str, str], GapRow] = {}
    for row, (first, last) in missing:
        number += 1
        key = (row.region, row.station, row.epoch)
        if key in over:
            found = lost.get(key, GapRow(row.station, row.epoch, first, last, row.gap_since, True, 0, row.region))
            lost[key] = replace(found, last=last, missing=found.missing + last - first + 1)
        elif len(open_gaps_shown) < _MAX_SHOWN_GAPS:
            open_gaps_shown.append(
                GapRow(row.station, row.epoch, first, last, row.gap_since, False, last - first + 1, row.region)
            )
    return (*open_gaps_shown, *lost.values())[:_MAX_SHOWN_GAPS], number


def counts(connection: Connection) -> Counts:
    """The numbers of ``ledger count``."""
    return _counts(connection, sum(1 for _ in open_gaps(connection)))


def figures(connection: Connection) -> MonitoringFigures:
    """Nothing here looks at every event: sums over streams, and counts of what is bounded for each station."""
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
        stations=_number(connection, select(func.count()).select_from(_known_stations())),
        streams_with_gaps=with_gaps,
        quarantined={FORK: 0, **_numbers(connection, by_reason)},
        alarms={REPORTED: _number(connection, reported), **_numbers(connection, by_kind)},
        unnumbered=_number(connection, select(func.coalesce(ranges, 0))),
        feed_end=last_feedseq(connection),
        feed_positions=_numbers(connection, select(feed_position)),
    )


def intakes_after(connection: Connection, feedseq: int, limit: int) -> tuple[IntakeRow, ...]:
    """Intakes released after ``feedseq``, in feed order; at most MAX_INTAKES."""
    query = _intakes().where(intake.c.feedseq > feedseq).order_by(intake.c.feedseq).limit(min(limit, MAX_INTAKES))
    return _intake_rows(connection, query)


def _counts(connection: Connection, gaps: int) -> Counts:
    return Counts(
        events=_number(connection, select(func.count()).select_from(event)) + _archived_count(connection),
        stations=_number(connection, select(func.count()).select_from(_known_stations())),
        gaps=gaps,
        quarantined=_number(connection, select(func.count()).select_from(quarantine)),
        forks=_number(connection, select(func.count()).where(quarantine.c.reason == FORK)),
        refused=_number(connection, select(func.coalesce(func.max(refused.c.id), 0))),
        alarms=_number(connection, select(func.count()).select_from(alarm)) + _reported_alarms(connection),
    )


def _archived_count(connection: Connection) -> int:
    # A ledger that is only looked at may still have the schema of the version that wrote it.
    there = inspect(connection).has_table(archived.name)
    return _number(connection, select(func.count()).select_from(archived)) if there else 0


def _known_stations() -> Subquery:
    return select(stream_table.c.region, stream_table.c.station).distinct().subquery()


# A ledger that is only looked at may still have the schema of the version that wrote it.
_STATUS_COLUMNS: Final = tuple(column for column in station_status.columns if column.name != "doctor")


def _reported_alarms(connection: Connection) -> int:
    # A ledger that is only looked at may still have the schema of the version that wrote it.
    if "alarm" not in {column["name"] for column in inspect(connection).get_columns(station_status.name)}:
        return 0
    return _number(connection, select(func.count()).where(station_status.c.alarm != ""))


def _number(connection: Connection, query: Select[Any]) -> int:
    return int(connection.execute(query).scalar_one())


def _numbers(connection: Connection, query: Select[Any]) -> dict[str, int]:
    return {name: int(number) for name, number in connection.execute(query)}


# Sums are made of the upper and the lower bits of each number, and put together where integers have no end: one stored
# number must not be able to make the sum of all overflow, and with it every page that shows it.
_HALF_BITS: Final = 20


def _totals(connection: Connection, since: str) -> Totals:
    is_void = intake_void.c.receipt.is_not(None)
    halves = [part for column in (intake.c.net_g, intake.c.amount_fen) for part in _halves(column)]
    rows = connection.execute(
        select(is_void, func.count(), *(func.sum(part) for part in halves))
        .select_from(intake.outerjoin(intake_void, _is_void_of_intake()))
        .where(intake.c.received_at >= since)
        .group_by(is_void)
    )
    found = {bool(row[0]): row[1:] for row in rows}
    count, *sums = found.get(False, (0, 0, 0, 0, 0))
    return Totals(
        intakes=count,
        voided=found.get(True, (0,))[0],
        net_g=_join_halves(sums[0], sums[1]),
        amount_fen=_join_halves(sums[2], sums[3]),
    )


def _halves(column: ColumnElement[int]) -> tuple[ColumnElement[int], ColumnElement[int]]:
    return column.bitwise_rshift(literal_column(str(_HALF_BITS))), column.bitwise_and((1 << _HALF_BITS) - 1)


def _join_halves(upper: int, lower: int) -> int:
    return (int(upper) << _HALF_BITS) + int(lower)


def _is_void_of_intake() -> ColumnElement[bool]:
    return (
        (intake_void.c.station == intake.c.station)
        & (intake_void.c.receipt == intake.c.receipt)
        & (intake_void.c.region == intake.c.region)
    )


def _stations(connection: Connection) -> tuple[StationRow, ...]:
    held = (
        select(func.count())
        .where(
            event.c.station == stream_table.c.station,
            event.c.epoch == stream_table.c.epoch,
            event.c.region == stream_table.c.region,
            event.c.seq > stream_table.c.upto,
        )
        .scalar_subquery()
    )
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
        select(*_STATUS_COLUMNS, per_station.c.events, per_station.c.behind)
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


def _intakes() -> Select[Any]:
    return select(intake, intake_void.c.receipt.label("void")).select_from(
        intake.outerjoin(intake_void, _is_void_of_intake())
    )


def _intake_rows(connection: Connection, query: Select[Any]) -> tuple[IntakeRow, ...]:
    return tuple(
        IntakeRow(
            feedseq=row.feedseq,
            station=row.station,
            receipt=row.receipt,
            lot=row.lot,
            product=row.product,
            mode=row.mode,
            net_g=row.net_g,
            amount_fen=row.amount_fen,
            received_at=row.received_at,
            voided=row.void is not None,
            region=row.region,
        )
        for row in connection.execute(query)
    )


def _alarms(connection: Connection) -> tuple[AlarmRow, ...]:
    rows = connection.execute(select(alarm).order_by(alarm.c.id.desc()).limit(20))
    return tuple(
        AlarmRow(row.kind, row.station, row.epoch, row.seq, row.detail, row.raised_at, row.region) for row in rows
    )
