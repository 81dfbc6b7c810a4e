"""The desk's database as the storefront opens it: read-only, separately for each query, whenever it exists."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import quote

from sqlalchemy import Connection, Engine, NullPool, create_engine
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.exc import DBAPIError

from kiosk.sorting_center.desk.shared.database import desk_path, in_schema
from kiosk.sorting_center.desk.shared.errors import DeskError
from kiosk.sorting_center.ledger.database import postgres
from kiosk.sorting_center.ledger.database.address import LedgerAddress

# For a desk that is being completely changed. A viewer of a page does not wait longer.
_WAIT_S: Final = 1.0


class DeskReader:
    """Creates, changes and locks nothing, so the desk never waits for it. Safe to use from several threads.

    Stays usable when the desk is missing, of an older version or restored from a backup: each query finds it as it is.
    """

    def __init__(self, ledger_url: str) -> None:
        address = LedgerAddress.parse(ledger_url)
        self._name = str(address if address.path is None else desk_path(address.path))
        if address.path is None:
            reader = in_schema(postgres.reader(address.url))
            self._engine = postgres.executing_on_connect(reader, f"SET statement_timeout = '{_WAIT_S:.0f}s'")
        else:
            self._engine = _sqlite_engine(desk_path(address.path))

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a connection that sees one unchanging snapshot. Raises DeskError."""
        try:
            with self._engine.connect() as connection:
                yield connection
        except DBAPIError as error:
            detail = str(error.orig).strip().partition("\n")[0]
            raise DeskError(f"the desk {self._name} cannot be read: {detail}") from error


def _sqlite_engine(path: Path) -> Engine:
    """Build an engine with a new connection for each query: a replaced file is seen at once."""
    address = f"file:{quote(str(path))}?mode=ro"
    connect = partial(sqlite3.connect, address, uri=True, timeout=_WAIT_S, check_same_thread=False)
    engine = create_engine("sqlite://", creator=connect, poolclass=NullPool)

    @sqlalchemy_event.listens_for(engine, "connect")
    def _on_connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # the driver must not open transactions by itself

    @sqlalchemy_event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine
