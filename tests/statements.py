"""SQL is made from its expressions once in a process of tests, not again by every database that is opened."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Engine
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

MOST: Final = 4000
"""Statements kept; the house has fewer."""
ALIKE: Final = (SQLiteDialect_pysqlite, PGDialect_psycopg)
"""Two of a kind write the same SQL: the PostgreSQL servers of a process are of one version."""


def _same(self: object, other: object) -> bool:
    return type(self) is type(other)


def compile_once() -> None:
    """From now on, for every engine of this process.

    What is kept is found by the dialect and the expression.
    """
    kept: LRUCache[Any, Any] = LRUCache(MOST)
    whole = Engine.__init__

    def sharing(self: Engine, *arguments: Any, **options: Any) -> None:
        whole(self, *arguments, **options)
        if isinstance(self.dialect, ALIKE):
            self._compiled_cache = kept

    Engine.__init__ = sharing  # type: ignore[method-assign]
    for dialect in ALIKE:
        dialect.__hash__ = lambda self: hash(type(self))  # type: ignore[method-assign, assignment]
        dialect.__eq__ = _same  # type: ignore[method-assign, assignment]
