"""Versions of the catalog, each kept as it was imported: a receipt names the version its price came from."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec
from sqlalchemy import Connection, insert, select

from kiosk.domain.catalog import EMPTY_CATALOG, Catalog
from kiosk.domain.events import CatalogImported
from kiosk.store.database.schema import catalog_version as catalog_table
from kiosk.store.errors import StoreError
from kiosk.store.journal import journal
from kiosk.store.records import Stamp
from kiosk.store.scale import metrology_counters

_KEPT: Final = 4
"""Versions in memory: the current one, and those of receipts that are looked at."""


class CatalogCache:
    """Versions read before; they never change, so they are read once."""

    def __init__(self) -> None:
        self._versions: dict[int, Catalog] = {}

    def get(self, version: int) -> Catalog | None:
        """The version, when it was read before."""
        return self._versions.get(version)

    def put(self, version: int, catalog: Catalog) -> None:
        """Remember a version; the one remembered longest goes when there are too many."""
        self._versions[version] = catalog
        for oldest in list(self._versions)[:-_KEPT]:
            self._versions.pop(oldest, None)


def add(connection: Connection, catalog: Catalog, stamp: Stamp) -> int:
    """Bring a catalog into force; returns its version, or the current one when that has the same content.

    Other containers than before raise the counter of the tare library.
    """
    content = msgspec.json.encode(catalog, order="deterministic")
    sha256 = hashlib.sha256(content).hexdigest()
    current = _newest(connection)
    if current is not None and current[1] == sha256:
        return current[0]
    version = current[0] + 1 if current else 1
    before = read(connection, current[0]) if current else None
    connection.execute(
        insert(catalog_table).values(
            version=version, sha256=sha256, content=content, imported_at=stamp.moment.timestamp
        )
    )
    imported = CatalogImported(
        catalog_version=version,
        content_sha256=sha256,
        products=len(catalog.products),
        prices=len(catalog.prices),
        containers=len(catalog.containers),
        members=len(catalog.members),
    )
    journal.append(connection, imported, stamp)
    metrology_counters.observe_tares(connection, before, catalog, version, stamp)
    return version


def newest_version(connection: Connection) -> int:
    """The version in force, 0 when there is none."""
    current = _newest(connection)
    return current[0] if current else 0


def read(connection: Connection, version: int) -> Catalog:
    """A version as it was imported, the empty catalog for 0. Raises StoreError for one that is not there."""
    if version == 0:
        return EMPTY_CATALOG
    query = select(catalog_table.c.content).where(catalog_table.c.version == version)
    content = connection.execute(query).scalar_one_or_none()
    if content is None:
        raise StoreError(f"There is no catalog version {version}: import the catalog first.")
    return msgspec.json.decode(content, type=Catalog)


def _newest(connection: Connection) -> tuple[int, str] | None:
    query = select(catalog_table.c.version, catalog_table.c.sha256).order_by(catalog_table.c.version.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return (row[0], row[1]) if row else None
