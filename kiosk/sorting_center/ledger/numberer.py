"""Places in the feed where many processes write: one of them, at a time, gives them to what was released.

Commits write released ranges into ``unnumbered``; the order of its rows is the order of the feed, and the projections
follow it. Of one stream the ranges stand in the order of its chain, because a commit holds the stream's row.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    Connection,
    Engine,
    LargeBinary,
    Row,
    Select,
    Update,
    case,
    cast,
    delete,
    func,
    null,
    select,
    update,
)
from sqlalchemy.exc import DBAPIError

from kiosk.sorting_center.ledger import projection, streams
from kiosk.sorting_center.ledger.database.keys import Keys, as_parameter
from kiosk.sorting_center.ledger.database.times import Instant
from kiosk.sorting_center.ledger.schema import event, unnumbered

NUMBERER_LOCK: Final = 0x53_4B_01


class Numberer:
    """The role is a lock of the database on this connection: it ends with the connection, however the process ends.

    All numbering goes over the same connection: who has lost the role cannot number any more.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._has_role = False

    def number(self, limit: int) -> int:
        """Give at most ``limit`` events their places, in one transaction; 0 when there is nothing to do here.

        Raises what the database says; then nothing was numbered.
        """
        with self._lock:
            try:
                connection = self._connected()
                if not self._has_role:
                    with connection.begin():
                        self._has_role = bool(
                            connection.execute(select(func.pg_try_advisory_lock(NUMBERER_LOCK))).scalar()
                        )
                if not self._has_role:
                    return 0
                with connection.begin():
                    return number_released(connection, limit)
            except DBAPIError:
                self._hang_up()
                raise

    @property
    def has_role(self) -> bool:
        """As far as this process knows: the database may have ended the connection since."""
        return self._has_role

    def close(self) -> None:
        """Give the role back."""
        with self._lock:
            self._hang_up()

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = self._engine.connect()
        return self._connection

    def _hang_up(self) -> None:
        connection, self._connection, self._has_role = self._connection, None, False
        if connection is not None:
            connection.invalidate()
            connection.close()


def number_released(connection: Connection, limit: int) -> int:
    """In the transaction of a caller who sees to it that nobody else does: as `Numberer.number`."""
    ranges = connection.execute(select(unnumbered).order_by(unnumbered.c.id).limit(limit)).all()
    wanted = []
    rest = limit
    for row in ranges:
        if rest <= 0:
            break
        last = min(row.last, row.first + rest - 1)
        rest -= last - row.first + 1
        wanted.append((row.id, row.station, row.epoch, row.region, row.first, last))
        _take_off(connection, row, last)
    if not wanted:
        return 0
    rows = connection.execute(_released(connection.dialect.name), as_parameter(wanted)).all()
    _give_places(connection, rows, streams.last_feedseq(connection))
    return sum(last - first + 1 for *_, first, last in wanted)


def _take_off(connection: Connection, row: Row[Any], last: int) -> None:
    same = unnumbered.c.id == row.id
    if last == row.last:
        connection.execute(delete(unnumbered).where(same))
    else:
        connection.execute(update(unnumbered).where(same).values(first=last + 1))


def _give_places(connection: Connection, rows: Sequence[Row[Any]], after: int) -> None:
    places = []
    told = []
    for feedseq, row in enumerate(rows, after + 1):
        places.append((row.station, row.epoch, row.region, row.seq, row.received_at, feedseq))
        if row.type in projection.TYPES:
            told.append(projection.ReleasedEvent.stored(row, feedseq))
    if places:
        connection.execute(_placed(connection.dialect.name), as_parameter(places))
    projection.project(connection, told)


@cache
def _released(dialect: str) -> Select[Any]:
    """Events of these ranges, in the order of the feed; the body only where it is looked into."""
    keys, c = Keys(dialect), event.c
    of_stream = (c.station == keys.text(1)) & (c.epoch == keys.text(2)) & (c.region == keys.text(3))
    in_range = of_stream & (c.seq >= keys.number(4)) & (c.seq <= keys.number(5))
    body = case((c.type.in_(projection.TYPES), c.body), else_=cast(null(), LargeBinary)).label("body")
    return (
        select(c.station, c.epoch, c.region, c.seq, c.type, c.received_at, body)
        .select_from(keys.table)
        .join(event, in_range)
        .where(c.problem.is_(None), c.feedseq.is_(None))
        .order_by(keys.number(0), c.seq)
    )


@cache
def _placed(dialect: str) -> Update:
    keys, c = Keys(dialect), event.c
    same = (c.station == keys.text(0)) & (c.epoch == keys.text(1)) & (c.region == keys.text(2))
    # The time tells the partition, so that the others are not looked through.
    at = c.received_at == cast(keys.text(4), Instant)
    return update(event).where(same & (c.seq == keys.number(3)) & at).values(feedseq=keys.number(5))
