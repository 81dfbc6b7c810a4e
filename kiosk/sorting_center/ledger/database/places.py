"""Places in the feed, and where they are kept.

In SQLite each event's row has its own. In PostgreSQL a row of ``numbered`` has those of a whole range of a stream, so
that no row with an event's body is written a second time; ``event`` is a view of both. The view finds the place of an
event; from place to place goes `feed_page`, which finds the events of each range.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, bindparam, func, select, text, update

from kiosk.sorting_center.ledger.database.rows import Rows, insert_rows
from kiosk.sorting_center.ledger.database.schema import (
    ARCHIVED,
    event,
    event_by_month,
    feed_position,
    numbered,
    same_stream,
)

# Of the bodies of one page: four thousand ordinary events, and 64 of the largest.
MAX_PAGE_BYTES: Final = 4 * 1024 * 1024
MAX_EVENTS_PER_QUERY: Final = 128  # Events of one statement, where bodies are read: at most 8 MiB

Columns = tuple[str, ...]  # Names of columns of `event`


class PlacedRange(NamedTuple):
    """Of one stream, both ends included; ``feedseq`` is the place of ``first``. No event came before ``since``."""

    station: str
    epoch: str
    region: str
    first: int
    last: int
    since: str
    feedseq: int

    @property
    def last_feedseq(self) -> int:
        """The place of ``last``."""
        return self.feedseq + self.last - self.first


def last_feedseq(connection: Connection) -> int:
    """Return the highest place that was given out; 0 when none was."""
    archived_query = select(feed_position.c.feedseq).where(feed_position.c.name == ARCHIVED).scalar_subquery()
    highest = numbered.c.last_feedseq if _has_ranges(connection) else event.c.feedseq
    here, archived_upto = connection.execute(select(select(func.max(highest)).scalar_subquery(), archived_query)).one()
    return max(here or 0, archived_upto or 0)


def insert_events(connection: Connection, rows: Rows) -> None:
    """Insert rows of ``event``, without their places where those are kept as ranges: see `assign_places`."""
    if _has_ranges(connection):
        insert_rows(connection, event_by_month, [row[:-1] for row in rows])
    else:
        insert_rows(connection, event, rows)


def assign_places(connection: Connection, ranges: Iterable[PlacedRange]) -> None:
    """Give places to events that have none; all events of a range are stored."""
    if _has_ranges(connection):
        insert_rows(connection, numbered, [(one.last_feedseq, *one[:-1]) for one in ranges])
        return
    for one in ranges:
        in_range = same_stream(event, one) & event.c.seq.between(one.first, one.last)
        connection.execute(update(event).where(in_range).values(feedseq=event.c.seq + (one.feedseq - one.first)))


def feed_page(connection: Connection, after: int, limit: int, columns: Columns) -> list[Any]:
    """Return ``feedseq`` and these columns, with ``body``, of the next events above a place, in feed order.

    At most ``limit``, and no more than MAX_PAGE_BYTES of bodies: fewer than ``limit`` does not mean that none follow.
    One larger event is returned alone.
    """
    found: list[Any] = []
    size_bytes = 0
    while len(found) < limit:
        rows = _next_events(connection, after, min(limit - len(found), MAX_EVENTS_PER_QUERY), columns)
        if not rows:
            break
        for row in rows:
            size_bytes += len(row.body)
            if found and size_bytes > MAX_PAGE_BYTES:
                return found
            found.append(row)
        after = rows[-1].feedseq
    return found


def _next_events(connection: Connection, after: int, limit: int, columns: Columns) -> Sequence[Any]:
    """Return at most ``limit`` events above a place; none only at the end."""
    if not _has_ranges(connection):
        query = select(event.c.feedseq, *(event.c[name] for name in columns)).where(event.c.feedseq > after)
        return connection.execute(query.order_by(event.c.feedseq).limit(limit)).all()
    while not (rows := placed_events(connection, after, after + limit, columns)):
        # The end, or places of events that are in an archive.
        first_place = select(numbered.c.last_feedseq - numbered.c.last + numbered.c.first)
        above = first_place.where(numbered.c.last_feedseq > after + limit).order_by(numbered.c.last_feedseq)
        following = connection.execute(above.limit(1)).scalar()
        if following is None:
            return ()
        after = max(after + limit, following - 1)
    return rows


def placed_events(
    connection: Connection, after: int, upto: int, columns: Columns, types: frozenset[str] | None = None
) -> Sequence[Any]:
    """Return ``feedseq`` and these columns of events above ``after`` up to ``upto``, in feed order."""
    query = _placed_events(connection.dialect.name, columns, types)
    parameters = {"after": after, "upto": upto}
    if _has_ranges(connection):
        from kiosk.sorting_center.ledger.database.binary import fetch_rows  # a ledger in SQLite does without psycopg

        return fetch_rows(connection, query, parameters)
    return connection.execute(query, parameters).all()


@cache
def _placed_events(dialect: str, columns: Columns, types: frozenset[str] | None) -> Select[Any]:
    after, upto = (bindparam(name, type_=BigInteger, required=False) for name in ("after", "upto"))
    table = event_by_month if dialect == "postgresql" else event
    c = table.c
    if dialect == "postgresql":
        one, other = numbered.c, numbered.alias()
        place: ColumnElement[int] = one.last_feedseq - one.last + c.seq
        # The time excludes partitions that need not be searched.
        in_range = same_stream(table, one) & (c.seq >= one.first) & (c.seq <= one.last) & (c.received_at >= one.since)
        ends = select(func.min(other.c.last_feedseq)).where(other.c.last_feedseq >= upto).scalar_subquery()
        found = select(place.label("feedseq")).join_from(numbered, table, in_range)
        found = found.where(one.last_feedseq > after, one.last_feedseq <= func.coalesce(ends, upto))
    else:
        place = event.c.feedseq
        found = select(place)
    found = found.add_columns(*(c[name] for name in columns)).where(place > after, place <= upto).order_by(place)
    return found if types is None else found.where(c.type.in_(types))


class EventCopy:
    """Writes rows of another ledger's ``event``, which come in the order of their keys, with their places."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._open_ranges: dict[tuple[str, str, str], PlacedRange] = {}

    def add(self, rows: Rows) -> None:
        insert_events(self._connection, rows)
        if _has_ranges(self._connection):
            assign_places(self._connection, self._pop_finished(rows))

    def finish(self) -> None:
        """Store the open ranges when no more events follow."""
        if _has_ranges(self._connection):
            assign_places(self._connection, self._open_ranges.values())

    def _pop_finished(self, rows: Rows) -> list[PlacedRange]:
        """Extend the open ranges by ``rows``; return those that do not continue."""
        finished = []
        for station, epoch, seq, region, *_, received_at, feedseq in rows:
            if feedseq is None:
                continue
            key = (station, epoch, region)
            open_range = self._open_ranges.get(key)
            # A month leaves for an archive as a whole, and its ranges with it.
            previous = (seq - 1, feedseq - 1, received_at[:7])
            if open_range is not None and (open_range.last, open_range.last_feedseq, open_range.since[:7]) == previous:
                self._open_ranges[key] = open_range._replace(last=seq, since=min(open_range.since, received_at))
                continue
            if open_range is not None:
                finished.append(open_range)
            self._open_ranges[key] = PlacedRange(station, epoch, region, seq, seq, received_at, feedseq)
        return finished


def delete_archived_ranges(connection: Connection, up_to: int) -> None:
    """Delete ranges up to this place without any event in the ledger; one with some events left stays."""
    if _has_ranges(connection):
        connection.execute(text(_DELETE_ARCHIVED_RANGES), {"up_to": up_to})


_DELETE_ARCHIVED_RANGES: Final = """
DELETE FROM numbered r WHERE r.last_feedseq <= :up_to AND (
    SELECT e.seq FROM event_by_month e
    WHERE e.station = r.station AND e.epoch = r.epoch AND e.region = r.region AND e.seq BETWEEN r.first AND r.last
    LIMIT 1
) IS NULL"""


def _has_ranges(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"
