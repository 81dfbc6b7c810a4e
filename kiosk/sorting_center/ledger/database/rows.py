"""Many rows of one table with one statement, each a tuple in the order of the table's columns.

Straight to the driver: of a commit's time SQLAlchemy's handling of single values would be the largest part.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Table

from kiosk.sorting_center.ledger.database.binary import copy_rows, type_name

Rows = Sequence[tuple[Any, ...]]


def insert_rows(connection: Connection, table: Table, rows: Rows) -> None:
    """Raises what the database says of a row that is there already."""
    if connection.dialect.name == "postgresql" and rows:
        copy_rows(connection, table, rows)
    else:
        _execute(connection, _insert(table, connection.dialect.paramstyle), rows)


def insert_counted(connection: Connection, table: Table, rows: Rows) -> None:
    """Rows without their ``id``, which the database counts, in the order of the rows."""
    _execute(connection, _insert(table, connection.dialect.paramstyle, left_out="id"), rows)


def insert_missing(connection: Connection, table: Table, rows: Rows) -> None:
    """A row whose key is there already stays as it is."""
    _execute(connection, f"{_insert(table, connection.dialect.paramstyle)} ON CONFLICT DO NOTHING", rows)


def upsert_rows(connection: Connection, table: Table, rows: Rows, kept: str = "", *, unless_null: bool = False) -> None:
    """A row whose key is there already takes the new values, of all columns but the one ``kept``; no key comes twice.

    ``unless_null``: where a new value is null the old one stays.
    """
    _execute(connection, _upsert(table, connection.dialect.paramstyle, kept, unless_null), rows)


def _execute(connection: Connection, statement: str, rows: Rows) -> None:
    if rows and connection.dialect.name == "postgresql":
        connection.exec_driver_sql(statement, tuple(list(column) for column in zip(*rows, strict=True)))
    elif rows:
        connection.exec_driver_sql(statement, list(rows))


@cache
def _insert(table: Table, paramstyle: str, left_out: str = "") -> str:
    """PostgreSQL takes the values of each column as an array: one statement, however many rows there are."""
    columns = [column for column in table.columns if column.name != left_out]
    names = ", ".join(f'"{column.name}"' for column in columns)
    if paramstyle == "qmark":
        values = f"VALUES ({', '.join('?' * len(columns))})"
    else:
        values = f"SELECT * FROM unnest({', '.join(f'%s::{type_name(column)}[]' for column in columns)})"  # noqa: S608
    return f'INSERT INTO "{table.name}" ({names}) {values}'  # names of our tables


@cache
def _upsert(table: Table, paramstyle: str, kept: str, unless_null: bool) -> str:
    key = [column.name for column in table.primary_key]
    changing = [column.name for column in table.columns if column.name not in (*key, kept)]
    new = 'coalesce(excluded."{0}", "{1}"."{0}")' if unless_null else 'excluded."{0}"'
    changes = ", ".join(f'"{name}" = {new.format(name, table.name)}' for name in changing)
    conflict = ", ".join(f'"{name}"' for name in key)
    return f"{_insert(table, paramstyle)} ON CONFLICT ({conflict}) DO UPDATE SET {changes}"
