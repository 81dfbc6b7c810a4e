"""A ledger as a whole into another database, proved to be the same there."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Table, delete, func, select, text
from sqlalchemy.exc import DBAPIError

from kiosk.sorting_center.ledger.database.faults import translate_error
from kiosk.sorting_center.ledger.database.numberer import number_released
from kiosk.sorting_center.ledger.database.opening import OpenedLedger, open_for_reading, open_for_writing
from kiosk.sorting_center.ledger.database.places import EventCopy
from kiosk.sorting_center.ledger.database.postgres import make_partition
from kiosk.sorting_center.ledger.database.rows import insert_rows
from kiosk.sorting_center.ledger.database.schema import (
    SCHEMA_VERSION,
    alembic_version,
    event,
    meta,
    metadata,
    numbered,
)
from kiosk.sorting_center.ledger.shared.errors import LedgerDamaged, LedgerError, LedgerNotEmpty

_NUMBERING_BATCH: Final = 1000
_CHUNK: Final = 1000

# What a ledger is made of; Alembic's own table only says what `meta` says, and `numbered` what `event` says.
TABLES: Final = tuple(table for table in metadata.sorted_tables if table not in (alembic_version, numbered))

_encode_line: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Digest:
    """Rows by table, and the SHA-256 over all of them in the order of their keys."""

    rows: dict[str, int]
    sha256: str


def _chunks(connection: Connection, table: Table) -> Iterator[list[tuple[Any, ...]]]:
    """Yield all rows in the order of the primary key."""
    ordered = select(table).order_by(*table.primary_key.columns)
    for page in connection.execution_options(yield_per=_CHUNK).execute(ordered).partitions():
        yield [tuple(row) for row in page]


class _RollingDigest:
    """Takes the rows of table after table."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._rows: dict[str, int] = {}

    def add(self, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
        name = str(table.name)
        self._rows[name] = self._rows.get(name, 0) + len(rows)
        self._hash.update(b"".join(_encode_line((name, *row)) + b"\n" for row in rows))

    def result(self) -> Digest:
        return Digest(dict(sorted(self._rows.items())), self._hash.hexdigest())


def digest(connection: Connection) -> Digest:
    """Compute the digest of a whole ledger, as this connection sees it."""
    rolling = _RollingDigest()
    for table in TABLES:
        rolling.add(table, [])
        for rows in _chunks(connection, table):
            rolling.add(table, rows)
    return rolling.result()


@dataclass(frozen=True, slots=True)
class CopyResult:
    """``numbered`` events were released and had no place in the feed yet where they came from."""

    digest: Digest
    numbered: int


def copy_ledger(source_url: str, target_url: str, on_progress: Callable[[int], None] = lambda _: None) -> CopyResult:
    """Copy everything in ``source_url`` as it is now, in one transaction; raises a LedgerError.

    ``on_progress`` is called with the number of rows copied so far.

    The copy has the generation of its source: only one of the two may be used further.
    """
    with closing(open_for_reading(source_url)) as source:
        if source.identity.version != SCHEMA_VERSION:
            raise LedgerError(
                f"the ledger {source.address} has schema {source.identity.version}: start the sorting center on it "
                f"once, which brings it to {SCHEMA_VERSION}, and copy it then"
            )
        with closing(open_for_writing(target_url)) as target:
            return _copy(source, target, on_progress)


def _copy(source: OpenedLedger, target: OpenedLedger, on_progress: Callable[[int], None]) -> CopyResult:
    try:
        with source.reader.connect() as reading:
            try:
                with target.writing.begin() as writing:
                    return _copy_tables(reading, writing, target, on_progress)
            except DBAPIError as error:
                raise translate_error(target.address, error) from error
    except DBAPIError as error:
        raise translate_error(source.address, error) from error


def _copy_tables(
    reading: Connection, writing: Connection, target: OpenedLedger, on_progress: Callable[[int], None]
) -> CopyResult:
    for table in TABLES:
        if table is not meta and writing.execute(select(func.count()).select_from(table)).scalar_one():
            raise LedgerNotEmpty(f"the ledger {target.address} is not empty: give one that is not there yet")
    writing.execute(delete(meta))
    rolling, months, events = _RollingDigest(), set[str](), EventCopy(writing)
    copied = 0
    for table in TABLES:
        rolling.add(table, [])
        for rows in _chunks(reading, table):
            rolling.add(table, rows)
            if table is event and target.partitions is not None:
                at = list(event.columns.keys()).index("received_at")
                for month in sorted({row[at][:7] for row in rows} - months):
                    make_partition(writing, month)
                    months.add(month)
            if table is event:
                events.add(rows)
            else:
                insert_rows(writing, table, rows)
            copied += len(rows)
            on_progress(copied)
        _advance_sequence(writing, table)
    events.finish()
    source_digest, target_digest = rolling.result(), digest(writing)
    if source_digest != target_digest:
        raise LedgerDamaged(
            f"the copy in {target.address} is not what was read, and is not kept: "
            f"{source_digest} became {target_digest}"
        )
    numbered = 0
    if target.partitions is None:
        while done := number_released(writing, _NUMBERING_BATCH):
            numbered += done
    return CopyResult(source_digest, numbered)


def _advance_sequence(connection: Connection, table: Table) -> None:
    """Set the sequence above the copied ids, which PostgreSQL has not counted."""
    if connection.dialect.name != "postgresql" or "id" not in table.columns:
        return
    sequence = f"pg_get_serial_sequence('{table.name}', 'id')"
    highest = f"coalesce((SELECT max(id) FROM {table.name}), 0)"  # noqa: S608 - names of our tables
    connection.execute(text(f"SELECT setval({sequence}, {highest} + 1, false)"))
