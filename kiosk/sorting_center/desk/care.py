"""A whole desk into one file beside a backup of its ledger, or into another database; checked each time."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from sqlalchemy import Connection, insert, select, text
from sqlalchemy.exc import DBAPIError

from kiosk.base.refused import Refused
from kiosk.sorting_center.desk.shared.database import DeskDatabase, desk_path, in_schema, revision_of
from kiosk.sorting_center.desk.shared.errors import DeskError
from kiosk.sorting_center.desk.shared.schema import REVISION, audit, metadata, person
from kiosk.sorting_center.ledger.database import postgres, sqlite
from kiosk.sorting_center.ledger.database.address import LedgerAddress
from kiosk.sorting_center.ledger.database.faults import translate_open_error

_CHUNK: Final = 500
_PRIVATE: Final = 0o600  # Hashes of passwords are in it
_line: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class DeskBackup:
    """A desk of SQLite, whatever its source is. ``rows`` by table."""

    file: Path
    size_bytes: int
    rows: dict[str, int]


@dataclass(frozen=True, slots=True)
class DeskDigest:
    """Rows by table, and the SHA-256 over all of them in the order of their keys."""

    rows: dict[str, int]
    sha256: str


def back_up_desk(ledger_url: str, file: Path) -> DeskBackup | None:
    """Copy the desk of this ledger into the desk file of ``file``, a backup of the ledger; None when it has none.

    The file gets its name after it was checked. Raises LedgerAddressError, Refused, DeskError or OSError.
    """
    target, fresh = desk_path(file), file.with_name(f".{file.name}.new")
    require_free(file)
    address = LedgerAddress.parse(ledger_url)
    with _open_readonly(ledger_url) as there:
        if there is None:
            return None
    with sqlite.new_file(target, desk_path(fresh), _PRIVATE) as written:
        if address.path is not None:
            rows = _back_up_sqlite(desk_path(address.path), written)
        else:
            copied = copy_desk(ledger_url, f"sqlite:///{fresh}")
            rows = copied.rows if copied is not None else {}
            with closing(sqlite3.connect(written)) as connection:
                connection.execute("PRAGMA journal_mode=DELETE")
    return DeskBackup(target, target.stat().st_size, rows)


def copy_desk(source_url: str, target_url: str) -> DeskDigest | None:
    """Copy the current desk of one ledger into that of another; None when the first has none.

    The copy is one transaction, and is compared. Raises LedgerAddressError, Refused and DeskError.
    """
    with _open_readonly(source_url) as reading:
        if reading is None:
            return None
        _require_this_version(reading, source_url)
        sent = _digest(reading)
        with closing(DeskDatabase(target_url)) as target, target.writing() as writing:
            _require_empty(writing, target_url)
            for table in metadata.sorted_tables:
                rows = reading.execute(select(table).order_by(*table.primary_key.columns))
                for page in rows.mappings().partitions(_CHUNK):
                    writing.execute(insert(table), [dict(row) for row in page])
                if writing.dialect.name == "postgresql" and "id" in table.columns:
                    # PostgreSQL counts for itself, and has not seen the numbers that were brought along.
                    sequence = f"pg_get_serial_sequence('{table.name}', 'id')"
                    highest = f"coalesce((SELECT max(id) FROM {table.name}), 0)"  # noqa: S608 - names of our tables
                    writing.execute(text(f"SELECT setval({sequence}, {highest} + 1, false)"))
            here = _digest(writing)
            if sent != here:
                raise DeskError(f"the copy of the desk is not what was read, and is not kept: {sent} became {here}")
    return sent


def require_free(file: Path) -> None:
    """Raise Refused when the desk of ``file``, a backup to be made, exists already."""
    if desk_path(file).exists():
        raise Refused("there_already", f"{desk_path(file)} is there already: a backup replaces none, give another name")


def require_copyable(source_url: str, target_url: str) -> None:
    """Raise Refused when the desk of the target has people, and DeskError when that of the source is older."""
    for url, require in ((source_url, _require_this_version), (target_url, _require_empty)):
        with _open_readonly(url) as reading:
            if reading is not None:
                require(reading, url)


@contextmanager
def _open_readonly(ledger_url: str) -> Iterator[Connection | None]:
    """Open a read-only snapshot; None when there is no desk. Raises DeskError."""
    address = LedgerAddress.parse(ledger_url)
    path = desk_path(address.path) if address.path is not None else None
    if path is not None and not path.is_file():
        yield None
        return
    engine = in_schema(postgres.reader(address.url)) if path is None else sqlite.reader(path)
    try:
        with engine.connect() as connection:
            yield connection if revision_of(connection, address) is not None else None
    except DBAPIError as error:
        raise translate_open_error(address, error) from error
    finally:
        engine.dispose()


def _require_this_version(reading: Connection, url: str) -> None:
    address = LedgerAddress.parse(url)
    found = revision_of(reading, address)
    if found != REVISION:
        raise DeskError(
            f"the desk of {address} has schema {found}: start the sorting center of this version on it once, and "
            "repeat this then"
        )


def _require_empty(connection: Connection, url: str) -> None:
    if any(connection.execute(select(table).limit(1)).first() is not None for table in (person, audit)):
        desk = LedgerAddress.parse(url)
        raise Refused("not_empty", f"{desk} has people at its desk already: give one that is not there yet")


def _digest(connection: Connection) -> DeskDigest:
    sha256, rows = hashlib.sha256(), dict[str, int]()
    for table in metadata.sorted_tables:
        name = str(table.name)
        rows[name] = 0
        for row in connection.execute(select(table).order_by(*table.primary_key.columns)):
            rows[name] += 1
            sha256.update(_line((name, *row)) + b"\n")
    return DeskDigest(rows, sha256.hexdigest())


def _back_up_sqlite(source: Path, fresh: Path) -> dict[str, int]:
    """Copy by SQLite's own backup while the file is written, also from an older schema; return rows by table."""
    try:
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as reading,
            closing(sqlite3.connect(fresh)) as target,
        ):
            reading.backup(target)
            finding = sqlite.quick_check(target)
            target.execute("PRAGMA journal_mode=DELETE")  # one file, which needs no other beside it
            names = [name for (name,) in target.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            count = "SELECT count(*) FROM"
            rows = {name: target.execute(f"{count} {name}").fetchone()[0] for name in names}
    except sqlite3.Error as error:
        raise DeskError(f"the desk {source} cannot be backed up: {error}") from error
    if finding:
        raise DeskError(f"the backup of the desk is damaged ({finding}), and is not kept: check the disk")
    return {name: rows[name] for name in sorted(rows) if name in metadata.tables}
