"""Groups of tables: each public method of one is one transaction, and durable when it returns.

Such a method is written with the connection as its first argument and called without it. What is called inside
another group's transaction is a function on a connection, in the module of its tables.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

from kiosk.store.database.connection import Database


class Tables:
    """Tables that are read and written together. Methods may be called from any thread.

    Every writing method raises StoreError (DiskFull, DatabaseLocked, DatabaseDamaged) and then has done nothing;
    refusals are StoreRefusal.
    """

    def __init__(self, database: Database) -> None:
        self.database = database


G = TypeVar("G", bound=Tables)
P = ParamSpec("P")
T = TypeVar("T")


def reading(work: Callable[Concatenate[G, Connection, P], T]) -> Callable[Concatenate[G, P], T]:
    """Give the method one consistent state of the database."""

    @wraps(work)
    def transaction(tables: G, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return tables.database.read(lambda connection: work(tables, connection, *args, **kwargs))

    return transaction


def writing(work: Callable[Concatenate[G, Connection, P], T]) -> Callable[Concatenate[G, P], T]:
    """Let the method write all of it or nothing, and nothing on a disk that is nearly full."""

    @wraps(work)
    def transaction(tables: G, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return tables.database.write(lambda connection: work(tables, connection, *args, **kwargs))

    return transaction


def finishing(work: Callable[Concatenate[G, Connection, P], T]) -> Callable[Concatenate[G, P], T]:
    """Do the same for what must be recorded on a full disk as well; the method may run a second time for it."""

    @wraps(work)
    def transaction(tables: G, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return tables.database.write(lambda connection: work(tables, connection, *args, **kwargs), finishing=True)

    return transaction
