"""Many rows of one table with one statement, each a tuple in the order of the table's columns.

Straight to the driver: of a commit's time SQLAlchemy's handling of single values would be the largest part. And many
keys as one parameter, a JSON array of arrays: the text of a statement is the same however many there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import chain
from typing import Any, Final

import msgspec
from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Table,
    Text,
    bindparam,
    cast,
    func,
    literal_column,
)
from sqlalchemy.sql.selectable import TableValuedAlias


class Keys:
    """A table of keys to join with, in a statement of this dialect."""

    def __init__(self, dialect: str) -> None:
        given = bindparam("keys", type_=Text)
        each = func.json_array_elements(cast(given, JSON)) if dialect == "postgresql" else func.json_each(given)
        self.table: TableValuedAlias = each.table_valued("value", name="wanted")

    def text(self, place: int) -> ColumnElement[str]:
        """Return the part of the key at this place, from 0."""
        return self.table.c.value.op("->>")(literal_column(str(place)))

    def number(self, place: int) -> ColumnElement[int]:
        return cast(self.text(place), BigInteger)


def as_parameter(keys: Iterable[Sequence[str | int]]) -> dict[str, str]:
    """Encode the keys for `Keys` as the parameter of its statement."""
    return {"keys": msgspec.json.encode(list(keys)).decode()}


Rows = Sequence[tuple[Any, ...]]

# Of one statement of SQLite. Python's lock is given up for each: with a statement a row, a commit beside a busy network
# thread would wait for it row by row.
_MAX_ROWS_PER_STATEMENT: Final = 128


def insert_rows(connection: Connection, table: Table, rows: Rows) -> None:
    """Insert rows. Raises the error of the database for a row that is there already."""
    if connection.dialect.name == "postgresql" and rows:
        from kiosk.sorting_center.ledger.database.binary import copy_rows  # a ledger in SQLite does without psycopg

        copy_rows(connection, table, rows)
    else:
        _execute(connection, table, rows)


def insert_autonumbered(connection: Connection, table: Table, rows: Rows) -> None:
    """Insert rows without their ``id``, which the database counts, in the order of the rows."""
    _execute(connection, table, rows, left_out="id")


def insert_missing(connection: Connection, table: Table, rows: Rows) -> None:
    """Insert rows; one whose key is there already stays as it is."""
    _execute(connection, table, rows, " ON CONFLICT DO NOTHING")


def upsert_rows(
    connection: Connection, table: Table, rows: Rows, unchanged: str = "", *, unless_null: bool = False
) -> None:
    """Insert rows, or update all columns but ``unchanged`` where the key exists; ``rows`` must not repeat a key.

    ``unless_null``: where a new value is null the old one stays.
    """
    _execute(connection, table, rows, _on_conflict(table, unchanged, unless_null))


def _execute(connection: Connection, table: Table, rows: Rows, on_conflict: str = "", left_out: str = "") -> None:
    if connection.dialect.name == "sqlite":
        for part in _batches(rows):
            statement = _insert_values(table, len(part), left_out) + on_conflict
            connection.exec_driver_sql(statement, tuple(chain.from_iterable(part)))
    elif rows:
        statement = _insert_arrays(table, left_out) + on_conflict
        connection.exec_driver_sql(statement, tuple(list(column) for column in zip(*rows, strict=True)))


def _batches(rows: Rows) -> Iterator[Rows]:
    """Yield batches of few lengths, powers of two: the driver has each statement prepared already."""
    start = 0
    while left := len(rows) - start:
        length = min(_MAX_ROWS_PER_STATEMENT, 1 << (left.bit_length() - 1))
        yield rows[start : start + length]
        start += length


def _columns(table: Table, left_out: str) -> list[Column[Any]]:
    return [column for column in table.columns if column.name != left_out]


def _insert_clause(table: Table, left_out: str) -> str:
    names = ", ".join(f'"{column.name}"' for column in _columns(table, left_out))
    return f'INSERT INTO "{table.name}" ({names})'


@cache
def _insert_values(table: Table, count: int, left_out: str) -> str:
    row = f"({', '.join('?' * len(_columns(table, left_out)))})"
    return f"{_insert_clause(table, left_out)} VALUES {', '.join([row] * count)}"


@cache
def _insert_arrays(table: Table, left_out: str) -> str:
    """Build an INSERT with one array per column for PostgreSQL: one statement for any number of rows."""
    from kiosk.sorting_center.ledger.database.binary import type_name

    arrays = ", ".join(f"%s::{type_name(column)}[]" for column in _columns(table, left_out))
    return f"{_insert_clause(table, left_out)} SELECT * FROM unnest({arrays})"  # noqa: S608 - names of our tables


@cache
def _on_conflict(table: Table, unchanged: str, unless_null: bool) -> str:
    key = [column.name for column in table.primary_key]
    changing = [column.name for column in table.columns if column.name not in (*key, unchanged)]
    new = 'coalesce(excluded."{0}", "{1}"."{0}")' if unless_null else 'excluded."{0}"'
    changes = ", ".join(f'"{name}" = {new.format(name, table.name)}' for name in changing)
    conflict = ", ".join(f'"{name}"' for name in key)
    return f" ON CONFLICT ({conflict}) DO UPDATE SET {changes}"
