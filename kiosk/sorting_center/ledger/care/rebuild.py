"""What is made of the events, made again: receipts that count, voids, the alarms of receipts confirmed twice, keys."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Exists, Table, delete, exists, func, insert, select
from sqlalchemy.exc import DBAPIError

from kiosk.sorting_center.ledger.database import projection, station_keys
from kiosk.sorting_center.ledger.database.faults import translate_error
from kiosk.sorting_center.ledger.database.numberer import NUMBERER_LOCK
from kiosk.sorting_center.ledger.database.opening import OpenedLedger, open_for_writing
from kiosk.sorting_center.ledger.database.places import feed_page
from kiosk.sorting_center.ledger.database.schema import (
    alarm,
    bag,
    event,
    intake,
    intake_void,
    same_receipt,
    same_stream,
    station_status,
    stream,
)
from kiosk.sorting_center.ledger.shared.errors import LedgerInUse
from kiosk.sorting_center.ledger.shared.records import RECEIPT_TWICE

_CHUNK: Final = 1000


@dataclass(frozen=True, slots=True)
class RebuildResult:
    """The numbers of rows after a rebuild, and of the events that were read."""

    events: int
    intakes: int
    voids: int
    receipts_twice: int
    stations_added: int


def rebuild(url: str, on_progress: Callable[[int], None] = lambda _: None) -> RebuildResult:
    """Rebuild the derived tables in one transaction, in feed order; raises a LedgerError, and then nothing is changed.

    ``on_progress`` is called with the number of events processed so far.

    What was derived from archived events stays as it is: their bodies are not in the ledger.
    """
    with closing(open_for_writing(url)) as opened:
        try:
            with opened.writing.begin() as connection:
                return _rebuild(connection, opened, on_progress)
        except DBAPIError as error:
            raise translate_error(opened.address, error) from error


def _rebuild(connection: Connection, opened: OpenedLedger, on_progress: Callable[[int], None]) -> RebuildResult:
    if connection.dialect.name == "postgresql":
        is_free = connection.execute(select(func.pg_try_advisory_xact_lock(NUMBERER_LOCK))).scalar_one()
        if not is_free:
            raise LedgerInUse(
                f"a sorting center gives events of {opened.address} their places in the feed: stop it first"
            )
    connection.execute(delete(bag).where(exists().where(same_receipt(intake, bag.c), _has_event(intake))))
    for table in (intake, intake_void):
        connection.execute(delete(table).where(_has_event(table)))
    connection.execute(delete(alarm).where(alarm.c.kind == RECEIPT_TWICE, _has_event(alarm)))
    done, after = 0, 0
    while rows := feed_page(connection, after, _CHUNK, (*projection.EVENT_COLUMNS, "problem")):
        projected = [row for row in rows if row.problem is None and row.type in projection.TYPES]
        projection.project(connection, projected)
        station_keys.register_released(connection, [row for row in rows if row.problem is None])
        done, after = done + len(projected), rows[-1].feedseq
        on_progress(done)
    # A station whose row is missing was last seen when its last event arrived; other rows hold more than events report.
    known = exists().where(station_status.c.station == stream.c.station, station_status.c.region == stream.c.region)
    missing = (
        select(stream.c.station, stream.c.region, func.max(stream.c.last_received_at))
        .where(~known)
        .group_by(stream.c.station, stream.c.region)
    )
    added = insert(station_status).from_select(["station", "region", "last_seen"], missing)
    return RebuildResult(
        events=done,
        intakes=_count(connection, intake),
        voids=_count(connection, intake_void),
        receipts_twice=connection.execute(select(func.count()).where(alarm.c.kind == RECEIPT_TWICE)).scalar_one(),
        stations_added=connection.execute(added.execution_options(preserve_rowcount=True)).rowcount,
    )


def _has_event(table: Table) -> Exists:
    return exists().where(same_stream(event, table.c), event.c.seq == table.c.seq)


def _count(connection: Connection, table: Table) -> int:
    return connection.execute(select(func.count()).select_from(table)).scalar_one()
