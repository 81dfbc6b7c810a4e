"""A ledger in a file: how SQLite is set, and that one process writes it."""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DatabaseError

from kiosk.base import files
from kiosk.sorting_center.ledger.shared.errors import LedgerInUse, LedgerUnwritable

log = logging.getLogger(__name__)

_BUSY_TIMEOUT_S: Final = 5.0
# FULL: with NORMAL an acknowledged event can be lost in a power cut, and the station deletes its copy. 16 MiB of log:
# the same pages of the indexes change in commit after commit.
_WRITER_PRAGMAS: Final = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "wal_autocheckpoint=4000",
    "secure_delete=ON",  # As Debian builds SQLite: of what is deleted no byte stays
)
_LEDGER_CACHE_KIB: Final = 24 * 1024  # For the same reason, and a process of the center stays below 120 MB
# Replaces SQLite's own message: that quotes the damaged schema, and Python reads it as strict UTF-8.
_UNREADABLE: Final = "malformed database schema"

# A file up to here is checked in less than a second, before the ledger is opened; of a million events it takes 50.
BACKGROUND_CHECK_BYTES: Final = 64 * 1024 * 1024


def take_lock(path: Path) -> IO[str]:
    """Lock until the returned file is closed or the process ends. Raises LedgerInUse when another process has it."""
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


def writer(path: Path, cache_kib: int = _LEDGER_CACHE_KIB) -> Engine:
    """Build an engine whose transactions are writing ones from their begin on."""
    return _engine(path, (*_WRITER_PRAGMAS, f"cache_size=-{cache_kib}"), "BEGIN IMMEDIATE")


def reader(path: Path) -> Engine:
    return _engine(path, ("query_only=ON",), "BEGIN")


def _engine(path: Path, pragmas: tuple[str, ...], begin: str) -> Engine:
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": _BUSY_TIMEOUT_S, "check_same_thread": False})

    @sqlalchemy_event.listens_for(engine, "connect")
    def _on_connect(connection: sqlite3.Connection, _record: object) -> None:
        # The driver must not open transactions by itself: it would begin them late, as readers.
        connection.isolation_level = None
        try:
            for pragma in pragmas:
                connection.execute(f"PRAGMA {pragma}")
        except UnicodeDecodeError as error:
            raise sqlite3.DatabaseError(_UNREADABLE) from error

    @sqlalchemy_event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    @sqlalchemy_event.listens_for(engine, "handle_error")
    def _on_error(context: ExceptionContext) -> None:
        if isinstance(context.original_exception, UnicodeDecodeError):
            raise DatabaseError(context.statement, context.parameters, sqlite3.DatabaseError(_UNREADABLE))

    return engine


@contextmanager
def new_file(file: Path, fresh: Path, mode: int) -> Iterator[Path]:
    """Yield an empty file ``fresh`` that is renamed to ``file`` in the end, and deleted when that fails."""
    others = [fresh.with_name(f"{fresh.name}{end}") for end in ("-wal", "-shm", "-journal", ".lock")]
    for path in (fresh, *others):
        path.unlink(missing_ok=True)
    os.close(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, mode))
    try:
        yield fresh
        with fresh.open("rb+") as written:
            files.flush_to_disk(written)
        fresh.replace(file)
        files.sync_folder(file.parent)
    finally:
        for path in (fresh, *others):
            path.unlink(missing_ok=True)


def quick_check(connection: sqlite3.Connection) -> str:
    """Return in one line what is wrong with the file; "" for nothing. Raises when SQLite cannot read on."""
    (finding,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    return "" if finding == "ok" else str(finding).splitlines()[-1]


class FileCheck:
    """Checks a large file once, beside the work."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, timeout=_BUSY_TIMEOUT_S, check_same_thread=False)
        self._connection.execute("PRAGMA query_only=ON")
        self._is_stopping = False
        self.finding = ""  # What is wrong with the file; "" for nothing known
        self._thread = threading.Thread(target=self._run, name="ledger file check", daemon=True)
        self._thread.start()

    def wait(self, timeout_s: float) -> bool:
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def stop(self) -> None:
        self._is_stopping = True
        while self._thread.is_alive():
            self._connection.interrupt()  # repeated: an interrupt before the check has started is forgotten
            self._thread.join(0.05)
        self._connection.close()

    def _run(self) -> None:
        try:
            found = quick_check(self._connection)
        except sqlite3.DatabaseError as error:
            found = "" if self._is_stopping else str(error)
        if found:
            self.finding = found
            log.error("The check of the ledger's file has found damage: %s. Nothing is taken in any more.", found)
