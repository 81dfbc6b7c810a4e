"""Many rows of one table with one statement, each a tuple in the order of the table's columns.

Straight to the driver: of a commit's time SQLAlchemy's handling of single values would be the largest part.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain
from typing import Any, Final, cast

import psycopg
from sqlalchemy import Connection, Table
from sqlalchemy.exc import DBAPIError

Rows = Sequence[tuple[Any, ...]]

_ROWS_AT_ONCE: Final = 128
"""Of one statement of SQLite. Python's lock is given up for each: with a statement a row, a commit beside a busy
network thread would wait for it row by row."""


def insert_rows(connection: Connection, table: Table, rows: Rows) -> None:
    """Raises what the database says of a row that is there already."""
    if connection.dialect.name == "postgresql" and rows:
        _copy(connection, table, rows)
    else:
        _execute(connection, table, "", rows)


def _copy(connection: Connection, table: Table, rows: Rows) -> None:
    """COPY is by far the fastest way in; its errors are SQLAlchemy's, as those of every other statement."""
    statement = f'COPY "{table.name}" ({", ".join(_names(table))}) FROM STDIN'
    raw = cast(psycopg.Connection, connection.connection.driver_connection)
    try:
        with raw.cursor() as cursor, cursor.copy(statement.encode()) as copy:
            for row in rows:
                copy.write_row(row)
    except psycopg.Error as error:
        raise DBAPIError.instance(statement, None, error, psycopg.Error, dialect=connection.dialect) from error


def insert_missing(connection: Connection, table: Table, rows: Rows) -> None:
    """A row whose key is there already stays as it is."""
    _execute(connection, table, " ON CONFLICT DO NOTHING", rows)


def upsert_rows(connection: Connection, table: Table, rows: Rows, kept: str = "", *, unless_null: bool = False) -> None:
    """A row whose key is there already takes the new values, of all columns but the one ``kept``.

    ``unless_null``: where a new value is null the old one stays.
    """
    _execute(connection, table, _on_conflict(table, kept, unless_null), rows)


def _execute(connection: Connection, table: Table, on_conflict: str, rows: Rows) -> None:
    if connection.dialect.name == "sqlite":
        for part in _parts(rows):
            statement = _insert(table, "?", len(part)) + on_conflict
            connection.exec_driver_sql(statement, tuple(chain.from_iterable(part)))
    elif rows:
        connection.exec_driver_sql(_insert(table, "%s", 1) + on_conflict, list(rows))


def _parts(rows: Rows) -> Iterator[Rows]:
    """Of few lengths, each a power of two: the driver has every statement ready from the last time."""
    start = 0
    while left := len(rows) - start:
        length = min(_ROWS_AT_ONCE, 1 << (left.bit_length() - 1))
        yield rows[start : start + length]
        start += length


def _names(table: Table) -> list[str]:
    return [f'"{column.name}"' for column in table.columns]


@cache
def _insert(table: Table, placeholder: str, count: int) -> str:
    row = f"({', '.join([placeholder] * len(table.columns))})"
    return f'INSERT INTO "{table.name}" ({", ".join(_names(table))}) VALUES {", ".join([row] * count)}'  # noqa: S608 - names of our tables


@cache
def _on_conflict(table: Table, kept: str, unless_null: bool) -> str:
    key = [column.name for column in table.primary_key]
    changing = [column.name for column in table.columns if column.name not in (*key, kept)]
    new = 'coalesce(excluded."{0}", "{1}"."{0}")' if unless_null else 'excluded."{0}"'
    changes = ", ".join(f'"{name}" = {new.format(name, table.name)}' for name in changing)
    conflict = ", ".join(f'"{name}"' for name in key)
    return f" ON CONFLICT ({conflict}) DO UPDATE SET {changes}"
