"""A whole ledger as one file, checked before it has its name: taken while sorting centers write."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from sqlalchemy import Connection, func, inspect, select, table
from sqlalchemy.exc import DBAPIError

from kiosk.sorting_center.ledger.care.copy import copy_ledger
from kiosk.sorting_center.ledger.database import sqlite
from kiosk.sorting_center.ledger.database.address import LedgerAddress
from kiosk.sorting_center.ledger.database.faults import translate_error
from kiosk.sorting_center.ledger.database.opening import open_for_reading
from kiosk.sorting_center.ledger.shared.errors import LedgerDamaged, LedgerNotEmpty

_MODE: Final = 0o644


@dataclass(frozen=True, slots=True)
class Backup:
    """A ledger of SQLite, whatever its source is. ``rows`` by table."""

    file: Path
    size_bytes: int
    rows: dict[str, int]


def back_up(url: str, file: Path) -> Backup:
    """Write a backup, check it, force it to disk, rename it. On a LedgerError or OSError ``file`` is not there.

    When a backup replaces a ledger, begin a new generation there (`opening.begin_generation`).
    """
    address = LedgerAddress.parse(url)
    if file.exists():
        raise LedgerNotEmpty(f"{file} is there already: a backup replaces none, give another name")
    with sqlite.new_file(file, file.with_name(f".{file.name}.new"), _MODE) as fresh:
        if address.path is None:
            copy_ledger(url, f"sqlite:///{fresh}")  # proves by itself that nothing is missing
            rows = _check_and_count(fresh)
        else:
            rows = _copy_sqlite(url, fresh)
            copied = _check_and_count(fresh)
            if rows != copied:
                raise LedgerDamaged(f"the backup of {address} is not kept: of rows {rows} it has {copied}")
    return Backup(file, file.stat().st_size, rows)


def _copy_sqlite(url: str, fresh: Path) -> dict[str, int]:
    with closing(open_for_reading(url)) as source:
        try:
            with source.reader.connect() as connection:
                rows = _count_rows(connection)  # from here on the connection sees the ledger as it is now
                raw = cast(sqlite3.Connection, connection.connection.driver_connection)
                with closing(sqlite3.connect(fresh)) as target:
                    raw.backup(target)
                    target.execute("PRAGMA journal_mode=DELETE")  # one file, which needs no other beside it
                return rows
        except DBAPIError as error:
            raise translate_error(source.address, error) from error


def _count_rows(connection: Connection) -> dict[str, int]:
    names = inspect(connection).get_table_names()
    return {name: connection.execute(select(func.count()).select_from(table(name))).scalar_one() for name in names}


def _check_and_count(fresh: Path) -> dict[str, int]:
    """Check that the file is whole; return its rows by table."""
    with closing(sqlite3.connect(fresh)) as connection:
        finding = sqlite.quick_check(connection)
        connection.execute("PRAGMA journal_mode=DELETE")
    if finding:
        raise LedgerDamaged(f"the backup is damaged ({finding}), and is not kept: check the disk it was written to")
    engine = sqlite.reader(fresh)
    try:
        with engine.connect() as reading:
            return _count_rows(reading)
    finally:
        engine.dispose()
