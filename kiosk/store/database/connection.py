"""One writer connection and one reader connection for a process, each behind its lock.

The writer begins with BEGIN IMMEDIATE, so a transaction that reads before it writes never finds that another
process wrote in between. The reader does not wait for a memory card that is busy syncing.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.pool import StaticPool
from sqlalchemy.util import LRUCache

from kiosk.base.files import chown_to_folder_owner
from kiosk.store.shared.errors import PRIMARY_CODE, DiskFull, StoreError, disk_full, translate_errors

T = TypeVar("T")
Connect = Callable[[Path], sqlite3.Connection]

# Bytes. A commit writes whole pages; with the few short rows of an intake small pages wear the card least.
PAGE_SIZE: Final = 1024

BUSY_TIMEOUT_MS: Final = 5000
LOG_FILES: Final = ("-wal", "-shm")  # What SQLite keeps beside an open database, by the ends of their names

# About 1 MB of write-ahead log: a page changed by many commits is copied into the database once.
AUTOCHECKPOINT_PAGES: Final = 1000

_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

ALONE: Final = "mode=ro&immutable=1"  # The file alone, whatever log is beside it

PRAGMAS: Final = (
    f"PRAGMA page_size = {PAGE_SIZE}",
    f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    f"PRAGMA wal_autocheckpoint = {AUTOCHECKPOINT_PAGES}",
    "PRAGMA cache_size = -1024",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA secure_delete = ON",  # Of what is erased no byte stays in the file
)


def address_of(path: Path, how: str) -> str:
    """Build the file URI; ``how`` are parameters of SQLite (https://www.sqlite.org/uri.html)."""
    return f"file:{quote(str(path.absolute()))}?{how}"


def connect_existing(path: Path, how: str = "mode=rw", timeout_s: float = BUSY_TIMEOUT_MS / 1000) -> sqlite3.Connection:
    """Connect; ``mode=rw`` makes no missing database, and rebuilds the index of an existing one's log."""
    return sqlite3.connect(
        address_of(path, how), uri=True, timeout=timeout_s, isolation_level=None, check_same_thread=False
    )


def reading(path: Path) -> str:
    """Return how to read a file together with its log, when there is one.

    Without a log no program has it open: it is read alone, or SQLite would make a log beside it.
    """
    return "mode=ro" if path.with_name(f"{path.name}-wal").exists() else ALONE


def connect(path: Path, factory: type[sqlite3.Connection] = sqlite3.Connection) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=BUSY_TIMEOUT_MS / 1000, isolation_level=None, check_same_thread=False, factory=factory
    )
    try:
        for pragma in PRAGMAS:
            connection.execute(pragma)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def connect_unsafe(path: Path) -> sqlite3.Connection:
    """Connect without waiting for the disk, for measuring fleets; a power cut may leave no database."""
    connection = connect(path)
    connection.execute("PRAGMA synchronous = OFF")
    return connection


class StationDialect(SQLiteDialect_pysqlite):
    """One for all: a statement compiled for one connection of this process serves every other.

    Normally SQLAlchemy compiles each statement again for each engine, and a station has an engine for its reader, one
    for its writer and one for every check: a third of the cost of its first minute.
    """

    supports_statement_cache = True

    def __init__(self, begin_with: str = "BEGIN", **options: Any) -> None:
        super().__init__(**options)
        self._begin_with = begin_with

    def do_begin(self, dbapi_connection: Any) -> None:
        """Begin here and not in an event of the engine, whose listeners would be called for every statement."""
        dbapi_connection.execute(self._begin_with)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StationDialect)

    def __hash__(self) -> int:
        return hash(StationDialect)


registry.register("sqlite.station", __name__, StationDialect.__name__)
_COMPILED: Final = LRUCache[Any, Any](1000)


def engine_for(path: Path, connect: Connect, begin: str) -> Engine:
    """Make an engine over exactly one connection, whose transactions start with the statement ``begin``."""
    engine = create_engine("sqlite+station://", creator=lambda: connect(path), poolclass=StaticPool, begin_with=begin)
    engine.update_execution_options(compiled_cache=_COMPILED)
    return engine


def _try_to_begin(raw: Any) -> None:
    raw.execute("PRAGMA busy_timeout = 0")
    try:
        raw.execute("BEGIN IMMEDIATE")
        try:
            # A database opened for reading only lets a transaction begin, and refuses the first statement that writes.
            raw.execute("DELETE FROM station WHERE 0")
        finally:
            raw.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & PRIMARY_CODE != sqlite3.SQLITE_BUSY:
            raise
    finally:
        raw.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")


