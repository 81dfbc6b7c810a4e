"""The documents of the county that were applied here, each with the event that says so, and the parts they name.

The newest row is in force; those before it are what can be compared and gone back to by hand.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, select

from kiosk.domain.configuration import ConfigurationVersion
from kiosk.messaging.contract.configuration import ConfigurationDocument, parse_document
from kiosk.store.database.schema import county_document as document_table
from kiosk.store.database.schema import county_part as part_table
from kiosk.store.database.tables import Tables, reading
from kiosk.store.journal import journal


@dataclass(frozen=True, slots=True)
class CountyDocument:
    """One that was applied. ``confirmed``: in this epoch of the database the county has said that it is its newest."""

    document: ConfigurationDocument
    sha256: str
    catalog_version: int
    applied_at: str
    confirmed: bool

    @property
    def version(self) -> ConfigurationVersion:
        return self.document.number


class CountyDocuments(Tables):
    @reading
    def in_force(self, connection: Connection) -> CountyDocument | None:
        """None for a station without a document of its county. Raises StoreError."""
        return in_force(connection)

    @reading
    def missing(self, connection: Connection, hashes: Iterable[str]) -> list[str]:
        """Which of these parts the database has not, each once and in their order."""
        names = list(dict.fromkeys(hashes))
        stored = connection.execute(select(part_table.c.sha256).where(part_table.c.sha256.in_(names))).scalars()
        return [name for name in names if name not in set(stored)]


def in_force(connection: Connection) -> CountyDocument | None:
    row = connection.execute(select(document_table).order_by(document_table.c.id.desc()).limit(1)).one_or_none()
    if row is None:
        return None
    confirmed = row.epoch == journal.current_epoch(connection).number
    return CountyDocument(parse_document(row.document), row.sha256, row.catalog_version, row.applied_at, confirmed)
