"""Rows into PostgreSQL and out of it in its binary form: as text a body is twice as long, in hexadecimal digits.

Errors are SQLAlchemy's, as those of every other statement.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final, cast

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.pq import Format
from psycopg.rows import namedtuple_row
from sqlalchemy import BigInteger, Boolean, Column, Connection, Dialect, Integer, LargeBinary, Select, Table
from sqlalchemy.exc import DBAPIError

from kiosk.sorting_center.ledger.database.times import TimestampColumn, to_rfc3339

_TIME: Final = "timestamptz"
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)  # PostgreSQL counts microseconds from here, in eight bytes


def type_name(column: Column[Any]) -> str:
    if isinstance(column.type, TimestampColumn):
        return _TIME
    names = ((Boolean, "bool"), (BigInteger, "int8"), (Integer, "int4"), (LargeBinary, "bytea"))
    return next((name for kind, name in names if isinstance(column.type, kind)), "text")


def copy_rows(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows with COPY, by far the fastest way."""
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    statement = f'COPY "{table.name}" ({names}) FROM STDIN (FORMAT BINARY)'
    types = [type_name(column) for column in table.columns]
    times = [place for place, name in enumerate(types) if name == _TIME]
    with (
        _driver_connection(connection, statement) as raw,
        raw.cursor() as cursor,
        cursor.copy(statement.encode()) as copy,
    ):
        copy.set_types(types)
        for row in rows:
            values = list(row)
            for place in times:
                values[place] = _parse_timestamp(values[place])
            copy.write_row(values)


def fetch_rows(connection: Connection, query: Select[Any], parameters: Mapping[str, Any]) -> Sequence[Any]:
    """Return tuples with the names of the columns.

    ``query`` is cached, so build it only once; its own parameters must not be ``required``.
    """
    statement, constants = _compile_query(query, connection.dialect)
    with (
        _driver_connection(connection, statement) as raw,
        raw.cursor(binary=True, row_factory=namedtuple_row) as cursor,
    ):
        cursor.adapters.register_loader(_TIME, _TimeLoader)
        return cursor.execute(statement.encode(), {**constants, **parameters}).fetchall()


@contextmanager
def _driver_connection(connection: Connection, statement: str) -> Iterator[psycopg.Connection]:
    try:
        yield cast(psycopg.Connection, connection.connection.driver_connection)
    except psycopg.Error as error:
        raise DBAPIError.instance(statement, None, error, psycopg.Error, dialect=connection.dialect) from error


@lru_cache(maxsize=16)
def _compile_query(query: Select[Any], dialect: Dialect) -> tuple[str, dict[str, Any]]:
    compiled = query.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
    return str(compiled), compiled.params


@lru_cache(maxsize=4)
def _parse_timestamp(text: str | None) -> datetime | None:
    """Parse a timestamp, cached because nearly all rows of a commit have the same."""
    try:
        return None if text is None else datetime.fromisoformat(text)
    except ValueError as error:
        raise psycopg.DataError(f"no time: {text}") from error


class _TimeLoader(Loader):
    """Loads a time in the form that the ledger uses."""

    format = Format.BINARY

    def load(self, data: Buffer) -> str:
        return _decode_timestamp(bytes(data))


@lru_cache(maxsize=16)
def _decode_timestamp(data: bytes) -> str:
    return to_rfc3339(_EPOCH + timedelta(microseconds=int.from_bytes(data, "big", signed=True)))
