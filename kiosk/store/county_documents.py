"""The documents of the county that were applied here, each with the event that records it, and the parts they name.

The newest row is in force. Parts are stored before the document that names them, each separately: the transaction that
applies the document is then short.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from kiosk.domain.clerk import Clerk
from kiosk.domain.configuration import ConfigurationVersion, RefusalReason
from kiosk.domain.events import ConfigApplied, ConfigRefused, RequestAnswered
from kiosk.messaging.contract.configuration import ConfigurationDocument, parse_document
from kiosk.store import catalogs, checkpoints, clerks
from kiosk.store.catalogs import PreparedCatalog
from kiosk.store.checkpoints import OfferedCheckpoint
from kiosk.store.database.schema import county_document as document_table
from kiosk.store.database.schema import county_part as part_table
from kiosk.store.database.tables import Tables, finishing, reading, writing
from kiosk.store.journal import journal
from kiosk.store.parcels import deliveries
from kiosk.store.shared.errors import StoreRefusal
from kiosk.store.shared.records import ExpectedParcel, Stamp

_NEWEST = select(document_table).order_by(document_table.c.id.desc())
_DOCUMENTS_WITH_PARTS = 2  # The one in force and the one before it


@dataclass(frozen=True, slots=True)
class CountyDocument:
    """An applied document. ``confirmed``: the county has stated in this epoch of the database that it is its newest."""

    document: ConfigurationDocument
    sha256: str
    catalog_version: int
    applied_at: str
    confirmed: bool

    @property
    def version(self) -> ConfigurationVersion:
        return self.document.number


@dataclass(frozen=True, slots=True)
class CheckedDocument:
    """A document that may be applied. A field that is None leaves its part unchanged; ``parcels`` are those that may be
    new, ``checkpoints`` those of the county's log, which block nothing.
    """

    document: ConfigurationDocument
    content: bytes
    catalog: PreparedCatalog | None
    people: tuple[Clerk, ...] | None
    parcels: tuple[ExpectedParcel, ...]
    checkpoints: tuple[OfferedCheckpoint, ...] = ()

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    def has_goods(self, codes: Collection[str]) -> bool:
        """Return whether each of these can still be brought in."""
        prepared = self.catalog
        return prepared is None or all(prepared.catalog.product(code) is not None for code in codes)


class CountyDocuments(Tables):
    @reading
    def in_force(self, connection: Connection) -> CountyDocument | None:
        """Return the document in force, None when the county has sent none. Raises StoreError."""
        return _in_force(connection)

    @reading
    def missing(self, connection: Connection, hashes: Iterable[str]) -> list[str]:
        """Return which of these parts are not in the database, each once and in their order."""
        return _missing(connection, list(dict.fromkeys(hashes)))

    @reading
    def part(self, connection: Connection, sha256: str) -> bytes | None:
        """Read a part as it is stored, unchecked: a bit of it may have flipped."""
        return connection.execute(select(part_table.c.content).where(part_table.c.sha256 == sha256)).scalar()

    @writing
    def add_part(self, connection: Connection, content: bytes) -> None:
        values = {"sha256": hashlib.sha256(content).hexdigest(), "content": content}
        new = upsert(part_table).values(values)
        connection.execute(new.on_conflict_do_update(index_elements=["sha256"], set_={"content": content}))

    @writing
    def apply(self, connection: Connection, checked: CheckedDocument, stamp: Stamp) -> int:
        """Apply all of it or nothing; return the version of the catalog made from it. Refused: ``older``, and
        ``self_test`` when not all of it reads back as it was written.
        """
        document, before = checked.document, _in_force(connection)
        if before is not None and document.number <= before.version:
            raise StoreRefusal(RefusalReason.OLDER, f"the document {before.version} is in force")
        version = before.catalog_version if before is not None else 0  # One imported by hand stays by hand
        if checked.catalog is not None:
            version = catalogs.add(connection, checked.catalog, stamp)
        if checked.people is not None:
            clerks.follow_county(connection, checked.people, stamp)
        if checked.parcels:
            deliveries.expect(connection, checked.parcels, stamp)
        key, number = document.version
        row = {"key": key, "number": number, "sha256": checked.sha256, "document": checked.content}
        epoch = journal.current_epoch(connection).number
        added = {"catalog_version": version, "epoch": epoch, "applied_at": stamp.moment.timestamp}
        connection.execute(insert(document_table).values(**row, **added))
        journal.append(connection, ConfigApplied(key, number, checked.sha256, version), stamp)
        checkpoints.record(connection, checked.checkpoints, stamp)
        if not _is_stored(connection, checked, version):
            raise StoreRefusal(RefusalReason.SELF_TEST, "what was written does not read back")
        return version

    @writing
    def change_day(self, connection: Connection, prepared: PreparedCatalog, before: int, stamp: Stamp) -> None:
        """Put the same goods with the prices of another day in force, unless ``before`` is no longer in force. For a
        county catalog, the event says so of the new version as well.
        """
        if catalogs.newest_version(connection) != before:
            return
        version, found = catalogs.add(connection, prepared, stamp), _in_force(connection)
        if found is not None and found.catalog_version == before:
            _update_newest(connection, catalog_version=version)
            journal.append(connection, ConfigApplied(*found.document.version, found.sha256, version), stamp)

    @writing
    def confirm(self, connection: Connection, sha256: str) -> None:
        """Record that the county has confirmed in this epoch that the document in force is its newest."""
        found = _in_force(connection)
        if found is not None and found.sha256 == sha256 and not found.confirmed:
            _update_newest(connection, epoch=journal.current_epoch(connection).number)

    @finishing
    def report(self, connection: Connection, event: ConfigRefused | RequestAnswered, stamp: Stamp) -> None:
        journal.append(connection, event, stamp)

    @writing
    def prune(self, connection: Connection) -> None:
        """Delete the parts that neither the document in force nor the one before it names."""
        rows = connection.execute(_NEWEST.limit(_DOCUMENTS_WITH_PARTS)).all()
        named = {part.sha256 for row in rows for part in parse_document(row.document).parts.values()}
        connection.execute(delete(part_table).where(part_table.c.sha256.not_in(named)))


def _in_force(connection: Connection) -> CountyDocument | None:
    row = connection.execute(_NEWEST.limit(1)).one_or_none()
    if row is None:
        return None
    confirmed = row.epoch == journal.current_epoch(connection).number
    return CountyDocument(parse_document(row.document), row.sha256, row.catalog_version, row.applied_at, confirmed)


def _update_newest(connection: Connection, **values: int) -> None:
    newest = select(document_table.c.id).order_by(document_table.c.id.desc()).limit(1).scalar_subquery()
    connection.execute(update(document_table).where(document_table.c.id == newest).values(**values))


def _missing(connection: Connection, hashes: Sequence[str]) -> list[str]:
    stored = set(connection.execute(select(part_table.c.sha256).where(part_table.c.sha256.in_(hashes))).scalars())
    return [sha256 for sha256 in hashes if sha256 not in stored]


def _is_stored(connection: Connection, checked: CheckedDocument, version: int) -> bool:
    found = _in_force(connection)
    return (
        found is not None
        and (found.document, found.sha256, found.catalog_version) == (checked.document, checked.sha256, version)
        and not _missing(connection, [part.sha256 for part in checked.document.parts.values()])
        and (checked.catalog is None or catalogs.is_stored(connection, version, checked.catalog))
        and (checked.people is None or clerks.are_active(connection, checked.people))
    )
