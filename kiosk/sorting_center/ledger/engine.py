"""Opening a ledger: which addresses are taken, how SQLite is set, what is refused."""

from __future__ import annotations

import fcntl
import secrets
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, TypeVar

from sqlalchemy import Connection, Engine, create_engine, insert, inspect, select, update
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError

from kiosk.sorting_center.ledger.errors import (
    LedgerAddressError,
    LedgerDamaged,
    LedgerForeign,
    LedgerInUse,
    LedgerMissing,
    LedgerNewer,
    LedgerUnwritable,
)
from kiosk.sorting_center.ledger.migrate import KEYED_BY_REGION, OLD_VIEWS, migrate, new_generation
from kiosk.sorting_center.ledger.schema import SCHEMA_VERSION, meta, metadata

T = TypeVar("T")

_BUSY_TIMEOUT_S: Final = 5.0
_WRITER_PRAGMAS: Final = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "wal_autocheckpoint=4000",
    "cache_size=-65536",
)
"""FULL: with NORMAL an event that was acknowledged can be gone after a power cut, and the station deletes its copy.
16 MiB of log and 64 MiB of cache: the same pages of the indexes change in commit after commit."""


def ledger_path(url: str) -> Path:
    """The file of a ``sqlite:///path`` URL; raises LedgerAddressError for anything else."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise LedgerAddressError(f"ledger {url!r} is no URL: give sqlite:///path") from error
    if parsed.get_backend_name() == "postgresql":
        raise LedgerAddressError("PostgreSQL ledgers are not supported in this version: give sqlite:///path")
    if parsed.drivername != "sqlite" or parsed.host or parsed.query or parsed.database in (None, "", ":memory:"):
        raise LedgerAddressError("a ledger is a file: give sqlite:///path")
    return Path(str(parsed.database))


@dataclass(frozen=True, slots=True)
class OpenedLedger:
    """The engines of one ledger file. ``lock`` keeps a second writer out while it is open.

    ``generation`` is "" in a ledger opened for reading that no version with generations has written yet.
    """

    path: Path
    ledger_id: str
    generation: str
    writer: Engine | None
    reader: Engine
    lock: IO[str] | None

    def close(self) -> None:
        """Close every connection; the last writer also folds the WAL back into the file."""
        self.reader.dispose()
        if self.writer is not None:
            self.writer.dispose()
        if self.lock is not None:
            self.lock.close()


def open_for_writing(url: str) -> OpenedLedger:
    """Open or create; raises a LedgerError. A damaged file is never repaired or replaced by itself."""
    path = ledger_path(url)
    lock = _take_lock(path)
    writer = _engine(path, _WRITER_PRAGMAS, "BEGIN IMMEDIATE")
    try:
        # Looked at through a reader first: the writer's settings already change a file that may be somebody else's.
        known = path.exists() and _readable(path, lambda: _is_ledger(path))
        _readable(path, lambda: _prepared(writer, path) if known else _created(writer))
        _, ledger_id, generation = _readable(path, lambda: _identify(writer, path))
    except BaseException:
        writer.dispose()
        lock.close()
        raise
    return OpenedLedger(path, ledger_id, generation, writer, _reader(path), lock)


def open_for_reading(url: str) -> OpenedLedger:
    """Open an existing ledger, also while a sorting center writes it; raises a LedgerError."""
    path = ledger_path(url)
    if not path.is_file():
        raise LedgerMissing(f"there is no ledger at {path}: check the path given with --ledger")
    looking = _reader(path)
    try:
        version, ledger_id, generation = _readable(path, lambda: _identify(looking, path))
    finally:
        looking.dispose()
    reader = _reader(path, OLD_VIEWS if version < KEYED_BY_REGION else ())
    return OpenedLedger(path, ledger_id, generation, None, reader, None)


def begin_generation(url: str) -> str:
    """Give an existing ledger that nobody writes a new feed generation; raises a LedgerError."""
    path = ledger_path(url)
    if not path.is_file():
        raise LedgerMissing(f"there is no ledger at {path}: check the path given with --ledger")
    opened = open_for_writing(url)
    try:
        return _readable(path, lambda: _renewed(opened))
    finally:
        opened.close()


def _renewed(opened: OpenedLedger) -> str:
    generation = new_generation()
    if opened.writer is None:
        raise LedgerUnwritable(f"the ledger {opened.path} is open for reading only")
    with opened.writer.begin() as connection:
        connection.execute(update(meta).where(meta.c.name == "generation").values(value=generation))
    return generation


def _take_lock(path: Path) -> IO[str]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = Path(f"{path}.lock").open("a", encoding="ascii")  # noqa: SIM115 - held for as long as the ledger is
    except OSError as error:
        raise LedgerUnwritable(f"the ledger {path} cannot be opened: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise LedgerInUse(f"another sorting center uses the ledger {path}: stop it first") from error
    return lock


def _engine(path: Path, pragmas: tuple[str, ...], begin: str, views: Sequence[str] = ()) -> Engine:
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": _BUSY_TIMEOUT_S, "check_same_thread": False})

    @sqlalchemy_event.listens_for(engine, "connect")
    def _on_connect(connection: sqlite3.Connection, _record: object) -> None:
        # The driver must not open transactions by itself: it would begin them late, as readers.
        connection.isolation_level = None
        for view in views:
            connection.execute(view)
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    @sqlalchemy_event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _reader(path: Path, views: Sequence[str] = ()) -> Engine:
    return _engine(path, ("query_only=ON",), "BEGIN", views)


def _readable(path: Path, open_it: Callable[[], T]) -> T:
    try:
        return open_it()
    except OperationalError as error:
        raise LedgerUnwritable(f"the ledger {path} cannot be opened: {error.orig}") from error
    except DatabaseError as error:
        raise _damaged(path, str(error.orig)) from error


def _damaged(path: Path, why: str) -> LedgerDamaged:
    return LedgerDamaged(
        f"the ledger {path} is damaged ({why}): it is left as it is; keep a copy and restore the last backup"
    )


def _is_ledger(path: Path) -> bool:
    """False when nothing is in the file, as after a crash while it was made; raises for anything but a ledger."""
    reader = _reader(path)
    try:
        with reader.connect() as connection:
            return bool(inspect(connection).get_table_names() and _check_version(connection, path))
    finally:
        reader.dispose()


def _created(writer: Engine) -> None:
    with writer.begin() as connection:
        metadata.create_all(connection)
        values = {
            "schema_version": str(SCHEMA_VERSION),
            "ledger_id": secrets.token_hex(8),
            "generation": new_generation(),
        }
        connection.execute(insert(meta), [{"name": name, "value": value} for name, value in values.items()])


def _prepared(writer: Engine, path: Path) -> None:
    """Checked as a file, then of this schema."""
    with writer.connect() as connection:
        finding = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
    if finding != "ok":
        raise _damaged(path, str(finding).splitlines()[-1])
    with writer.begin() as connection:
        migrate(connection)


def _identify(engine: Engine, path: Path) -> tuple[int, str, str]:
    with engine.connect() as connection:
        return _check_version(connection, path)


def _check_version(connection: Connection, path: Path) -> tuple[int, str, str]:
    """Schema version, ledger id and generation."""
    if not inspect(connection).has_table(meta.name):
        raise LedgerForeign(f"{path} is a database, but not a sorting center's ledger: check the path")
    rows = {row.name: row.value for row in connection.execute(select(meta.c.name, meta.c.value))}
    version = rows.get("schema_version", "")
    if not version.isdecimal() or "ledger_id" not in rows:
        raise LedgerForeign(f"{path} is a database, but not a sorting center's ledger: check the path")
    if int(version) > SCHEMA_VERSION:
        raise LedgerNewer(
            f"the ledger {path} has schema {version}, this software knows {SCHEMA_VERSION}: install the newer version"
        )
    return int(version), str(rows["ledger_id"]), str(rows.get("generation", ""))
