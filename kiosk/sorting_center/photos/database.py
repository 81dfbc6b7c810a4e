"""The database of the photos lane: beside the file of a ledger, or a schema of its own in the ledger's PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, func, inspect, select, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from kiosk.sorting_center.ledger import LedgerError
from kiosk.sorting_center.ledger.database import postgres, sqlite
from kiosk.sorting_center.ledger.database.address import LedgerAddress
from kiosk.sorting_center.photos.schema import SCHEMA, metadata

_SCHEMA_LOCK: Final = 0x53_4B_08


class PhotosUnusable(LedgerError):
    """A statement failed: locked, disk full, damaged, connection lost. Nothing of it was done."""


def photos_path(ledger: Path) -> Path:
    """``county.db`` -> ``county.photos.db``, beside it."""
    return ledger.with_name(f"{ledger.stem}.photos.db")


class PhotosDatabase:
    """Safe to use from several threads and processes. Every call may raise PhotosUnusable."""

    def __init__(self, ledger_url: str) -> None:
        """Open, and make what is not there; raises LedgerAddressError and PhotosUnusable."""
        address = LedgerAddress.parse(ledger_url)
        path = photos_path(address.path) if address.path is not None else None
        self._name = str(path or address)
        self._lock = threading.Lock()
        with ExitStack() as parts:
            if path is not None:
                self._writer = _disposed(parts, sqlite.writer(path))
                self._reader = _disposed(parts, sqlite.reader(path))
            else:
                url = _in_schema(address.url)
                self._writer = _disposed(parts, postgres.writer(url, of_ledger=False))
                self._reader = _disposed(parts, postgres.reader(url))
            with self.writing() as connection:
                _make_tables(connection)
            self._parts = parts.pop_all()

    def close(self) -> None:
        """No call may follow."""
        self._parts.close()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with self._photos_errors(), self._reader.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction, on the disk when this returns."""
        with self._lock, self._photos_errors(), self._writer.begin() as connection:
            yield connection

    @contextmanager
    def _photos_errors(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            detail = str(error.orig).strip().partition("\n")[0]
            raise PhotosUnusable(f"the list of photos {self._name} cannot be used: {detail}") from error


def _make_tables(connection: Connection) -> None:
    """Of two processes that begin, one makes them. With SQLite the transaction itself is enough."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_SCHEMA_LOCK)))
        if not inspect(connection).has_schema(SCHEMA):
            connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
    metadata.create_all(connection)


def _in_schema(url: URL) -> URL:
    existing = url.query.get("options", "")
    options = existing if isinstance(existing, str) else " ".join(existing)
    return url.update_query_dict({"options": f"{options} -csearch_path={SCHEMA}".strip()})


def _disposed(parts: ExitStack, engine: Engine) -> Engine:
    parts.callback(engine.dispose)
    return engine
