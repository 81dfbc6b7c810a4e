"""A ledger as a whole into another database, proved to be the same there."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass

from sqlalchemy import Connection, Table, delete, func, select, text
from sqlalchemy.exc import DBAPIError

from kiosk.sorting_center.ledger.care.digest import TABLES, Digest, Rolling, chunks, digest
from kiosk.sorting_center.ledger.database.faults import unusable
from kiosk.sorting_center.ledger.database.opening import OpenedLedger, open_for_reading, open_for_writing
from kiosk.sorting_center.ledger.database.partitions import make_partition
from kiosk.sorting_center.ledger.database.places import EventCopy
from kiosk.sorting_center.ledger.database.rows import insert_rows
from kiosk.sorting_center.ledger.errors import LedgerDamaged, LedgerError, LedgerNotEmpty
from kiosk.sorting_center.ledger.numberer import number_released
from kiosk.sorting_center.ledger.schema import SCHEMA_VERSION, event, meta

_NUMBERED_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Copied:
    """``numbered`` events were released and had no place in the feed yet where they came from."""

    digest: Digest
    numbered: int


def copy_ledger(source_url: str, target_url: str, show: Callable[[int], None] = lambda _: None) -> Copied:
    """Everything there is in ``source_url`` at this moment, in one transaction; raises a LedgerError.

    ``show`` is called with the number of rows copied so far.

    The copy has the generation of its source: only one of the two may go on.
    """
    with closing(open_for_reading(source_url)) as source:
        if source.identity.version != SCHEMA_VERSION:
            raise LedgerError(
                f"the ledger {source.address} has schema {source.identity.version}: start the sorting center on it "
                f"once, which brings it to {SCHEMA_VERSION}, and copy it then"
            )
        with closing(open_for_writing(target_url)) as target:
            return _copied(source, target, show)


def _copied(source: OpenedLedger, target: OpenedLedger, show: Callable[[int], None]) -> Copied:
    try:
        with source.reader.connect() as reading:
            try:
                with target.writing.begin() as writing:
                    return _fill(reading, writing, target, show)
            except DBAPIError as error:
                raise unusable(target.address, error) from error
    except DBAPIError as error:
        raise unusable(source.address, error) from error


def _fill(reading: Connection, writing: Connection, target: OpenedLedger, show: Callable[[int], None]) -> Copied:
    for table in TABLES:
        if table is not meta and writing.execute(select(func.count()).select_from(table)).scalar_one():
            raise LedgerNotEmpty(f"the ledger {target.address} is not empty: give one that is not there yet")
    writing.execute(delete(meta))
    rolling, months, events = Rolling(), set[str](), EventCopy(writing)
    copied = 0
    for table in TABLES:
        rolling.add(table, [])
        for rows in chunks(reading, table):
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
            show(copied)
        _count_on(writing, table)
    events.end()
    sent, here = rolling.result(), digest(writing)
    if sent != here:
        raise LedgerDamaged(f"the copy in {target.address} is not what was read, and is not kept: {sent} became {here}")
    numbered = 0
    if target.partitions is None:
        while done := number_released(writing, _NUMBERED_AT_ONCE):
            numbered += done
    return Copied(sent, numbered)


def _count_on(connection: Connection, table: Table) -> None:
    """PostgreSQL counts for itself, and has not seen the numbers that were brought along."""
    if connection.dialect.name != "postgresql" or "id" not in table.columns:
        return
    sequence = f"pg_get_serial_sequence('{table.name}', 'id')"
    highest = f"coalesce((SELECT max(id) FROM {table.name}), 0)"  # noqa: S608 - names of our tables
    connection.execute(text(f"SELECT setval({sequence}, {highest} + 1, false)"))
