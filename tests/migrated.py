"""An empty database of a station, or of a desk in a file, is migrated once in a process of tests, not anew for each."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy import Connection, inspect

from kiosk.sorting_center.desk.database import DeskDatabase
from kiosk.store.database import opening

in_child = opening._migrate_in_child
"""What a station does."""


def migrate_once() -> None:
    """From now on a database that is begun in this process is a copy of the first; an old one is brought up as ever."""
    empty: list[bytes] = []

    def copied(path: Path) -> None:
        if path.exists():
            in_child(path)
        elif empty:
            path.write_bytes(empty[0])
        else:
            in_child(path)
            empty.append(path.read_bytes())

    opening._migrate_in_child = copied


def desk_once() -> None:
    """The same for the desks of sorting centers that keep a file."""
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
