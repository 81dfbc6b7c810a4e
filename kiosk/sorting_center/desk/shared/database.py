"""The desk's database: opened, brought up to date, read and written."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, Table, func, insert, inspect, select, text
from sqlalchemy.exc import DBAPIError

from kiosk.base.refused import Refused
from kiosk.sorting_center.desk.shared.errors import DeskError
from kiosk.sorting_center.desk.shared.schema import BASELINE, REVISION, SCHEMA, desk_version, metadata
from kiosk.sorting_center.ledger.database import postgres, sqlite
from kiosk.sorting_center.ledger.database.address import LedgerAddress

_SCRIPTS: Final = Path(__file__).parent.with_name("migrations")
_PRIVATE: Final = 0o600
# Of one transaction. With a file SQLite has such a lock itself; without it two administrators of two processes could
# take each other's right to sign in at the same moment, and each see the other one remain.
_WRITER_LOCK: Final = 0x53_4B_07
_bringing_up: Final = threading.Lock()  # Alembic has one context for all threads of a process


def desk_path(ledger: Path) -> Path:
    """Return ``county.desk.db`` for ``county.db``, beside it."""
    return ledger.with_name(f"{ledger.stem}.desk.db")


class DeskDatabase:
    """Safe to call from several threads and processes. Each act is one transaction."""

    def __init__(self, ledger_url: str) -> None:
        """Open or create; raises LedgerAddressError and DeskError."""
        self.address = LedgerAddress.parse(ledger_url)
        self.path = desk_path(self.address.path) if self.address.path is not None else None
        self._lock = threading.Lock()
        with ExitStack() as parts, self._desk_errors("opened"):
            if self.path is not None:
                # Hashes of passwords and sessions are in it: no other user of the machine reads it, from its first
                # byte on.
                self.path.parent.mkdir(parents=True, exist_ok=True)
                os.close(os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, _PRIVATE))
                self._writer = sqlite.writer(self.path)
                parts.callback(self._writer.dispose)
                self._reader = sqlite.reader(self.path)
            else:
                self._writer = in_schema(postgres.writer(self.address.url, of_ledger=False))
                parts.callback(self._writer.dispose)
                self._reader = in_schema(postgres.reader(self.address.url))
            parts.callback(self._reader.dispose)
            with _bringing_up, self._writer.begin() as connection:
                if revision_of(connection, self.address) != REVISION:
                    self._bring_up(connection)
            self._parts = parts.pop_all()

    def close(self) -> None:
        """Close the database. No call may follow."""
        self._parts.close()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open an unchanging snapshot. Raises DeskError."""
        with self._desk_errors("read"), self._reader.connect() as connection:
            yield connection

    @contextmanager
    def writing(self, *, alone: bool = True) -> Iterator[Connection]:
        """Open a transaction beside which no other runs. Raises DeskError, and then nothing of it is stored.

        Not ``alone``: on PostgreSQL those of other processes run beside it, and it owns only the rows it locks.
        """
        with self._lock, self._desk_errors("written"), self._writer.begin() as connection:
            if alone and self.path is None:
                connection.execute(select(func.pg_advisory_xact_lock(_WRITER_LOCK)))
            yield connection

    def empty_log(self) -> None:
        """Truncate SQLite's write-ahead log, which holds deleted rows, unless a reader is active. Raises DeskError."""
        if self.path is not None:
            with self._lock, self._desk_errors("written"), self._writer.connect() as connection:
                raw: Any = connection.connection.driver_connection
                raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _bring_up(self, connection: Connection) -> None:
        if self.path is None:
            postgres.lock_schema(connection)
            connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
        if revision_of(connection, self.address) is None:
            metadata.create_all(connection)
            desk_version.create(connection)
            connection.execute(insert(desk_version), {"version_num": REVISION})
            return
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")

    @contextmanager
    def _desk_errors(self, done: str) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            lines = str(error.orig).strip().splitlines()
            raise DeskError(f"the desk {self} cannot be {done}: {lines[0] if lines else error}") from error
        except OSError as error:
            raise DeskError(f"the desk {self} cannot be {done}: {error.strerror or error}") from error

    def __str__(self) -> str:
        return str(self.path or self.address)


def revision_of(connection: Connection, address: LedgerAddress) -> str | None:
    """Return the revision; None without a desk. Raises DeskError when no migration leads from it to that of today."""
    if not inspect(connection).has_table(desk_version.name, SCHEMA if address.path is None else None):
        return None
    found = str(connection.execute(select(desk_version.c.version_num)).scalar())
    if not (found.isdecimal() and int(BASELINE) <= int(found) <= int(REVISION)):
        path = desk_path(address.path) if address.path is not None else None
        empty = "name an empty database" if path is None else "move the file away and start with an empty desk"
        raise DeskError(
            f"the desk {path or address} was made by another version of the program (revision {found}, this one uses "
            f"{REVISION}): install that version again, or {empty}"
        )
    return found


def hash_secret(secret: str) -> str:
    """Return the SHA-256 under which secrets of programs and browsers are stored."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def insert_named(connection: Connection, table: Table, row: Mapping[str, object], max_rows: int) -> None:
    """Insert a row with a new name. Raises Refused: too_many, name_taken."""
    if connection.execute(select(func.count()).select_from(table)).scalar_one() >= max_rows:
        raise Refused("too_many", f"there are {max_rows} already", {"n": str(max_rows)})
    name = str(row["name"])
    if connection.execute(select(table.c.name).where(table.c.name == name)).first() is not None:
        raise Refused("name_taken", f"there is a {name} already: take another name", {"name": name})
    connection.execute(insert(table).values(row))


def in_schema(engine: Engine) -> Engine:
    return postgres.executing_on_connect(engine, f"SET search_path = {SCHEMA}")
