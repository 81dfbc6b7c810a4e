"""Many rows of one table with one statement, each a tuple in the order of the table's columns.

Straight to the driver: of a commit's time SQLAlchemy's handling of single values would be the largest part.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, cast

import psycopg
from sqlalchemy import Connection, Table
from sqlalchemy.exc import DBAPIError

Rows = Sequence[tuple[Any, ...]]


def insert_rows(connection: Connection, table: Table, rows: Rows) -> None:
    """Raises what the database says of a row that is there already."""
    if connection.dialect.name == "postgresql" and rows:
        _copy(connection, table, rows)
    else:
        _execute(connection, _insert(table, connection.dialect.paramstyle), rows)


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
    _execute(connection, f"{_insert(table, connection.dialect.paramstyle)} ON CONFLICT DO NOTHING", rows)


def upsert_rows(connection: Connection, table: Table, rows: Rows, kept: str = "", *, unless_null: bool = False) -> None:
    """A row whose key is there already takes the new values, of all columns but the one ``kept``.

    ``unless_null``: where a new value is null the old one stays.
    """
    _execute(connection, _upsert(table, connection.dialect.paramstyle, kept, unless_null), rows)


def _execute(connection: Connection, statement: str, rows: Rows) -> None:
    if rows:
        connection.exec_driver_sql(statement, list(rows))


def _names(table: Table) -> list[str]:
    return [f'"{column.name}"' for column in table.columns]


@cache
def _insert(table: Table, paramstyle: str) -> str:
    names = ", ".join(_names(table))
    values = ", ".join(["?" if paramstyle == "qmark" else "%s"] * len(table.columns))
    return f'INSERT INTO "{table.name}" ({names}) VALUES ({values})'  # noqa: S608 - names of our tables


@cache
def _upsert(table: Table, paramstyle: str, kept: str, unless_null: bool) -> str:
    key = [column.name for column in table.primary_key]
    changing = [column.name for column in table.columns if column.name not in (*key, kept)]
    new = 'coalesce(excluded."{0}", "{1}"."{0}")' if unless_null else 'excluded."{0}"'
    changes = ", ".join(f'"{name}" = {new.format(name, table.name)}' for name in changing)
    conflict = ", ".join(f'"{name}"' for name in key)
    return f"{_insert(table, paramstyle)} ON CONFLICT ({conflict}) DO UPDATE SET {changes}"
