"""Places in the feed where many processes write: one of them at a time numbers what was released.

Commits write released ranges into ``unnumbered``; the order of its rows is the order of the feed, and the projections
follow it. The ranges of one stream are in the order of its chain, because a commit holds the stream's row; but an event
accepted from quarantine comes after those that arrived later.
"""

from __future__ import annotations

import threading
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection, Delete, Engine, Integer, Select, bindparam, delete, func, select, update
from sqlalchemy.exc import DBAPIError

from kiosk.sorting_center.ledger.database import places, projection
from kiosk.sorting_center.ledger.database.rows import Keys, as_parameter
from kiosk.sorting_center.ledger.database.schema import unnumbered

NUMBERER_LOCK: Final = 0x53_4B_01


class Numberer:
    """The process that numbers. Its role is a database lock on this connection: it ends with the connection, however
    the process ends.

    All numbering uses the same connection: a process that has lost the role can no longer number.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self.has_role = False  # As far as is known here: the database may have ended the connection since

    def number(self, limit: int) -> int:
        """Give at most ``limit`` events places in one transaction; return 0 when there is nothing to do here. Raises
        DBAPIError, and then nothing was numbered.
        """
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = self._engine.connect()
                connection = self._connection
                if not self.has_role:
                    with connection.begin():
                        self.has_role = bool(
                            connection.execute(select(func.pg_try_advisory_lock(NUMBERER_LOCK))).scalar()
                        )
                if not self.has_role:
                    return 0
                with connection.begin():
                    return number_released(connection, limit)
            except DBAPIError:
                self._disconnect()
                raise

    def close(self) -> None:
        with self._lock:
            self._disconnect()

    def _disconnect(self) -> None:
        connection, self._connection, self.has_role = self._connection, None, False
        if connection is not None:
            connection.invalidate()
            connection.close()


def number_released(connection: Connection, limit: int) -> int:
    """Give places as `Numberer.number` does, in a transaction of the caller beside which no other numbers."""
    ranges, ids, rest = [], [], limit
    feedseq = places.last_feedseq(connection) + 1
    for row in connection.execute(_WAITING, {"limit": limit}).all():
        last = min(row.last, row.first + rest - 1)
        ranges.append(places.PlacedRange(row.station, row.epoch, row.region, row.first, last, row.since, feedseq))
        rest, feedseq = rest - (last - row.first + 1), ranges[-1].last_feedseq + 1
        if last == row.last:
            ids.append((row.id,))
        else:
            connection.execute(update(unnumbered).where(unnumbered.c.id == row.id).values(first=last + 1))
    if not ranges:
        return 0
    connection.execute(_delete_numbered(connection.dialect.name), as_parameter(ids))
    places.assign_places(connection, ranges)
    last = ranges[-1].last_feedseq
    for after in range(ranges[0].feedseq - 1, last, places.MAX_EVENTS_PER_QUERY):
        upto = min(after + places.MAX_EVENTS_PER_QUERY, last)
        rows = places.placed_events(connection, after, upto, projection.EVENT_COLUMNS, projection.TYPES)
        projection.project(connection, rows)
    return limit - rest


def _waiting() -> Select[Any]:
    """Select the first ranges that have ``limit`` events together; the last one may have more.

    It is one statement: between two, a commit could end whose range comes before those already read.
    """
    limit, c = bindparam("limit", type_=Integer), unnumbered.c
    first = select(unnumbered).order_by(c.id).limit(limit).subquery()
    count = first.c.last - first.c.first + 1
    counted = select(first, (func.sum(count).over(order_by=first.c.id) - count).label("before")).subquery()
    found = select(*(counted.c[column.name] for column in unnumbered.columns))
    return found.where(counted.c.before < limit).order_by(counted.c.id)


_WAITING: Final = _waiting()


@cache
def _delete_numbered(dialect: str) -> Delete:
    """Delete ranges by id: a range with a lower id may be of a commit that has just ended."""
    keys = Keys(dialect)
    return delete(unnumbered).where(unnumbered.c.id.in_(select(keys.number(0)).select_from(keys.table)))
