"""The checkpoints of the county's log: the station keeps each that continues what it has, and is its witness.

One that does not is written down with the reason, and never kept: its note, which the county has signed, is the proof.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, insert, select

from kiosk.domain.events import CheckpointKept, CheckpointRefused
from kiosk.messaging.contract.checkpoint import Checkpoint
from kiosk.messaging.contract.merkle import is_consistent
from kiosk.store.database.schema import county_checkpoint
from kiosk.store.database.tables import Tables, reading
from kiosk.store.journal import journal
from kiosk.store.shared.records import Stamp

SIGNATURE, SMALLER, INCONSISTENT = "signature", "smaller", "inconsistent"
_REPORT: Final = "report"  # It does not begin at what is kept here: the county is given what that is
_MAX_REPORTED: Final = 2**40  # The largest number that an event has; more than a million years of events


@dataclass(frozen=True, slots=True)
class OfferedCheckpoint:
    """One of the county's document. ``is_signed``: by its key, for its region. ``path`` begins at ``from_size``."""

    checkpoint: Checkpoint
    note: str
    is_signed: bool
    from_size: int
    path: tuple[bytes, ...]


class CountyCheckpoints(Tables):
    @reading
    def newest(self, connection: Connection) -> Checkpoint | None:
        """Return the checkpoint kept last. Raises StoreError."""
        return newest(connection)

    @reading
    def refusal(self, connection: Connection) -> str | None:
        """Return why the last one was refused; None when it was kept, or there is none. Raises StoreError."""
        query = select(county_checkpoint.c.reason).order_by(county_checkpoint.c.id.desc())
        return connection.execute(query.limit(1)).scalar()


def newest(connection: Connection, origin: str | None = None) -> Checkpoint | None:
    c = county_checkpoint.c
    query = select(county_checkpoint).where(c.reason.is_(None)).order_by(c.id.desc()).limit(1)
    row = connection.execute(query if origin is None else query.where(c.origin == origin)).first()
    return Checkpoint(row.origin, row.size, bytes.fromhex(row.root)) if row is not None else None


def record(connection: Connection, offered: Iterable[OfferedCheckpoint], stamp: Stamp) -> None:
    """Keep those that continue what is kept, refuse the others, each with its event; skip a known one."""
    for one in offered:
        found, before = one.checkpoint, newest(connection, one.checkpoint.origin)
        if found == before and one.is_signed:
            continue
        reason = _judge(one, before)
        if reason == _REPORT:
            assert before is not None
            journal.append(connection, CheckpointKept(before.origin, before.size, before.root.hex()), stamp)
            continue
        size, root = min(found.size, _MAX_REPORTED), found.root.hex()
        row = {"origin": found.origin, "size": found.size, "root": root, "note": one.note, "reason": reason}
        connection.execute(insert(county_checkpoint).values(**row, noted_at=stamp.moment.timestamp))
        if reason is None:
            journal.append(connection, CheckpointKept(found.origin, size, root), stamp)
        else:
            before_size = before.size if before is not None else 0
            journal.append(connection, CheckpointRefused(found.origin, size, root, before_size, reason), stamp)


def _judge(one: OfferedCheckpoint, before: Checkpoint | None) -> str | None:
    """Return why to refuse it, None to keep it. The first one of a log has nothing that it could contradict."""
    found = one.checkpoint
    if not one.is_signed or found.size > _MAX_REPORTED:
        return SIGNATURE
    if before is None:
        return None
    if found.size < before.size:
        return SMALLER
    if found.size > before.size and one.from_size != before.size:
        return _REPORT
    consistent = is_consistent(before.size, before.root, found.size, found.root, one.path)
    return None if consistent else INCONSISTENT
