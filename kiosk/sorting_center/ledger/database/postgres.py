"""A ledger in PostgreSQL: how a connection is set, and what there is beside the tables."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import Connection, Engine, NullPool, create_engine, func, select, text
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.engine import URL

from kiosk.sorting_center.ledger.database.schema import EVENT_ON_POSTGRESQL, event, metadata

SCHEMA_LOCK: Final = 0x53_4B_02
# Of the database, shared by every connection that writes: one that a restarted server has ended takes it again when it
# is made anew. (0x53_4B: SK. An advisory lock is a number that only we give a meaning.)
IN_USE_LOCK: Final = 0x53_4B_04
STATION_LOCK: Final = 0x53_4B_05  # With a second number, of the station

_CONNECT: Final = {
    "connect_timeout": 5,
    "application_name": "sorting-center",
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
_SESSION: Final = (
    "SET lock_timeout = '10s'",
    "SET idle_in_transaction_session_timeout = '60s'",
    # An acknowledged event is on the disk of the server, whatever its administrator has set for others.
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
)
_USES_LEDGER: Final = (f"SELECT pg_advisory_lock_shared({IN_USE_LOCK})",)


def writer(url: URL, *, of_ledger: bool = True) -> Engine:
    """Any number of processes write. ``of_ledger``: the ledger's own tables, which are then in use."""
    return _engine(url, _session(of_ledger), isolation_level="READ COMMITTED")


def unpooled(url: URL, *, of_ledger: bool = True) -> Engine:
    """For connections that are held: each one new, and closed at its end. ``of_ledger`` as of `writer`."""
    return _engine(url, _session(of_ledger), poolclass=NullPool)


def _session(of_ledger: bool) -> tuple[str, ...]:
    return _SESSION + _USES_LEDGER if of_ledger else _SESSION


def reader(url: URL) -> Engine:
    """Every transaction sees one unchanging picture; writing is refused."""
    read_only = "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"
    return _engine(url, (read_only,), isolation_level="REPEATABLE READ")


def _engine(url: URL, session: tuple[str, ...], **options: Any) -> Engine:
    pooled = {} if "poolclass" in options else {"pool_pre_ping": True}
    # What the URL says of the connection goes before what is set here.
    arguments = {name: value for name, value in _CONNECT.items() if name not in url.query}
    engine = create_engine(url, connect_args=arguments, **pooled, **options)

    @sqlalchemy_event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: object) -> None:
        with connection.cursor() as cursor:
            for statement in session:
                cursor.execute(statement)
        connection.commit()

    return engine


def create_tables(connection: Connection) -> None:
    """All of them, in an empty database."""
    metadata.create_all(connection, tables=[table for table in metadata.sorted_tables if table is not event])
    for statement in EVENT_ON_POSTGRESQL:
        connection.execute(text(statement))


def lock_schema(connection: Connection) -> None:
    """Until the transaction ends nobody else makes tables."""
    connection.execute(select(func.pg_advisory_xact_lock(SCHEMA_LOCK)))


def lock_stations(connection: Connection, stations: Iterable[str]) -> None:
    """Until the transaction ends nobody else begins a stream of these; to be taken before any stream's row is.

    Everyone takes them in the order of their numbers, which several stations may share.
    """
    numbers = sorted({zlib.crc32(station.encode()) - 2**31 for station in stations})
    each = "json_array_elements_text(CAST(:keys AS json)) AS wanted"
    locks = text(f"SELECT pg_advisory_xact_lock({STATION_LOCK}, CAST(wanted AS integer)) FROM {each}")  # noqa: S608 - ours
    connection.execute(locks, {"keys": json.dumps(numbers)})


def is_in_use(connection: Connection) -> bool:
    """Whether anybody else writes the ledger; until the transaction ends nobody begins to."""
    return not connection.execute(select(func.pg_try_advisory_xact_lock(IN_USE_LOCK))).scalar_one()
