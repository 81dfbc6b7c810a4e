"""A whole ledger as one file, checked before it has its name: taken while sorting centers write."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from sqlalchemy import Connection, func, inspect, select, table
from sqlalchemy.exc import DBAPIError

from kiosk.base import files
from kiosk.sorting_center.ledger.care.copy import copy_ledger
from kiosk.sorting_center.ledger.database import sqlite
from kiosk.sorting_center.ledger.database.address import LedgerAddress
from kiosk.sorting_center.ledger.database.faults import translate_error
from kiosk.sorting_center.ledger.database.opening import open_for_reading
from kiosk.sorting_center.ledger.shared.errors import LedgerDamaged, LedgerNotEmpty

_PRIVATE: Final = 0o600  # Names of members are in it


@dataclass(frozen=True, slots=True)
class Backup:
    """A ledger of SQLite, whatever its source is. ``rows`` by table."""

    file: Path
    size_bytes: int
    rows: dict[str, int]


def back_up(url: str, file: Path) -> Backup:
    """Write beside, check, force out, rename; raises a LedgerError or OSError, and then ``file`` is not there.

    Whoever puts it in the place of a ledger begins a new generation there (`opening.begin_generation`).
    """
    address = LedgerAddress.parse(url)
    if file.exists():
        raise LedgerNotEmpty(f"{file} is there already: a backup replaces none, give another name")
    with atomic_database(file.with_name(f".{file.name}.new"), file) as fresh:
        if address.path is None:
            copy_ledger(url, f"sqlite:///{fresh}")  # proves by itself that nothing is missing
            rows = _check_and_count(fresh)
        else:
            rows = _copy_sqlite(url, fresh)
            copied = _check_and_count(fresh)
            if rows != copied:
                raise LedgerDamaged(f"the backup of {address} is not kept: of rows {rows} it has {copied}")
    return Backup(file, file.stat().st_size, rows)


@contextmanager
def atomic_database(fresh: Path, file: Path) -> Iterator[Path]:
    """A private file of SQLite that takes the name ``file`` in the end, and is gone when that fails."""
    others = [fresh.with_name(f"{fresh.name}{end}") for end in ("-wal", "-shm", "-journal", ".lock")]
    for path in (fresh, *others):
        path.unlink(missing_ok=True)
    try:
        os.close(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, _PRIVATE))
        yield fresh
        with fresh.open("rb+") as written:
            files.flush_to_disk(written)
        fresh.replace(file)
        files.sync_folder(file.parent)
    finally:
        for path in (fresh, *others):
            path.unlink(missing_ok=True)


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
    """Rows by table of a file that is whole."""
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
