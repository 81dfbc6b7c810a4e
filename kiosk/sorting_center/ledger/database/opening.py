"""Opening a ledger: made, brought up to date, or refused."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from sqlalchemy import Connection, Engine, insert, inspect, select, update
from sqlalchemy.exc import DBAPIError

from kiosk.sorting_center.ledger.database import postgres, sqlite
from kiosk.sorting_center.ledger.database.address import LedgerAddress
from kiosk.sorting_center.ledger.database.faults import damage_error, translate_open_error
from kiosk.sorting_center.ledger.database.numberer import Numberer
from kiosk.sorting_center.ledger.database.schema import (
    BASELINE_VERSION,
    REVISION,
    SCHEMA_VERSION,
    alembic_version,
    meta,
    metadata,
)
from kiosk.sorting_center.ledger.shared.errors import (
    LedgerForeign,
    LedgerInUse,
    LedgerMissing,
    LedgerNewer,
    LedgerUnwritable,
)

_SCRIPTS: Final = Path(__file__).parents[1] / "migrations"


@dataclass(frozen=True, slots=True)
class LedgerIdentity:
    version: int
    ledger_id: str
    generation: str


@dataclass(frozen=True, slots=True)
class OpenedLedger:
    """The engines of one ledger; ``parts`` ends what else belongs to it."""

    address: LedgerAddress
    identity: LedgerIdentity
    writer: Engine | None
    reader: Engine
    parts: ExitStack
    check: sqlite.FileCheck | None = None
    numberer: Numberer | None = None
    partitions: postgres.Partitions | None = None

    @property
    def writing(self) -> Engine:
        """Raises LedgerUnwritable when it is open for reading only."""
        if self.writer is None:
            raise LedgerUnwritable(f"the ledger {self.address} is open for reading only")
        return self.writer

    def close(self) -> None:
        """Close every connection; the last writer of a file also folds the WAL back into it."""
        self.parts.close()


@contextmanager
def _opening(url: str, *, must_exist: bool = True) -> Iterator[tuple[LedgerAddress, ExitStack]]:
    """Yield the address and what to close unless it is taken out; translate errors of the database to LedgerErrors."""
    address = LedgerAddress.parse(url)
    if must_exist and address.path is not None and not address.path.is_file():
        raise LedgerMissing(f"there is no ledger at {address}: check the path given with --ledger")
    try:
        with ExitStack() as parts:
            yield address, parts
    except DBAPIError as error:
        raise translate_open_error(address, error) from error


def _writer(address: LedgerAddress, parts: ExitStack) -> Engine:
    engine = sqlite.writer(address.path) if address.path is not None else postgres.writer(address.url)
    parts.callback(engine.dispose)
    return engine


def _reader(address: LedgerAddress, parts: ExitStack) -> Engine:
    engine = sqlite.reader(address.path) if address.path is not None else postgres.reader(address.url)
    parts.callback(engine.dispose)
    return engine


def open_for_writing(url: str) -> OpenedLedger:
    """Open or create a ledger, never repairing or replacing a damaged file; raises a LedgerError.

    A large file is checked in the background.
    """
    with _opening(url, must_exist=False) as (address, parts):
        if address.path is None:
            return _open_database(address, parts)
        return _open_file(address, address.path, parts)


def _open_file(address: LedgerAddress, path: Path, parts: ExitStack) -> OpenedLedger:
    parts.callback(sqlite.take_lock(path).close)
    writer, reader = _writer(address, parts), _reader(address, parts)
    is_large = False
    # Read through a reader first: the writer's settings already change a file that may be another program's.
    found = None
    if path.exists():
        with reader.connect() as connection:
            if inspect(connection).get_table_names():  # else a crash while it was made
                found = _read_identity(connection, address)
    if found is not None:
        is_large = path.stat().st_size > sqlite.BACKGROUND_CHECK_BYTES and found.version == SCHEMA_VERSION
        if not is_large:
            with writer.connect() as connection:
                raw = cast(sqlite3.Connection, connection.connection.driver_connection)
                if finding := sqlite.quick_check(raw):
                    raise damage_error(address, finding)
        with writer.begin() as connection:
            _upgrade(connection)
    else:
        with writer.begin() as connection:
            metadata.create_all(connection)
            _initialize(connection)
    identity = _identity(writer, address)
    check = sqlite.FileCheck(path) if is_large else None
    if check is not None:
        parts.callback(check.stop)
    return OpenedLedger(address, identity, writer, reader, parts.pop_all(), check=check)


def _upgrade(connection: Connection) -> None:
    version = int(connection.execute(select(meta.c.value).where(meta.c.name == "schema_version")).scalar_one())
    if version == SCHEMA_VERSION:
        return
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    connection.execute(update(meta).where(meta.c.name == "schema_version").values(value=str(SCHEMA_VERSION)))


def _initialize(connection: Connection) -> None:
    names = ("ledger_id", "generation")
    values = {"schema_version": str(SCHEMA_VERSION), **{name: secrets.token_hex(8) for name in names}}
    connection.execute(insert(meta), [{"name": name, "value": value} for name, value in values.items()])
    connection.execute(insert(alembic_version), {"version_num": REVISION})


def _open_database(address: LedgerAddress, parts: ExitStack) -> OpenedLedger:
    writer, reader = _writer(address, parts), _reader(address, parts)
    with writer.begin() as connection:
        postgres.lock_schema(connection)
        if inspect(connection).get_table_names():
            is_old = _read_identity(connection, address).version < SCHEMA_VERSION
            if is_old and postgres.is_in_use(connection):
                raise LedgerInUse(
                    f"sorting centers of an older version use the ledger {address}: stop every one of them first"
                )
            _upgrade(connection)
        else:
            postgres.create_tables(connection)
            _initialize(connection)
    unpooled = postgres.unpooled(address.url)
    parts.callback(unpooled.dispose)
    numberer = Numberer(unpooled)
    parts.callback(numberer.close)
    identity = _identity(reader, address)
    partitions = postgres.Partitions(writer)
    return OpenedLedger(address, identity, writer, reader, parts.pop_all(), numberer=numberer, partitions=partitions)


def open_shared(url: str) -> OpenedLedger:
    """Open a ledger that another process of the same sorting center has open for writing; raises a LedgerError.

    A file is neither locked nor checked: this process ends with the other, and writes only how far the feed has gone.
    """
    with _opening(url) as (address, parts):
        if address.path is None:
            return _open_database(address, parts)
        writer, reader = _writer(address, parts), _reader(address, parts)
        return OpenedLedger(address, _identity(reader, address), writer, reader, parts.pop_all())


def open_for_reading(url: str) -> OpenedLedger:
    """Open an existing ledger, also while a sorting center writes it; raises a LedgerError."""
    with _opening(url) as (address, parts):
        reader = _reader(address, parts)
        return OpenedLedger(address, _identity(reader, address), None, reader, parts.pop_all())


def begin_generation(url: str) -> str:
    """Give an existing ledger that no process writes a new feed generation; raises a LedgerError."""
    generation = secrets.token_hex(8)
    with _opening(url) as (address, parts):
        if address.path is None:
            writer = _writer(address, parts)
        else:
            opened = open_for_writing(url)
            parts.callback(opened.close)
            writer = opened.writing
        with writer.begin() as connection:
            _read_identity(connection, address)
            if address.path is None and postgres.is_in_use(connection):
                raise LedgerInUse(f"a sorting center uses the ledger {address}: stop every one of them first")
            connection.execute(update(meta).where(meta.c.name == "generation").values(value=generation))
    return generation


def _identity(engine: Engine, address: LedgerAddress) -> LedgerIdentity:
    with engine.connect() as connection:
        return _read_identity(connection, address)


def _read_identity(connection: Connection, address: LedgerAddress) -> LedgerIdentity:
    foreign = LedgerForeign(f"{address} is a database, but not a sorting center's ledger: check the address")
    if not inspect(connection).has_table(meta.name):
        raise foreign
    rows = {row.name: row.value for row in connection.execute(select(meta.c.name, meta.c.value))}
    version = rows.get("schema_version", "")
    if not version.isdecimal() or not {"ledger_id", "generation"} <= rows.keys():
        raise foreign
    if not BASELINE_VERSION <= int(version) <= SCHEMA_VERSION:
        empty = (
            "name an empty database" if address.path is None else "move the file away and start with an empty ledger"
        )
        raise LedgerNewer(
            f"the ledger {address} was made by another version of the program (schema {version}, this one uses "
            f"{SCHEMA_VERSION}): install that version again, or {empty}"
        )
    return LedgerIdentity(int(version), str(rows["ledger_id"]), str(rows["generation"]))
