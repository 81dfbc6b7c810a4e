"""A ledger in PostgreSQL: how a connection is set, and what there is beside the tables."""

from __future__ import annotations

import json
import logging
import threading
import time
import zlib
from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import Connection, Engine, NullPool, create_engine, func, select, text
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from kiosk.sorting_center.ledger.database.schema import EVENT_ON_POSTGRESQL, event, metadata

log = logging.getLogger(__name__)

SCHEMA_LOCK: Final = 0x53_4B_02
# One lock of the database, shared by all connections that write: a connection that a server's restart has ended takes
# it again when it reconnects. (0x53_4B: SK. The number of an advisory lock has only the meaning we give it.)
IN_USE_LOCK: Final = 0x53_4B_04
_PARTITION_LOCK: Final = 0x53_4B_03
STATION_LOCK: Final = 0x53_4B_05  # With a second number, of the station

_PARTITION_RETRY_S: Final = 60.0
_EARLIEST: Final = "2020-01"  # No station existed before this: a clock with an earlier time is wrong

_CONNECT: Final = {
    "connect_timeout": 5,
    "application_name": "sorting-center",
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
_LOCK_TIMEOUT: Final = "10s"
# A server ends what was a process's an instant after the process. Below `deadlock_timeout`, 1 s as PostgreSQL comes.
_IN_USE_TIMEOUT: Final = "500ms"
_LOCK_NOT_AVAILABLE: Final = "55P03"  # PostgreSQL, appendix A
_SESSION: Final = (
    f"SET lock_timeout = '{_LOCK_TIMEOUT}'",
    "SET idle_in_transaction_session_timeout = '60s'",
    # An acknowledged event is on the disk of the server, whatever its administrator has set for others.
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
)
_USES_LEDGER: Final = (f"SELECT pg_advisory_lock_shared({IN_USE_LOCK})",)


def writer(url: URL, *, of_ledger: bool = True) -> Engine:
    """Build an engine for any number of writers. ``of_ledger``: for the ledger's own tables, which are then in use."""
    return _engine(url, _session(of_ledger), isolation_level="READ COMMITTED")


def unpooled(url: URL, *, of_ledger: bool = True) -> Engine:
    """Build an engine for long-held connections: each one new, and closed at its end. ``of_ledger`` as of `writer`."""
    return _engine(url, _session(of_ledger), poolclass=NullPool)


def _session(of_ledger: bool) -> tuple[str, ...]:
    return _SESSION + _USES_LEDGER if of_ledger else _SESSION


def reader(url: URL) -> Engine:
    """Build an engine whose every transaction sees one snapshot; writing is refused."""
    read_only = "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"
    return _engine(url, (read_only,), isolation_level="REPEATABLE READ")


def _engine(url: URL, session: tuple[str, ...], **options: Any) -> Engine:
    pooled = {} if "poolclass" in options else {"pool_pre_ping": True}
    # What the URL says of the connection goes before what is set here.
    arguments = {name: value for name, value in _CONNECT.items() if name not in url.query}
    return executing_on_connect(create_engine(url, connect_args=arguments, **pooled, **options), *session)


def executing_on_connect(engine: Engine, *statements: str) -> Engine:
    """Have every new connection of the engine execute these first; return the engine."""

    @sqlalchemy_event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: object) -> None:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        connection.commit()

    return engine


def create_tables(connection: Connection) -> None:
    metadata.create_all(connection, tables=[table for table in metadata.sorted_tables if table is not event])
    for statement in EVENT_ON_POSTGRESQL:
        connection.execute(text(statement))


def lock_schema(connection: Connection) -> None:
    """Keep other processes from making tables until the transaction ends."""
    connection.execute(select(func.pg_advisory_xact_lock(SCHEMA_LOCK)))


def lock_stations(connection: Connection, stations: Iterable[str]) -> None:
    """Keep other processes from beginning a stream of these until the transaction ends; call before taking stream rows.

    All processes lock in the order of the lock numbers, which several stations may share.
    """
    numbers = sorted({zlib.crc32(station.encode()) - 2**31 for station in stations})
    each = "json_array_elements_text(CAST(:keys AS json)) AS wanted"
    locks = text(f"SELECT pg_advisory_xact_lock({STATION_LOCK}, CAST(wanted AS integer)) FROM {each}")  # noqa: S608 - ours
    connection.execute(locks, {"keys": json.dumps(numbers)})


def is_in_use(connection: Connection) -> bool:
    """Return whether another process writes the ledger; none begins to before the transaction ends."""
    try:
        with connection.begin_nested():
            connection.execute(text(f"SET LOCAL lock_timeout = '{_IN_USE_TIMEOUT}'"))
            connection.execute(select(func.pg_advisory_xact_lock(IN_USE_LOCK)))
            connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'"))
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", "") != _LOCK_NOT_AVAILABLE:
            raise
        return True
    return False


class Partitions:
    """The months of the events of one ledger: each a partition, made before it is needed.

    A month that gets no partition is kept in the default one: no commit fails for that.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._prepared: set[str] = set()
        self._retry_at = 0.0

    def prepare(self, received_at: str) -> None:
        month = received_at[:7]
        if month in self._prepared or time.monotonic() < self._retry_at:
            return
        with self._lock:
            try:
                for needed_month in (month, next_month(month)):
                    with self._engine.begin() as connection:
                        make_partition(connection, needed_month)
            except DBAPIError as error:
                log.warning("No partition for the events of %s yet: %s", month, error.orig)
                self._retry_at = time.monotonic() + _PARTITION_RETRY_S
            else:
                self._prepared.add(month)


def make_partition(connection: Connection, month: str) -> None:
    """Make the month's partition, unless no clock can mean the month or events of it came before."""
    name = partition_of(month)
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _PARTITION_LOCK})
    latest = connection.execute(
        text("SELECT to_char(now() AT TIME ZONE 'UTC' + interval '1 month', 'YYYY-MM')")
    ).scalar_one()
    if (
        not _EARLIEST <= month <= latest
        or connection.execute(text("SELECT to_regclass(:name)"), {"name": name}).scalar()
    ):
        return
    begin, end = f"{month}-01T00:00:00Z", f"{next_month(month)}-01T00:00:00Z"
    stray = text("SELECT 1 FROM event_default WHERE received_at >= :begin AND received_at < :end LIMIT 1")
    if connection.execute(stray, {"begin": begin, "end": end}).first() is not None:
        return
    # Made first and attached then: CREATE TABLE ... PARTITION OF would stop every reader and writer of all months.
    connection.execute(text(f"CREATE TABLE {name} (LIKE event_by_month INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"))
    connection.execute(
        text(f"ALTER TABLE event_by_month ATTACH PARTITION {name} FOR VALUES FROM ('{begin}') TO ('{end}')")
    )


def partition_of(month: str) -> str:
    """Return the table's name; ``month`` is YYYY-MM."""
    year, _, number = month.partition("-")
    return f"event_{int(year):04}_{int(number):02}"


def next_month(month: str) -> str:
    year, number = int(month[:4]), int(month[5:7])
    return f"{year + number // 12:04}-{number % 12 + 1:02}"
