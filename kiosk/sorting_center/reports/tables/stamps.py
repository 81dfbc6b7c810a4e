"""What the tables were made of, and how far."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import Final

from sqlalchemy import Connection, MetaData, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from kiosk.sorting_center.ledger.database.rows import upsert_rows
from kiosk.sorting_center.reports.tables.schema import metadata, stamp

RULES: Final = 3  # Another one where the same events would come to other rows, and every table is made again


def schema_of(tables: MetaData) -> str:
    """Return a digest of these tables as made on both databases; other tables, columns or indexes change it."""
    parts = [f"rules {RULES}"]
    for dialect in (sqlite.dialect(), postgresql.dialect()):  # type: ignore[no-untyped-call]
        for table in tables.sorted_tables:
            parts.append(str(CreateTable(table).compile(dialect=dialect)))
            indexes = sorted(table.indexes, key=lambda index: str(index.name))
            parts += [str(CreateIndex(index).compile(dialect=dialect)) for index in indexes]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


SCHEMA: Final = schema_of(metadata)  # Another one, and every table is made again


@dataclass(frozen=True, slots=True)
class ReportsStamp:
    """``feedseq``: everything up to here is in the tables; ``sha256`` is of the event there, "" where none is.
    ``archived``: up to where some events were in an archive when voids were taken from there.
    """

    ledger_id: str
    generation: str
    zone: str
    schema: str = SCHEMA
    feedseq: int = 0
    sha256: str = ""
    archived: int = 0

    @classmethod
    def read(cls, connection: Connection) -> ReportsStamp | None:
        """Read the stamp; None when nothing usable is there."""
        rows = connection.execute(select(stamp.c.name, stamp.c.value))
        found = {row.name: row.value for row in rows}
        try:
            return cls(**{**found, "feedseq": int(found["feedseq"]), "archived": int(found["archived"])})
        except (KeyError, ValueError, TypeError):
            return None

    def write(self, connection: Connection) -> None:
        upsert_rows(connection, stamp, sorted((name, str(value)) for name, value in asdict(self).items()))

    def claim_position(self, connection: Connection) -> bool:
        """Claim the position, first in a transaction that continues from it; False if another process has continued."""
        is_unchanged = (stamp.c.name == "feedseq") & (stamp.c.value == str(self.feedseq))
        changed = update(stamp).where(is_unchanged).values(value=str(self.feedseq))
        return connection.execute(changed.execution_options(preserve_rowcount=True)).rowcount == 1
