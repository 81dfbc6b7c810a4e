"""Databases are migrated in the process of the tests, and an empty one once, not anew for every station.

A station has a child process do it, which costs a second for every database: `in_child` is tried by
`tests/store/database/test_migrations.py` and by every program that is started, that of a fleet by every
process of a county.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, MetaData, inspect
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from kiosk.simulators.fleet import template
from kiosk.sorting_center.desk.database import DeskDatabase
from kiosk.store.database import opening
from kiosk.store.database.migrate import migrate
from kiosk.store.database.schema import SCHEMA_VERSION
from kiosk.store.errors import StoreError

_MADE = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT GLOB 'sqlite_*' ORDER BY rowid"
in_child = opening._migrate_in_child
"""What a station does."""


def migrate_once() -> None:
    """From now on a database that is begun in this process is a copy of the first; an old one is brought up here."""
    empty: list[bytes] = []

    def copied(path: Path) -> None:
        if path.exists() or not empty:
            begun = not path.exists()
            here(path)
            if begun:
                empty.append(path.read_bytes())
        else:
            path.write_bytes(empty[0])

    opening._migrate_in_child = copied
    template._migrate_in_child = copied


def here(path: Path) -> None:
    """As `in_child`, without the child. Raises StoreError."""
    try:
        migrate(path)
    except StoreError as error:
        raise StoreError(f"The database {path} could not be brought to schema {SCHEMA_VERSION}: {error}") from error


def create_once() -> None:
    """From now on the tables of an empty file are made by the statements that made the first ones.

    SQLAlchemy asks for each table whether it is there and writes its statement anew.
    """
    kept: WeakKeyDictionary[MetaData, list[str]] = WeakKeyDictionary()
    whole = MetaData.create_all

    def repeated(self: MetaData, bind: Engine | Connection, *arguments: Any, **options: Any) -> None:
        alike = isinstance(bind, Connection) and isinstance(bind.dialect, SQLiteDialect_pysqlite)
        if not alike or arguments or options or bind.exec_driver_sql(_MADE).first():
            whole(self, bind, *arguments, **options)
        elif self in kept:
            for statement in kept[self]:
                bind.exec_driver_sql(statement)
        else:
            whole(self, bind)
            kept[self] = list(bind.exec_driver_sql(_MADE).scalars())

    MetaData.create_all = repeated  # type: ignore[method-assign]


def desk_once() -> None:
    """From now on the desk of a ledger in a file is begun by the statements that made the first."""
    whole = DeskDatabase._bring_up
    empty: list[str] = []

    def repeated(self: DeskDatabase, connection: Connection) -> None:
        if self.path is None or inspect(connection).get_table_names():
            whole(self, connection)
        elif empty:
            for statement in empty:
                connection.exec_driver_sql(statement)
        else:
            whole(self, connection)
            file = connection.connection.driver_connection
            assert isinstance(file, sqlite3.Connection)
            empty.extend(line for line in file.iterdump() if line not in ("BEGIN TRANSACTION;", "COMMIT;"))

    DeskDatabase._bring_up = repeated  # type: ignore[method-assign]
