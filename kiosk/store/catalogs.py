"""Versions of the catalog, each kept as it was imported: a receipt names the version its price came from.

A version has the prices of one day; when another day brings other prices it is stored again with that day.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Final, Self

import msgspec
from sqlalchemy import Connection, func, insert, select, update

from kiosk.domain.catalog import EMPTY_CATALOG, Catalog
from kiosk.domain.configuration import believed_day, price_day
from kiosk.domain.events import CatalogImported
from kiosk.domain.moment import Moment
from kiosk.store.database.connection import Database
from kiosk.store.database.schema import catalog_version as catalog_table
from kiosk.store.database.tables import Tables, finishing, reading, writing
from kiosk.store.journal import journal
from kiosk.store.scale import event_counters
from kiosk.store.shared.errors import StoreError
from kiosk.store.shared.records import Stamp

_MAX_CACHED: Final = 4  # Versions in memory: the current one, and those of receipts that are looked at
# Made at import: two threads that make msgspec inspect a dataclass for the first time make it crash.
_CONTENT: Final = msgspec.json.Decoder(Catalog)
_NO_MEMBERS: Final = b'"members":[]'


@dataclass(frozen=True, slots=True)
class PreparedCatalog:
    """A catalog and its bytes, made before the transaction: with 20,000 members that takes longer than the writing."""

    catalog: Catalog
    content: bytes
    sha256: str

    @classmethod
    def of(cls, catalog: Catalog) -> Self:
        content = _content(catalog)
        return cls(catalog, content, hashlib.sha256(content).hexdigest())

    def read_back(self) -> Catalog:
        return _CONTENT.decode(self.content)


def on_day(catalog: Catalog, before: Catalog, moment: Moment, issued: str = "") -> Catalog:
    """Set the prices of today, or of the day a document was ``issued``; never of a day before ``before``'s."""
    dated = any(row.since for row in catalog.prices)
    today, since = (believed_day(moment, before.day), issued) if dated else (None, "")
    return replace(catalog, day=price_day(today, since, before.day))


class Catalogs(Tables):
    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self._cache: dict[int, Catalog] = {}

    def add(self, catalog: Catalog, stamp: Stamp) -> int:
        """Put it in force, unless the same is; return its version. Other containers raise the tare counter."""
        return self._add(PreparedCatalog.of(on_day(catalog, self.get()[1], stamp.moment)), stamp)

    @writing
    def _add(self, connection: Connection, prepared: PreparedCatalog, stamp: Stamp) -> int:
        return add(connection, prepared, stamp)

    def get(self, version: int | None = None) -> tuple[int, Catalog]:
        """Return a version, None for the one in force; version 0 is empty. Raises StoreError when it is missing."""
        requested = self._in_force() if version is None else version
        catalog = self._cache.get(requested)
        if catalog is None:
            catalog = self._cache[requested] = self._read(requested)
            for oldest in list(self._cache)[:-_MAX_CACHED]:
                self._cache.pop(oldest, None)
        return requested, catalog

    @finishing
    def erase_members(self, connection: Connection, before: str) -> int:
        """Erase the members of versions that another one replaced before then; return how many versions had any.

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
        return newest_version(connection)

    @reading
    def _read(self, connection: Connection, version: int) -> Catalog:
        if version == 0:
            return EMPTY_CATALOG
        query = select(catalog_table.c.content).where(catalog_table.c.version == version)
        content = connection.execute(query).scalar_one_or_none()
        if content is None:
            raise StoreError(f"There is no catalog version {version}: import the catalog first.")
        return _CONTENT.decode(content)


def add(connection: Connection, prepared: PreparedCatalog, stamp: Stamp) -> int:
    current, catalog = _newest(connection), prepared.catalog
    if current is not None and current[1] == prepared.sha256:
        return current[0]
    version = current[0] + 1 if current else 1
    values = {"version": version, "sha256": prepared.sha256, "content": prepared.content}
    connection.execute(insert(catalog_table).values(**values, imported_at=stamp.moment.timestamp))
    imported = CatalogImported(
        catalog_version=version,
        content_sha256=prepared.sha256,
        products=len(catalog.products),
        prices=len(catalog.prices),
        containers=len(catalog.containers),
        members=len(catalog.members),
    )
    journal.append(connection, imported, stamp)
    event_counters.observe_tares(connection, catalog, version, stamp)
    return version


def newest_version(connection: Connection) -> int:
    """Return the version in force; 0 for none."""
    current = _newest(connection)
    return current[0] if current else 0


def is_stored(connection: Connection, version: int, prepared: PreparedCatalog) -> bool:
    """Return whether this version reads back byte for byte."""
    query = select(catalog_table.c.content).where(catalog_table.c.version == version)
    return bool(connection.execute(query).scalar_one_or_none() == prepared.content)


def _content(catalog: Catalog) -> bytes:
    """Encode without empty fields, so that the same file is the same version also for newer software."""
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
