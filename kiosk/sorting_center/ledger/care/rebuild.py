"""What is made of the events, made again: receipts that count, voids, the alarms of receipts confirmed twice."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Exists, Table, delete, exists, func, insert, select
from sqlalchemy.exc import DBAPIError

from kiosk.sorting_center.ledger import projection
from kiosk.sorting_center.ledger.database.faults import unusable
from kiosk.sorting_center.ledger.database.opening import OpenedLedger, open_for_writing
from kiosk.sorting_center.ledger.database.places import feed_page
from kiosk.sorting_center.ledger.errors import LedgerInUse
from kiosk.sorting_center.ledger.numberer import NUMBERER_LOCK
from kiosk.sorting_center.ledger.records import RECEIPT_TWICE
from kiosk.sorting_center.ledger.schema import alarm, bag, event, intake, intake_void, station_status, stream

_CHUNK: Final = 1000
_TOLD: Final = ("station", "epoch", "region", "seq", "type", "problem", "received_at", "body")


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """How many there are now, and how many events were gone through."""

    events: int
    intakes: int
    voids: int
    receipts_twice: int
    stations_added: int


def rebuild(url: str, show: Callable[[int], None] = lambda _: None) -> Rebuilt:
    """In one transaction, in the order of the feed; raises a LedgerError, and then nothing is changed.

    ``show`` is called with the number of events that were gone through so far.

    What was made of events that are in an archive stays as it is: their bodies are not here.
    """
    with closing(open_for_writing(url)) as opened:
        try:
            with opened.writing.begin() as connection:
                return _rebuild(connection, opened, show)
        except DBAPIError as error:
            raise unusable(opened.address, error) from error


def _rebuild(connection: Connection, opened: OpenedLedger, show: Callable[[int], None]) -> Rebuilt:
    if connection.dialect.name == "postgresql":
        is_free = connection.execute(select(func.pg_try_advisory_xact_lock(NUMBERER_LOCK))).scalar_one()
        if not is_free:
            raise LedgerInUse(
                f"a sorting center gives events of {opened.address} their places in the feed: stop it first"
            )
    connection.execute(delete(bag).where(_is_of_intakes_here()))
    for table in (intake, intake_void):
        connection.execute(delete(table).where(_is_here(table)))
    connection.execute(delete(alarm).where(alarm.c.kind == RECEIPT_TWICE, _is_here(alarm)))
    events = _replay(connection, show)
    return Rebuilt(
        events=events,
        intakes=_count(connection, intake),
        voids=_count(connection, intake_void),
        receipts_twice=connection.execute(select(func.count()).where(alarm.c.kind == RECEIPT_TWICE)).scalar_one(),
        stations_added=_add_stations(connection),
    )


def _is_here(table: Table) -> Exists:
    return exists().where(
        event.c.station == table.c.station,
        event.c.epoch == table.c.epoch,
        event.c.seq == table.c.seq,
        event.c.region == table.c.region,
    )


def _is_of_intakes_here() -> Exists:
    mine = (intake.c.station == bag.c.station) & (intake.c.receipt == bag.c.receipt) & (intake.c.region == bag.c.region)
    return exists().where(mine, _is_here(intake))


def _replay(connection: Connection, show: Callable[[int], None]) -> int:
    done, after = 0, 0
    while rows := feed_page(connection, after, _CHUNK, _TOLD):
        told = [row for row in rows if row.problem is None and row.type in projection.TYPES]
        projection.project(connection, [projection.ReleasedEvent.stored(row, row.feedseq) for row in told])
        done, after = done + len(told), rows[-1].feedseq
        show(done)
    return done


def _add_stations(connection: Connection) -> int:
    """A station whose row is missing was heard when its last event came; the others know more than events tell."""
    known = exists().where(station_status.c.station == stream.c.station, station_status.c.region == stream.c.region)
    missing = (
        select(stream.c.station, stream.c.region, func.max(stream.c.last_received_at))
        .where(~known)
        .group_by(stream.c.station, stream.c.region)
    )
    added = insert(station_status).from_select(["station", "region", "last_seen"], missing)
    return connection.execute(added.execution_options(preserve_rowcount=True)).rowcount


def _count(connection: Connection, table: Table) -> int:
    return connection.execute(select(func.count()).select_from(table)).scalar_one()
