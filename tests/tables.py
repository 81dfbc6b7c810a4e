"""The statements that make the tables of an empty database are written once a run, not anew for every test."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, MetaData
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

_MADE = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT GLOB 'sqlite_*' ORDER BY rowid"


def create_once() -> None:
    """From now on the tables of an empty file are made by the statements that made the first ones.

    SQLAlchemy asks for each table whether it is there and writes its statement anew.
    """
    kept: WeakKeyDictionary[MetaData, list[str]] = WeakKeyDictionary()
    whole = MetaData.create_all

    def repeated(self: MetaData, bind: Engine | Connection, *arguments: Any, **options: Any) -> None:
        alike = isinstance(bind, Connection) and isinstance(bind.dialect, SQLiteDialect_pysqlite)
        if not alike or arguments or options or bind.exec_driver_sql(_MADE).first():
            whole(self, bind, *arguments, **options)
        elif self in kept:
            for statement in kept[self]:
                bind.exec_driver_sql(statement)
        else:
            whole(self, bind)
            kept[self] = list(bind.exec_driver_sql(_MADE).scalars())

    MetaData.create_all = repeated  # type: ignore[method-assign]
