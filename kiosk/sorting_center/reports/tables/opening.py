"""Where the reports of a ledger are, and how they are opened.

Beside the file of a ledger they are a file of their own, so that no page waits for who takes in; in PostgreSQL they are
a schema of the ledger's database.
"""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Final

from sqlalchemy import Connection, Engine, MetaData, Table, func, inspect, select, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError
from sqlalchemy.schema import DropTable

from kiosk.sorting_center.ledger import LedgerError
from kiosk.sorting_center.ledger.database import postgres, sqlite
from kiosk.sorting_center.ledger.database.address import LedgerAddress
from kiosk.sorting_center.reports.tables.schema import metadata
from kiosk.sorting_center.reports.tables.stamps import ReportsStamp

SCHEMA: Final = "reports"
# For processes that follow the ledger: with 64 MiB the process of the pages grew to 190 MB over a million events.
_CACHE_KIB: Final = 8 * 1024
_SCHEMA_LOCK: Final = 0x53_4B_05
_FOLLOWER_LOCK: Final = 0x53_4B_06


# Both are a LedgerError, so that pages say one thing for reports and ledger.
class ReportsUnusable(LedgerError):
    """A statement failed: locked, disk full, damaged, connection lost. Nothing of it was stored."""


class ReportsReplaced(LedgerError):
    """Other software, or one with another zone, has made the tables its own since they were opened here."""


def reports_path(ledger: Path) -> Path:
    """Return the path beside the ledger: ``county.db`` -> ``county.reports.db``."""
    return ledger.with_name(f"{ledger.stem}.reports.db")


class ReportTables:
    """The tables of the reports of one ledger. Safe to use from several threads."""

    def __init__(self, name: str, writer: Engine, reader: Engine, leader_lock: LeaderLock) -> None:
        self._name, self._writer, self._reader, self.leader_lock = name, writer, reader, leader_lock

    @classmethod
    def open(cls, ledger_url: str, stamp: ReportsStamp) -> ReportTables:
        """Open the tables; make them when missing or of another schema or zone than ``stamp``. Raises a LedgerError."""
        address = LedgerAddress.parse(ledger_url)
        if address.path is None:
            return cls._opened(f"of {address}", _open_database(address.url), stamp)
        path = reports_path(address.path)
        try:
            return cls._opened(str(path), _open_file(path), stamp)
        except ReportsUnusable as error:
            if not _is_corrupt(error.__cause__):
                raise
        for rest in (path, Path(f"{path}-wal"), Path(f"{path}-shm")):
            rest.unlink(missing_ok=True)  # nothing is lost: it is made again
        return cls._opened(str(path), _open_file(path), stamp)

    @classmethod
    def _opened(cls, name: str, engines: tuple[Engine, Engine, LeaderLock], stamp: ReportsStamp) -> ReportTables:
        with ExitStack() as parts:
            tables = cls(name, *engines)
            parts.callback(tables.close)
            with tables.writing() as connection:
                # Of two processes that begin, one makes the tables. With SQLite the transaction itself is enough.
                if connection.dialect.name == "postgresql":
                    connection.execute(select(func.pg_advisory_xact_lock(_SCHEMA_LOCK)))
                    # Who may use one that is there need not be allowed to make one.
                    if not inspect(connection).has_schema(SCHEMA):
                        connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
                stored = ReportsStamp.read(connection) if inspect(connection).has_table("stamp") else None
                if stored is None or (stored.schema, stored.zone) != (stamp.schema, stamp.zone):
                    recreate_tables(connection, stamp)
            parts.pop_all()
            return tables

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with self._translate_errors(), self._reader.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        with self._translate_errors(), self._writer.begin() as connection:
            yield connection

    def close(self) -> None:
        self.leader_lock.close()
        self._reader.dispose()
        self._writer.dispose()

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            message = str(error.orig).strip().partition("\n")[0]
            if _is_corrupt(error):
                message += "; stop whoever uses this file and delete it, it is made again"
            raise ReportsUnusable(f"the reports {self._name} cannot be used: {message}") from error


def recreate_tables(connection: Connection, stamp: ReportsStamp) -> None:
    """Make empty tables in the transaction of ``connection``; drop all those of another version."""
    for name in inspect(connection).get_table_names():
        connection.execute(DropTable(Table(name, MetaData())))
    metadata.create_all(connection)
    stamp.write(connection)


def _is_corrupt(error: BaseException | None) -> bool:
    if not isinstance(error, DatabaseError) or isinstance(error, OperationalError):
        return False
    return isinstance(error.orig, sqlite3.DatabaseError) and any(
        words in str(error.orig) for words in ("malformed", "not a database")
    )


def _open_file(path: Path) -> tuple[Engine, Engine, LeaderLock]:
    return sqlite.writer(path, _CACHE_KIB), sqlite.reader(path), _FileLeaderLock(path)


def _open_database(url: URL) -> tuple[Engine, Engine, LeaderLock]:
    url_options = url.query.get("options", "")
    options = url_options if isinstance(url_options, str) else " ".join(url_options)
    reports_url = url.update_query_dict({"options": f"{options} -csearch_path={SCHEMA}".strip()})
    return (
        postgres.writer(reports_url, of_ledger=False),
        postgres.reader(reports_url),
        _DatabaseLeaderLock(postgres.unpooled(reports_url, of_ledger=False)),
    )


class _FileLeaderLock:
    """A lock of a file beside the tables. Of all processes that have the reports open, one holds it and follows."""

    def __init__(self, path: Path) -> None:
        self._path = Path(f"{path}.lock")
        self._lock_file: IO[str] | None = None

    def is_held(self) -> bool:
        """Take the lock when it is free; it ends with the process, however that ends."""
        if self._lock_file is None:
            try:
                lock = self._path.open("a", encoding="ascii")
            except OSError as error:
                raise ReportsUnusable(f"the reports cannot be followed: {self._path}: {error.strerror}") from error
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                lock.close()
                return False
            self._lock_file = lock
        return True

    def close(self) -> None:
        if self._lock_file is not None:
            self._lock_file.close()
            self._lock_file = None


class _DatabaseLeaderLock:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Connection | None = None

    def is_held(self) -> bool:
        try:
            if self._connection is None:
                connection = self._engine.connect()
                with connection.begin():
                    if not connection.execute(select(func.pg_try_advisory_lock(_FOLLOWER_LOCK))).scalar_one():
                        connection.close()
                        return False
                self._connection = connection
            with self._connection.begin():
                self._connection.execute(select(1))  # a connection that was lost has lost the role
        except DBAPIError as error:
            self.close()
            raise ReportsUnusable(f"the reports cannot be followed: {error.orig}") from error
        return True

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.invalidate()
            connection.close()
        self._engine.dispose()


LeaderLock = _FileLeaderLock | _DatabaseLeaderLock