class Reserve:
    """``size`` bytes held in ``.reserve`` beside the database; 0 holds nothing. A full disk gets them back, so that
    open work can still be finished.
    """

    def __init__(self, database: Path, size: int) -> None:
        self._database = database
        self._file = database.with_name(".reserve")
        self._size = size

    def hold(self) -> None:
        """Make sure the reserve is there. Raises DiskFull when there is no room for it, StoreError otherwise."""
        if self._size == 0 or self._held():
            return
        try:
            with self._file.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, self._size)
            chown_to_folder_owner(self._file)
        except OSError as error:
            with suppress(OSError):
                self._file.unlink()
            if error.errno in _NO_ROOM:
                raise disk_full(self._database) from error
            raise StoreError(
                f"The reserve {self._file} cannot be written ({error.strerror}): check the disk."
            ) from error

    def release(self) -> bool:
        """Give the room back to the disk; return false when there was none to give."""
        if not self._held():
            return False
        self._file.unlink(missing_ok=True)
        return True

    def _held(self) -> bool:
        return self._file.exists() and self._file.stat().st_size >= self._size


class Database:
    """The two connections of this process; every method may be called from any thread."""

    def __init__(self, path: Path, connect: Connect, reserve: Reserve) -> None:
        self.path = path
        self._reserve = reserve
        self._write_lock = threading.RLock()
        self._read_lock = threading.RLock()
        self._writer = engine_for(path, connect, "BEGIN IMMEDIATE")
        self._reader = engine_for(path, connect, "BEGIN")
        self._data_version: int | None = None
        self._closed = False
        self._rehearsal: Connection | None = None
        with suppress(StoreError):  # a full disk must not keep the station from acknowledging what it has
            reserve.hold()

    def write(self, work: Callable[[Connection], T], *, finishing: bool = False) -> T:
        """Run ``work`` in one durable transaction: after the return it is on the disk, after an error nothing is.

        New work is refused while the reserve cannot be held. ``finishing`` is for what must still be recorded on
        a full disk (an acknowledgement, the end of an intake, the fate of a paper): it may use the reserve up.
        ``work`` may run a second time, so it has no effect but on its connection.
        """
        with self._write_lock:
            self._require_open()
            if self._rehearsal is not None:
                return work(self._rehearsal)
            if not finishing:
                self._reserve.hold()
            try:
                return self._transaction(work)
            except DiskFull:
                if not finishing or not self._reserve.release():
                    raise
                return self._transaction(work)

    @contextmanager
    def rehearsal(self) -> Iterator[None]:
        """Roll back what is written inside, at the end; it is one transaction. Raises StoreError."""
        with self._write_lock:
            self._require_open()
            self._reserve.hold()
            with translate_errors(self.path), self._writer.connect() as connection, connection.begin() as transaction:
                self._rehearsal = connection
                try:
                    yield
                finally:
                    self._rehearsal = None
                    transaction.rollback()

    def read(self, work: Callable[[Connection], T]) -> T:
        with self._read_lock:
            self._require_open()
            with translate_errors(self.path), self._reader.begin() as connection:
                return work(connection)

    def check_writable(self, beside: Iterable[Path] = ()) -> None:
        """Raise StoreError when nothing could be written now. Writes nothing; a running write is proof enough.

        On a card that went read-only a transaction can still begin, so the folder and the files are checked as well.
        """
        files = (self.path, *(self.path.with_name(self.path.name + suffix) for suffix in LOG_FILES), *beside)
        for path in (self.path.parent, *(file for file in files if file.exists())):
            if not os.access(path, os.W_OK):
                raise StoreError(f"{path} cannot be written: look at its owner, then at the disk (kiosk doctor).")
        if not self._write_lock.acquire(blocking=False):
            return
        try:
            self._require_open()
            with translate_errors(self.path), self._writer.connect() as connection:
                raw = connection.connection.driver_connection
                assert raw is not None
                _try_to_begin(raw)
        finally:
            self._write_lock.release()

    def empty_log(self) -> None:
        """Fold the log, which holds what was erased, into the database and empty it; call it when nothing reads."""
        with self._write_lock, translate_errors(self.path):
            self._require_open()
            with self._writer.connect() as connection:
                raw: Any = connection.connection.driver_connection
                raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def changed(self) -> bool:
        """Return whether another connection than the writer committed since the last call; true the first time."""
        with self._write_lock:
            self._require_open()
            before, self._data_version = self._data_version, self._read_data_version()
            return before != self._data_version

    def close(self) -> None:
        """Close both connections; the last one of all processes folds the write-ahead log into the file."""
        with self._write_lock, self._read_lock:
            self._closed = True
            self._reader.dispose()
            self._writer.dispose()

    def _require_open(self) -> None:
        """Raise StoreError after close: an engine would silently connect again for a late thread."""
        if self._closed:
            raise StoreError(f"The database {self.path} is closed: the station is stopping.")

    def _read_data_version(self) -> int:
        """Read outside a transaction: inside it is fixed (https://www.sqlite.org/pragma.html#pragma_data_version)."""
        with translate_errors(self.path), self._writer.connect() as connection:
            raw = connection.connection.driver_connection
            assert raw is not None
            return int(raw.execute("PRAGMA data_version").fetchone()[0])

    def _transaction(self, work: Callable[[Connection], T]) -> T:
        with translate_errors(self.path), self._writer.begin() as connection:
            return work(connection)
