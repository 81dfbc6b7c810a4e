"""Versions of the catalog, each kept as it was imported: a receipt names the version its price came from."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Final

import msgspec
from sqlalchemy import Connection, func, insert, select, update

from kiosk.domain.catalog import EMPTY_CATALOG, Catalog
from kiosk.domain.events import CatalogImported
from kiosk.store.database.connection import Database
from kiosk.store.database.schema import catalog_version as catalog_table
from kiosk.store.database.tables import Tables, finishing, reading, writing
from kiosk.store.journal import journal
from kiosk.store.scale import event_counters
from kiosk.store.shared.errors import StoreError
from kiosk.store.shared.records import Stamp

_MAX_CACHED: Final = 4  # Versions in memory: the current one, and those of receipts that are looked at
# Made with the module: two threads that are the first to have msgspec look at a dataclass make it crash.
_CONTENT: Final = msgspec.json.Decoder(Catalog)
_NO_MEMBERS: Final = b'"members":[]'


class Catalogs(Tables):
    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._cache: dict[int, Catalog] = {}

    @writing
    def add(self, connection: Connection, catalog: Catalog, stamp: Stamp) -> int:
        """Bring it into force, unless the same is; returns its version. Other containers raise the tare counter."""
        content = _content(catalog)
        sha256 = hashlib.sha256(content).hexdigest()
        current = _newest(connection)
        if current is not None and current[1] == sha256:
            return current[0]
        version = current[0] + 1 if current else 1
        values = {"version": version, "sha256": sha256, "content": content, "imported_at": stamp.moment.timestamp}
        connection.execute(insert(catalog_table).values(values))
        imported = CatalogImported(
            catalog_version=version,
            content_sha256=sha256,
            products=len(catalog.products),
            prices=len(catalog.prices),
            containers=len(catalog.containers),
            members=len(catalog.members),
        )
        journal.append(connection, imported, stamp)
        event_counters.observe_tares(connection, catalog, version, stamp)
        return version

    def get(self, version: int | None = None) -> tuple[int, Catalog]:
        """A version, None for the one in force; version 0 is empty. Raises StoreError for one that is not there."""
        requested = self._in_force() if version is None else version
        catalog = self._cache.get(requested)
        if catalog is None:
            catalog = self._cache[requested] = self._read(requested)
            for oldest in list(self._cache)[:-_MAX_CACHED]:
                self._cache.pop(oldest, None)
        return requested, catalog

    @finishing
    def erase_members(self, connection: Connection, before: str) -> int:
        """Erase the members of versions that another one replaced before then; returns how many versions had any.

        Receipts name a version for its goods and prices; the hash stays that of the file as it was imported.
        """
        c, following = catalog_table.c, catalog_table.alias().c
        replaced = (following.version == c.version + 1) & (following.imported_at < before)
        has_members = func.instr(c.content, _NO_MEMBERS) == 0
        rows = connection.execute(select(c.version, c.content).where(replaced, has_members)).all()
        for version, content in rows:
            without = _content(replace(_CONTENT.decode(content), members=()))
            connection.execute(update(catalog_table).where(c.version == version).values(content=without))
            self._cache.pop(version, None)
        return len(rows)

    @reading
    def _in_force(self, connection: Connection) -> int:
        current = _newest(connection)
        return current[0] if current else 0

    @reading
    def _read(self, connection: Connection, version: int) -> Catalog:
        if version == 0:
            return EMPTY_CATALOG
        query = select(catalog_table.c.content).where(catalog_table.c.version == version)
        content = connection.execute(query).scalar_one_or_none()
        if content is None:
            raise StoreError(f"There is no catalog version {version}: import the catalog first.")
        return _CONTENT.decode(content)


def _content(catalog: Catalog) -> bytes:
    """What is not said is not written: the same file is the same version also for software that knows more."""
    table = msgspec.to_builtins(catalog)
    if not table["day"]:
        del table["day"]
    for price in table["prices"]:
        if not price["since"]:
            del price["since"]
    for product in table["products"]:
        if product["sale"] is None:
            del product["sale"]
    return msgspec.json.encode(table)


def _newest(connection: Connection) -> tuple[int, str] | None:
    query = select(catalog_table.c.version, catalog_table.c.sha256).order_by(catalog_table.c.version.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return (row[0], row[1]) if row else None
