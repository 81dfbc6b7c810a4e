"""One hash over everything a ledger holds, the same on every database: how a copy is proved."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Table, inspect, select

from kiosk.sorting_center.ledger.database.schema import alembic_version, metadata, numbered

CHUNK: Final = 1000

# What a ledger is made of; Alembic's own table only says what `meta` says, and `numbered` what `event` says.
TABLES: Final = tuple(table for table in metadata.sorted_tables if table not in (alembic_version, numbered))

_encode_line: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Digest:
    """Rows by table, and the SHA-256 over all of them in the order of their keys."""

    rows: dict[str, int]
    sha256: str


def chunks(connection: Connection, table: Table) -> Iterator[list[tuple[Any, ...]]]:
    """All rows in the order of the key; of an older schema, the columns it has."""
    there = {column["name"] for column in inspect(connection).get_columns(table.name)}
    ordered = select(*(column for column in table.columns if column.name in there)).order_by(*table.primary_key.columns)
    for page in connection.execution_options(yield_per=CHUNK).execute(ordered).partitions():
        yield [tuple(row) for row in page]


class RollingDigest:
    """Takes the rows of table after table."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._rows: dict[str, int] = {}

    def add(self, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
        """The next rows of this table."""
        name = str(table.name)
        self._rows[name] = self._rows.get(name, 0) + len(rows)
        self._hash.update(b"".join(_encode_line((name, *row)) + b"\n" for row in rows))

    def result(self) -> Digest:
        return Digest(dict(sorted(self._rows.items())), self._hash.hexdigest())


def digest(connection: Connection) -> Digest:
    """Of a whole ledger, as this connection sees it; of an older schema, of the tables it has."""
    rolling = RollingDigest()
    there = {*inspect(connection).get_table_names(), *inspect(connection).get_view_names()}
    for table in TABLES:
        if table.name in there:
            rolling.add(table, [])
            for rows in chunks(connection, table):
                rolling.add(table, rows)
    return rolling.result()
