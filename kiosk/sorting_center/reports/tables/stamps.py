"""What the tables were made of, and how far."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select, update

from kiosk.sorting_center.ledger.database.rows import upsert_rows
from kiosk.sorting_center.reports.tables.schema import SCHEMA_VERSION, stamp


@dataclass(frozen=True, slots=True)
class Stamp:
    """``feedseq``: everything up to here is in the tables; ``sha256`` is of the event there, "" where none is."""

    ledger_id: str
    generation: str
    zone: str
    schema: int = SCHEMA_VERSION
    feedseq: int = 0
    sha256: str = ""

    @classmethod
    def read(cls, connection: Connection) -> Stamp | None:
        """None when nothing usable is there."""
        rows = connection.execute(select(stamp.c.name, stamp.c.value))
        found = {row.name: row.value for row in rows}
        try:
            return cls(
                found["ledger_id"],
                found["generation"],
                found["zone"],
                int(found["schema"]),
                int(found["feedseq"]),
                found["sha256"],
            )
        except (KeyError, ValueError):
            return None

    def write(self, connection: Connection) -> None:
        """All of it."""
        told = {
            "ledger_id": self.ledger_id,
            "generation": self.generation,
            "zone": self.zone,
            "schema": str(self.schema),
            "feedseq": str(self.feedseq),
            "sha256": self.sha256,
        }
        upsert_rows(connection, stamp, sorted(told.items()))

    def take_place(self, connection: Connection) -> bool:
        """First in a transaction that goes on from here: false when another process has gone on meanwhile."""
        mine = (stamp.c.name == "feedseq") & (stamp.c.value == str(self.feedseq))
        changed = update(stamp).where(mine).values(value=str(self.feedseq))
        return connection.execute(changed.execution_options(preserve_rowcount=True)).rowcount == 1
