"""The checkpoints of each day, and what of them each station is given: the newest, from the one it keeps."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from typing import Final

from sqlalchemy import Connection, Row, func, select

from kiosk.messaging.contract.checkpoint import Checkpoint
from kiosk.messaging.contract.configuration import CheckpointRow, CheckpointsPart, encode_part, to_base64
from kiosk.messaging.contract.merkle import consistency_path
from kiosk.sorting_center.ledger.database.rows import insert_missing
from kiosk.sorting_center.ledger.database.schema import log_checkpoint, log_witness
from kiosk.sorting_center.log.tree import StoredLeaves, Tree, trees
from kiosk.sorting_center.stations.authority import ConfigurationKey

# For so long the last checkpoint of a year goes on to be given beside those of the next: a station may be away.
_TURN: Final = timedelta(days=31)


def newest_checkpoint(connection: Connection, origin: str, until: str = "9999") -> Row[tuple[str, ...]] | None:
    """The largest of those that were made for a day up to ``until``."""
    c = log_checkpoint.c
    query = select(log_checkpoint).where(c.origin == origin, c.day <= until).order_by(c.size.desc(), c.day)
    return connection.execute(query.limit(1)).first()


def due_trees(connection: Connection, region: str) -> list[Tree]:
    """Those that have grown since their newest checkpoint."""
    found = [(tree, newest_checkpoint(connection, tree.origin)) for tree in trees(connection, region)]
    return [tree for tree, newest in found if tree.size > (newest.size if newest is not None else 0)]


def make_checkpoints(connection: Connection, key: ConfigurationKey, day: date) -> list[Checkpoint]:
    """Of every tree of the key's region that has grown, as it is now, under this day. One that is there stays."""
    made = []
    for tree in due_trees(connection, key.subject.region):
        checkpoint = Checkpoint(tree.origin, tree.size, StoredLeaves(connection, tree.origin).root(tree.size))
        row = (tree.origin, day.isoformat(), tree.size, checkpoint.root.hex(), key.note_of(checkpoint))
        insert_missing(connection, log_checkpoint, [row])
        made.append(checkpoint)
    return made


class CheckpointParts:
    """The parts `checkpoints` of the documents of a region's stations, as one connection sees the log."""

    def __init__(self, connection: Connection, key: ConfigurationKey) -> None:
        """``key`` signs anew: a note of a generation before it would not be believed with a document of this one."""
        self._connection, self._key = connection, key
        self._rows = self._newest_rows()
        self._path = cache(self._read_path)

    @property
    def stamp(self) -> tuple[object, ...]:
        """Another one when a part may be another one."""
        c = log_witness.c
        places = (
            select(func.max(c.feedseq)).where(c.origin == one.origin, c.size < one.size).scalar_subquery()
            for one in self._rows
        )
        found = self._connection.execute(select(*places)).one() if self._rows else ()
        return (*((one.origin, one.size) for one in self._rows), *found)

    def part(self, station: str) -> bytes | None:
        """None before the first checkpoint."""
        if not self._rows:
            return None
        return encode_part(CheckpointsPart(tuple(self._row(one, station) for one in self._rows)))

    def _newest_rows(self) -> list[Checkpoint]:
        """The newest; and before it the last one of the year before, when that is not long ago."""
        known = [(tree, newest_checkpoint(self._connection, tree.origin)) for tree in self._trees()]
        rows = [(tree, row) for tree, row in known if row is not None]
        if not rows:
            return []
        tree, newest = rows[-1]
        chosen = [newest]
        if len(rows) > 1 and rows[-2][0].generation == tree.generation:
            before = rows[-2][1]
            if date.fromisoformat(newest.day) - date.fromisoformat(before.day) <= _TURN:
                chosen.insert(0, before)
        return [Checkpoint(row.origin, row.size, bytes.fromhex(row.root)) for row in chosen]

    def _trees(self) -> list[Tree]:
        return trees(self._connection, self._key.subject.region)

    def _row(self, one: Checkpoint, station: str) -> CheckpointRow:
        c = log_witness.c
        # What it said after it got this checkpoint does not count: its part stays the same until the next one.
        of_station = select(c.size).where(c.origin == one.origin, c.station == station, c.size < one.size)
        from_size = self._connection.execute(of_station.order_by(c.feedseq.desc()).limit(1)).scalar() or 0
        return CheckpointRow(self._key.note_of(one), from_size, self._path(one.origin, from_size, one.size))

    def _read_path(self, origin: str, old: int, new: int) -> tuple[str, ...]:
        subtree = StoredLeaves(self._connection, origin).subtree
        return tuple(map(to_base64, consistency_path(old, new, subtree))) if old else ()
