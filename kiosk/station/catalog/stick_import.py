"""Catalog files on sticks: what one would change, and its import between two intakes."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from kiosk.base.refused import Refused
from kiosk.domain.catalog import Catalog, Names
from kiosk.domain.trade import Mode
from kiosk.messaging.contract.catalog.file import CatalogError, parse_catalog, read_catalog_file
from kiosk.store.catalogs import Catalogs
from kiosk.store.shared.records import Stamp

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RowChanges:
    """The number of rows of one kind, and how many of them are new, removed, changed."""

    n: int
    new: int
    gone: int
    changed: int


@dataclass(frozen=True, slots=True)
class PriceChange:
    """``before`` and ``after`` in fen per kilogram; None: no price."""

    names: Names
    mode: Mode
    before: int | None
    after: int | None


@dataclass(frozen=True, slots=True)
class Changes:
    """``prices`` in the order of the new catalog, the removed ones last."""

    products: RowChanges
    containers: RowChanges
    members: RowChanges
    prices: tuple[PriceChange, ...]


def changes(before: Catalog, after: Catalog) -> Changes:
    return Changes(
        _row_changes(before.products, after.products, lambda row: row.code),
        _row_changes(before.containers, after.containers, lambda row: row.code),
        _row_changes(before.members, after.members, lambda row: row.number),
        tuple(_prices(before, after)),
    )


def _row_changes(before: Sequence[T], after: Sequence[T], key: Callable[[T], str]) -> RowChanges:
    old, new = ({key(row): row for row in rows} for rows in (before, after))
    changed = sum(new[code] != old[code] for code in old.keys() & new.keys())
    return RowChanges(len(new), len(new.keys() - old.keys()), len(old.keys() - new.keys()), changed)


def _prices(before: Catalog, after: Catalog) -> Iterable[PriceChange]:
    names = {row.code: row.names for catalog in (before, after) for row in catalog.products}
    old, new = ({(row.product, row.mode): row.fen_per_kg for row in catalog.prices} for catalog in (before, after))
    for code, mode in dict.fromkeys([*new, *old]):
        was, will = old.get((code, mode)), new.get((code, mode))
        if was != will:
            yield PriceChange(names[code], mode, was, will)


logger = logging.getLogger(__name__)

WAIT_S: Final = 5.0  # For another look: a slow stick must not hold one thread of the pages after the other


@dataclass(frozen=True, slots=True)
class CatalogPreview:
    """``version`` is the one in force, ``same``: the file holds the same. ``seen`` identifies both in a form."""

    version: int
    same: bool
    changes: Changes
    seen: str


@dataclass(frozen=True, slots=True)
class StickCatalogs:
    """Thread-safe. ``files`` gives those in sight, ``busy`` why an import must wait, ``on_import`` follows one."""

    catalogs: Catalogs
    files: Callable[[], Sequence[Path]]
    busy: Callable[[], str | None]
    stamps: Callable[[], Stamp]
    on_import: Callable[[], None]
    reading: threading.Lock = field(default_factory=threading.Lock)

    def preview(self, name: str) -> CatalogPreview:
        """Show what the import would change. Raises CatalogError, Refused, StoreError."""
        with self._exclusively():
            return self._load_preview(name)[0]

    def import_file(self, name: str, seen: str) -> int:
        """Import what was previewed; return its version. Raises as ``preview``; also refused when stale or busy."""
        with self._exclusively():
            preview, catalog = self._load_preview(name)
            if preview.seen != seen:
                raise Refused("stale")
            busy = self.busy()
            if busy is not None:
                raise Refused(busy)
            version = self.catalogs.add(catalog, self.stamps())
        logger.info("a technician imported catalog version %d from a stick", version)
        self.on_import()
        return version

    def _load_preview(self, name: str) -> tuple[CatalogPreview, Catalog]:
        path = next((path for path in self.files() if str(path) == name), None)
        if path is None:
            raise Refused("gone")
        try:
            content = read_catalog_file(path)
        except OSError as error:
            raise CatalogError(path.name, "", f"cannot be read: {error.strerror or error}", "unreadable") from error
        catalog = parse_catalog(content, path.name)
        version, before = self.catalogs.get()
        seen = hashlib.sha256(b"%d:" % version + content).hexdigest()
        return CatalogPreview(version, catalog == before, changes(before, catalog), seen), catalog

    @contextmanager
    def _exclusively(self) -> Iterator[None]:
        if not self.reading.acquire(timeout=WAIT_S):
            raise Refused("wait")
        try:
            yield
        finally:
            self.reading.release()
