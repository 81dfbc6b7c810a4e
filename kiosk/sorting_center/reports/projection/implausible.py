"""Figures of an event that obey every rule and still cannot be: a bag heavier than the scale shows, a clock that is set
and goes before its epoch.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection, Select, Table, select

from kiosk.domain.events import IntakeConfirmed, ScaleChanged
from kiosk.sorting_center.ledger.database.keys import Keys, as_parameter
from kiosk.sorting_center.ledger.database.rows import insert_missing, upsert_rows
from kiosk.sorting_center.reports.projection.feed_batch import FeedEvent
from kiosk.sorting_center.reports.shared.times import from_milliseconds, to_milliseconds
from kiosk.sorting_center.reports.tables.schema import epoch_begin, impossible, scale_limit

MASS_KIND: Final = "impossible_mass"
CLOCK_KIND: Final = "impossible_clock"
MIN_TIME_MS: Final = to_milliseconds(datetime(2025, 1, 1, tzinfo=UTC))  # No station is older
_MAX_CLOCK_STEP_MS: Final = 10 * 60_000  # A clock that is set goes back by seconds now and then; this is far more
_MAX_OVER_E: Final = 9  # Above Max + 9 e nothing is indicated (OIML R 76-1:2006, 4.2.3)

Row = tuple[str, str, str, str, str, int, int]


def record_implausible(connection: Connection, events: Iterable[FeedEvent], counted: frozenset[int]) -> None:
    """Keep what no scale and no clock can have told, in the order of the feed: the first of each station and day."""
    events = list(events)
    parameters = as_parameter(sorted({(one.station, one.region) for one in events}))
    known = connection.execute(_of_stations(connection.dialect.name, scale_limit), parameters)
    limits: dict[tuple[str, str], int] = {(row.station, row.region): row.limit_g for row in known}
    known = connection.execute(_of_stations(connection.dialect.name, epoch_begin), parameters)
    begins: dict[tuple[str, str, str], int] = {(row.station, row.region, row.epoch): row.written_ms for row in known}
    changed: dict[tuple[str, str], int] = {}
    new: list[tuple[Any, ...]] = []
    found: list[Row] = []
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
                found.append(_row(MASS_KIND, one, heaviest_g, limits[station]))
        # What is told again, in a later epoch, has the time when it happened.
        begin = begins.get(epoch, MIN_TIME_MS) if one.reissued is None else MIN_TIME_MS
        if one.is_synced and (one.written_ms < MIN_TIME_MS or one.written_ms < begin - _MAX_CLOCK_STEP_MS):
            found.append(_row(CLOCK_KIND, one, one.written_ms, max(begin, MIN_TIME_MS)))
    upsert_rows(connection, scale_limit, [(*station, limit) for station, limit in changed.items()])
    insert_missing(connection, epoch_begin, new)
    insert_missing(connection, impossible, list({row[:4]: row for row in reversed(found)}.values()))


def _row(kind: str, one: FeedEvent, figure: int, limit: int) -> Row:
    day = from_milliseconds(one.received_ms).date().isoformat()
    about = getattr(one.data, "receipt", None) or f"{one.epoch}-{one.seq}"
    return kind, one.region, one.station, day, about, figure, limit


@cache
def _of_stations(dialect: str, table: Table) -> Select[Any]:
    keys, c = Keys(dialect), table.c
    same = (c.station == keys.text(0)) & (c.region == keys.text(1))
    return select(table).select_from(keys.table).join(table, same)
