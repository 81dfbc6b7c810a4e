"""Questions about single streams."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Protocol

from sqlalchemy import Connection, select

from kiosk.messaging.contract.received_event import ReceivedEvent
from kiosk.sorting_center.ledger.database.schema import archived, event, quarantine, stream

StreamKey = tuple[str, str, str]  # Station, epoch, region


class StreamReach(Protocol):
    """How far a stream is: a row of ``stream``, or what a commit makes of one."""

    @property
    def station(self) -> str: ...
    @property
    def epoch(self) -> str: ...
    @property
    def region(self) -> str: ...
    @property
    def upto(self) -> int: ...
    @property
    def max_seen(self) -> int: ...


def missing_ranges(upto: int, above: Iterable[int], max_seen: int) -> Iterator[tuple[int, int]]:
    """First and last number, both included, of every hole in (upto, max_seen].

    ``above`` are the numbers stored above ``upto``, ascending.
    """
    expected = upto + 1
    for seq in above:
        if seq > expected:
            yield expected, seq - 1
        expected = seq + 1
    if expected <= max_seen:
        yield expected, max_seen


def group_by_stream(events: Iterable[tuple[str, ReceivedEvent]]) -> dict[StreamKey, list[ReceivedEvent]]:
    """The events by stream, in the order they came."""
    groups: dict[StreamKey, list[ReceivedEvent]] = {}
    for region, item in events:
        groups.setdefault((item.station, item.epoch, region), []).append(item)
    return groups


def gaps(connection: Connection, row: StreamReach, limit: int) -> tuple[tuple[int, int], ...]:
    """The first ``limit`` missing ranges."""
    if row.max_seen == row.upto:
        return ()
    return tuple(islice(missing_ranges(row.upto, _held_numbers(connection, row), row.max_seen), limit))


def gap_count(connection: Connection) -> int:
    """How many missing ranges there are: one station can make half a million."""
    rows = connection.execute(select(stream).where(stream.c.upto < stream.c.max_seen)).all()
    return sum(1 for row in rows for _ in missing_ranges(row.upto, _held_numbers(connection, row), row.max_seen))


def unfinished(connection: Connection) -> list[StreamKey]:
    """Streams whose next event is here and not released: a commit has released as much as one may."""
    key = (stream.c.station, stream.c.epoch, stream.c.region)
    of_stream = (event.c.station == key[0]) & (event.c.epoch == key[1]) & (event.c.region == key[2])
    is_here = select(event.c.seq).where(of_stream, event.c.seq == stream.c.upto + 1).exists()
    rows = connection.execute(select(*key).where(stream.c.upto < stream.c.max_seen, is_here))
    return [(row.station, row.epoch, row.region) for row in rows]


def quarantined(connection: Connection, row: StreamReach, limit: int) -> tuple[int, ...]:
    """The highest ``limit`` numbers up to ``upto`` that are kept apart, ascending."""
    found = connection.execute(
        select(quarantine.c.seq)
        .distinct()
        .where(
            quarantine.c.station == row.station,
            quarantine.c.epoch == row.epoch,
            quarantine.c.region == row.region,
            quarantine.c.seq <= row.upto,
        )
        .order_by(quarantine.c.seq.desc())
        .limit(limit)
    )
    return tuple(sorted(found.scalars()))


def hash_at(connection: Connection, row: StreamReach, seq: int) -> str:
    """Of an event that is released, archived or not; "" above ``upto``: what is held there may be evicted."""
    if not 0 < seq <= row.upto:
        return ""
    for table in (event, archived):
        of_row = (table.c.station == row.station) & (table.c.epoch == row.epoch) & (table.c.region == row.region)
        found = connection.execute(select(table.c.sha256).where(of_row, table.c.seq == seq)).scalar()
        if found is not None:
            return str(found)
    return ""


def _held_numbers(connection: Connection, row: StreamReach) -> Iterator[int]:
    return iter(
        connection.execute(
            select(event.c.seq)
            .where(
                event.c.station == row.station,
                event.c.epoch == row.epoch,
                event.c.region == row.region,
                event.c.seq > row.upto,
            )
            .order_by(event.c.seq)
        ).scalars()
    )
