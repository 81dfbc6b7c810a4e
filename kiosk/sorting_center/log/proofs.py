"""Proofs out of the county's log, for people: that a receipt is in it, and that it has only grown between two days."""

from __future__ import annotations

from sqlalchemy import Connection, select

from kiosk.base.refused import Refused
from kiosk.messaging.contract.checkpoint import ConsistencyProof, InclusionProof
from kiosk.messaging.contract.merkle import consistency_path, inclusion_path, leaf_hash, root_of_inclusion
from kiosk.sorting_center.ledger.database.schema import archived, event, intake, same_stream
from kiosk.sorting_center.ledger.shared.errors import LedgerDamaged
from kiosk.sorting_center.log.checkpoints import newest_checkpoint
from kiosk.sorting_center.log.tree import Leaf, StoredLeaves, trees


def receipt_proof(connection: Connection, receipt: str) -> InclusionProof:
    """That the event which confirmed it is in the log. Raises Refused: unknown_receipt, not_in_log, no_checkpoint;
    LedgerDamaged.
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
    """That the log of the later day begins with that of the earlier one; days as 2026-12-01.

    ``region``: None in a ledger of one. Raises Refused: no_checkpoint, other_log.
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
