"""Many rows with one statement, each a tuple; those that go in in the order of the table's columns.

Straight to the driver: of a commit's time SQLAlchemy's handling of single values would be the largest part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from typing import Any, Final, cast

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.pq import Format
from psycopg.rows import namedtuple_row
from sqlalchemy import Boolean, Column, Connection, Dialect, Integer, LargeBinary, Select, Table
from sqlalchemy.exc import DBAPIError

from kiosk.sorting_center.ledger.database.times import Instant, told

Rows = Sequence[tuple[Any, ...]]


def insert_rows(connection: Connection, table: Table, rows: Rows) -> None:
    """Raises what the database says of a row that is there already."""
    if connection.dialect.name == "postgresql" and rows:
        _copy(connection, table, rows)
    else:
        _execute(connection, _insert(table, connection.dialect.name), rows)


def insert_counted(connection: Connection, table: Table, rows: Rows) -> None:
    """Rows without their ``id``, which the database counts, in the order of the rows."""
    _execute(connection, _insert(table, connection.dialect.name, left_out="id"), rows)


def _copy(connection: Connection, table: Table, rows: Rows) -> None:
    """COPY is by far the fastest way in. Binary: as text a body would be twice as long, in hexadecimal digits."""
    statement = f'COPY "{table.name}" ({", ".join(_names(table))}) FROM STDIN (FORMAT BINARY)'
    types = [_type(column) for column in table.columns]
    times = [place for place, name in enumerate(types) if name == _TIME]
    with _driver(connection, statement) as raw, raw.cursor() as cursor, cursor.copy(statement.encode()) as copy:
        copy.set_types(types)
        for row in rows:
            values = list(row)
            for place in times:
                values[place] = _moment(values[place])
            copy.write_row(values)


@contextmanager
def _driver(connection: Connection, statement: str) -> Iterator[psycopg.Connection]:
    """Its errors are SQLAlchemy's, as those of every other statement."""
    try:
        yield cast(psycopg.Connection, connection.connection.driver_connection)
    except psycopg.Error as error:
        raise DBAPIError.instance(statement, None, error, psycopg.Error, dialect=connection.dialect) from error


_TIME: Final = "timestamptz"


def _type(column: Column[Any]) -> str:
    if isinstance(column.type, Instant):
        return _TIME
    names = ((Boolean, "bool"), (Integer, "int8"), (LargeBinary, "bytea"))
    return next((name for kind, name in names if isinstance(column.type, kind)), "text")


@lru_cache(maxsize=4)
def _moment(text: str | None) -> datetime | None:
    """Of a commit nearly all rows have the same."""
    try:
        return None if text is None else datetime.fromisoformat(text)
    except ValueError as error:
        raise psycopg.DataError(f"no time: {text}") from error


def fetch_rows(connection: Connection, wanted: Select[Any], parameters: Mapping[str, Any]) -> Sequence[Any]:
    """Many rows, tuples with the names of the columns; from PostgreSQL as binary as they go in.

    ``wanted`` is remembered, so it must be one that is made once; its own parameters are not ``required``.
    """
    if connection.dialect.name != "postgresql":
        return connection.execute(wanted, parameters).all()
    statement, constants = _compiled(wanted, connection.dialect)
    with (
        _driver(connection, statement) as raw,
        raw.cursor(binary=True, row_factory=namedtuple_row) as cursor,
    ):
        cursor.adapters.register_loader(_TIME, _TimeLoader)
        return cursor.execute(statement.encode(), {**constants, **parameters}).fetchall()


@lru_cache(maxsize=16)
def _compiled(wanted: Select[Any], dialect: Dialect) -> tuple[str, dict[str, Any]]:
    compiled = wanted.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
    return str(compiled), compiled.params


class _TimeLoader(Loader):
    """A time as the ledger tells it: PostgreSQL counts microseconds, in eight bytes."""

    format = Format.BINARY

    def load(self, data: Buffer) -> str:
        return _told(bytes(data))


@lru_cache(maxsize=16)
def _told(data: bytes) -> str:
    return told(_EPOCH + timedelta(microseconds=int.from_bytes(data, "big", signed=True)))


_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)


def insert_missing(connection: Connection, table: Table, rows: Rows) -> None:
    """A row whose key is there already stays as it is."""
    _execute(connection, f"{_insert(table, connection.dialect.name)} ON CONFLICT DO NOTHING", rows)


def upsert_rows(connection: Connection, table: Table, rows: Rows, kept: str = "", *, unless_null: bool = False) -> None:
    """A row whose key is there already takes the new values, of all columns but the one ``kept``; no key comes twice.

    ``unless_null``: where a new value is null the old one stays.
    """
    _execute(connection, _upsert(table, connection.dialect.name, kept, unless_null), rows)


def _execute(connection: Connection, statement: str, rows: Rows) -> None:
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(statement, tuple(list(column) for column in zip(*rows, strict=True)))
    else:
        connection.exec_driver_sql(statement, list(rows))


def _names(table: Table) -> list[str]:
    return [f'"{column.name}"' for column in table.columns]


@cache
def _insert(table: Table, dialect: str, left_out: str = "") -> str:
    """PostgreSQL takes the values of each column as an array: one statement, however many rows there are."""
    columns = [column for column in table.columns if column.name != left_out]
    names = ", ".join(f'"{column.name}"' for column in columns)
    if dialect == "postgresql":
        values = f"SELECT * FROM unnest({', '.join(f'%s::{_type(column)}[]' for column in columns)})"  # noqa: S608 - ours
    else:
        values = f"VALUES ({', '.join('?' * len(columns))})"
    return f'INSERT INTO "{table.name}" ({names}) {values}'


@cache
def _upsert(table: Table, dialect: str, kept: str, unless_null: bool) -> str:
    key = [column.name for column in table.primary_key]
    changing = [column.name for column in table.columns if column.name not in (*key, kept)]
    new = 'coalesce(excluded."{0}", "{1}"."{0}")' if unless_null else 'excluded."{0}"'
    changes = ", ".join(f'"{name}" = {new.format(name, table.name)}' for name in changing)
    conflict = ", ".join(f'"{name}"' for name in key)
    return f"{_insert(table, dialect)} ON CONFLICT ({conflict}) DO UPDATE SET {changes}"
