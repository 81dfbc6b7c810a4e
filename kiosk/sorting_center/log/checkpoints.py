"""The checkpoints of each day: what of them each station is given, the newest from the one it keeps; and proofs for
people, that a receipt is in the log, and that it has only grown between two days.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Row, select

from kiosk.base.refused import Refused
from kiosk.messaging.contract.checkpoint import Checkpoint, ConsistencyProof, InclusionProof
from kiosk.messaging.contract.configuration import CheckpointRow, CheckpointsPart, encode_part, to_base64
from kiosk.messaging.contract.merkle import consistency_path, inclusion_path, leaf_hash, root_of_inclusion
from kiosk.sorting_center.configuration.keys import load_key
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger.database.rows import insert_missing
from kiosk.sorting_center.ledger.database.schema import (
    archived,
    event,
    intake,
    log_checkpoint,
    log_witness,
    same_stream,
)
from kiosk.sorting_center.ledger.shared.errors import LedgerDamaged
from kiosk.sorting_center.log.tree import Leaf, StoredLeaves, trees
from kiosk.sorting_center.stations.authority import ConfigurationKey

# For so long the last checkpoint of a year is still sent beside those of the next: a station may be away.
_TURN: Final = timedelta(days=31)


def newest_checkpoint(connection: Connection, origin: str, until: str = "9999") -> Row[tuple[str, ...]] | None:
    """Return the largest checkpoint made for a day up to ``until``."""
    c = log_checkpoint.c
    query = select(log_checkpoint).where(c.origin == origin, c.day <= until).order_by(c.size.desc(), c.day)
    return connection.execute(query.limit(1)).first()


def make_checkpoints(connection: Connection, key: ConfigurationKey, day: date) -> None:
    """Store under ``day`` a checkpoint of each tree of the key's region that has grown; keep an existing one."""
    for tree in trees(connection, key.subject.region):
        newest = newest_checkpoint(connection, tree.origin)
        if (newest is not None and tree.size <= newest.size) or not tree.size:
            continue
        checkpoint = Checkpoint(tree.origin, tree.size, StoredLeaves(connection, tree.origin).root(tree.size))
        row = (tree.origin, day.isoformat(), tree.size, checkpoint.root.hex(), key.note_of(checkpoint))
        insert_missing(connection, log_checkpoint, [row])


def checkpoint_parts(ledger: Ledger, key_file: Path, region: str, station: str) -> Mapping[str, bytes]:
    """Build the part `checkpoints` of a station's document; empty before the first. Raises LedgerError, OSError,
    BadAuthority.

    Each is signed again: a note of an earlier key generation is not accepted with a document of this one.
    """
    key = load_key(key_file)
    if key.subject.region != region:
        return {}
    with ledger.reading() as connection:
        rows = tuple(_row(connection, key, one, station) for one in _newest(connection, region))
    return {"checkpoints": encode_part(CheckpointsPart(rows))} if rows else {}


def _newest(connection: Connection, region: str) -> list[Checkpoint]:
    """Return the newest, and before it the last one of the previous year, when that is not long ago."""
    found = [(tree, newest_checkpoint(connection, tree.origin)) for tree in trees(connection, region)]
    rows = [(row, tree.generation) for tree, row in found if row is not None][-2:]
    if len(rows) == 2:
        days = [date.fromisoformat(row.day) for row, _ in rows]
        if rows[0][1] != rows[1][1] or days[1] - days[0] > _TURN:
            del rows[0]
    return [Checkpoint(row.origin, row.size, bytes.fromhex(row.root)) for row, _ in rows]


def _row(connection: Connection, key: ConfigurationKey, one: Checkpoint, station: str) -> CheckpointRow:
    c = log_witness.c
    # Its reports after it got this checkpoint do not count: its part stays the same until the next one.
    before = select(c.size).where(c.origin == one.origin, c.station == station, c.size < one.size)
    old = connection.execute(before.order_by(c.feedseq.desc()).limit(1)).scalar() or 0
    path = consistency_path(old, one.size, StoredLeaves(connection, one.origin).subtree) if old else ()
    return CheckpointRow(key.note_of(one), old, tuple(map(to_base64, path)))


def receipt_proof(connection: Connection, receipt: str) -> InclusionProof:
    """Prove that the event which confirmed the receipt is in the log. Raises LedgerDamaged, and Refused:
    unknown_receipt, not_in_log, no_checkpoint.
    """
    query = select(intake).where(intake.c.station == f"S{receipt[:4]}", intake.c.receipt == receipt)
    row = connection.execute(query.limit(1)).first()
    if row is None:
        raise Refused("unknown_receipt", f"there is no receipt {receipt} in the ledger")
    hashes = (
        select(table.c.sha256).where(same_stream(table, row), table.c.seq == row.seq) for table in (event, archived)
    )
    sha256 = next(filter(None, (connection.execute(one).scalar() for one in hashes)), "")
    leaf = Leaf(row.feedseq, bytes.fromhex(sha256))
    for tree in reversed(trees(connection, row.region)):
        stored = StoredLeaves(connection, tree.origin)
        index = stored.index_of(leaf)
        if index is not None:
            return _inclusion(connection, stored, tree.origin, index)
    raise Refused("not_in_log", f"the event of {receipt} is not in the county's log yet: try again in a minute")


def _inclusion(connection: Connection, stored: StoredLeaves, origin: str, index: int) -> InclusionProof:
    newest = newest_checkpoint(connection, origin)
    if newest is None or newest.size <= index:
        raise Refused("no_checkpoint", f"no checkpoint of {origin} covers it yet: there is a proof from tomorrow on")
    path = inclusion_path(index, newest.size, stored.subtree)
    content = stored.leaf(index).content
    if root_of_inclusion(leaf_hash(content), index, newest.size, path).hex() != newest.root:
        raise LedgerDamaged(f"the log {origin} is not that of its checkpoint: see `sorting-center log verify`")
    return InclusionProof(index, tuple(path), str(newest.note), content)


def days_proof(connection: Connection, region: str | None, first: str, second: str) -> ConsistencyProof:
    """Prove that the log of the later day begins with that of the earlier one; days as 2026-12-01.

    ``region``: None in a ledger of one region. Raises Refused: no_checkpoint, other_log.
    """
    known = trees(connection, region)
    if len({tree.region for tree in known}) > 1:
        raise Refused("which_region", "the ledger is of several regions: name one with --region")
    found = []
    for day in sorted((first, second)):
        rows = (newest_checkpoint(connection, tree.origin, day) for tree in reversed(known))
        row = next(filter(None, rows), None)
        if row is None:
            raise Refused("no_checkpoint", f"there is no checkpoint of {day} or before")
        found.append(row)
    old, new = found
    if old.origin != new.origin:
        raise Refused("other_log", f"{old.origin} and {new.origin} are two logs: a proof goes from day to day of one")
    subtree = StoredLeaves(connection, new.origin).subtree
    return ConsistencyProof(tuple(consistency_path(old.size, new.size, subtree)), old.note, new.note)
