"""Adding to sums, many rows with one statement, each a tuple in the order of the table's columns."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Table

Rows = Sequence[tuple[Any, ...]]


def add_to_sums(connection: Connection, table: Table, rows: Rows, may_be_empty: Collection[tuple[Any, ...]]) -> None:
    """Add every column that is no key. Of the keys in ``may_be_empty`` a row of which nothing is left goes.

    So the rows do not tell in which steps the sums were made.
    """
    if rows:
        connection.exec_driver_sql(_upsert_statement(table, connection.dialect.paramstyle), list(rows))
    if may_be_empty:
        connection.exec_driver_sql(_delete_statement(table, connection.dialect.paramstyle), list(may_be_empty))


@cache
def _upsert_statement(table: Table, paramstyle: str) -> str:
    names = [str(column.name) for column in table.columns]
    keys = [str(column.name) for column in table.primary_key]
    values = ", ".join([_placeholder(paramstyle)] * len(names))
    changes = ", ".join(f"{name} = {table.name}.{name} + excluded.{name}" for name in names if name not in keys)
    return (
        f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({values}) "  # noqa: S608 - names of our tables
        f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {changes}"
    )


@cache
def _delete_statement(table: Table, paramstyle: str) -> str:
    same = " AND ".join(f"{column.name} = {_placeholder(paramstyle)}" for column in table.primary_key)
    return f"DELETE FROM {table.name} WHERE {same} AND intakes = 0 AND voided = 0"  # noqa: S608 - names of our tables


def _placeholder(paramstyle: str) -> str:
    return "?" if paramstyle == "qmark" else "%s"
