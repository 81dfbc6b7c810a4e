"""The log against the events, its checkpoints and what stations keep of it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, select

from kiosk.base.json_reader import reader
from kiosk.messaging.contract.checkpoint import Checkpoint
from kiosk.messaging.contract.envelope import body_and_hash
from kiosk.messaging.contract.strict_json import canonical_parsed
from kiosk.sorting_center.ledger.database import places
from kiosk.sorting_center.ledger.database.schema import archived, log_checkpoint, log_witness
from kiosk.sorting_center.ledger.shared.errors import LedgerDamaged
from kiosk.sorting_center.log.tree import BLOCK, Leaf, StoredLeaves, Tree, block_subtrees, trees

_COLUMNS: Final = ("region", "station", "epoch", "seq", "sha256", "body")
_read_event: Final = reader(msgspec.json.Decoder(dict[str, Any]))


class LogFault(NamedTuple):
    """``kind``: `edited` (an event is not the one of the log), `deleted`, `moved` (it is at another place of the feed),
    `added` (it is between events of the log and is not in it), `block` (the log's hashes do not follow from its
    leaves), `checkpoint` (the log is not that of the day's checkpoint), `witness` (nor that which a station keeps).
    ``about``: an event, a block, a day or a station.
    """

    origin: str
    kind: str
    about: str


@dataclass(slots=True)
class LogCheck:
    """What was compared, and what does not fit."""

    events: int = 0
    checkpoints: int = 0
    witnesses: int = 0
    faults: list[LogFault] = field(default_factory=list)


class _Strange(NamedTuple):
    """An event that is not what the log has in its place (``expected``; empty for nothing)."""

    origin: str
    row: Any
    actual: bytes
    expected: bytes

    def fault(self, kind: str) -> LogFault:
        return LogFault(self.origin, kind, f"{self.row.station} {self.row.epoch}-{self.row.seq}")


@dataclass(slots=True)
class _Differences:
    """Of all trees: an event that was moved is missing in one place and strange in another."""

    strange: list[_Strange] = field(default_factory=list)
    missing: dict[bytes, tuple[str, int]] = field(default_factory=dict)  # By the log's leaf: origin and place

    def faults(self, connection: Connection) -> Iterator[LogFault]:
        missing = dict(self.missing)
        for one in [row for row in self.strange if row.actual in missing]:
            del missing[one.actual]
            yield one.fault("moved")
        for one in [row for row in self.strange if row.actual not in self.missing]:
            yield one.fault("edited" if missing.pop(one.expected, None) else "added")
        if missing:
            query = select(archived.c.sha256).execution_options(yield_per=1000)
            for (sha256,) in connection.execute(query):
                missing.pop(bytes.fromhex(sha256), None)
        yield from (LogFault(origin, "deleted", f"feedseq {place}") for origin, place in missing.values())


def verify_log(connection: Connection, on_progress: Callable[[int], None] = lambda _: None) -> LogCheck:
    """Recompute every event's hash and every root. Raises the database's errors."""
    check, differences = LogCheck(), _Differences()
    for tree in trees(connection):
        stored = StoredLeaves(connection, tree.origin)
        for number in range(-(-tree.size // BLOCK)):
            leaves = stored.block(number)
            _compare_events(connection, tree, leaves, differences)
            if not _is_whole(stored, number, leaves):
                check.faults.append(LogFault(tree.origin, "block", str(number)))
            check.events += len(leaves)
            on_progress(check.events)
    check.faults += differences.faults(connection)
    roots = cache(lambda origin, size: _root(connection, origin, size))
    for row in connection.execute(select(log_checkpoint).order_by(log_checkpoint.c.origin, log_checkpoint.c.day)):
        check.checkpoints += 1
        text = Checkpoint(row.origin, row.size, bytes.fromhex(row.root)).text
        if roots(row.origin, row.size) != row.root or not row.note.startswith(text):
            check.faults.append(LogFault(row.origin, "checkpoint", row.day))
    for row in connection.execute(select(log_witness).order_by(log_witness.c.feedseq)):
        check.witnesses += 1
        if roots(row.origin, row.size) != row.root:
            check.faults.append(LogFault(row.origin, "witness", f"{row.station} at {row.size}"))
    return check


def _is_whole(stored: StoredLeaves, number: int, leaves: list[Leaf]) -> bool:
    try:
        return stored.subtrees(number) == block_subtrees(stored, number, leaves)
    except LedgerDamaged:
        return False


def _root(connection: Connection, origin: str, size: int) -> str:
    """Return the root in hex; "" where the log is shorter."""
    try:
        return StoredLeaves(connection, origin).root(size).hex()
    except LedgerDamaged:
        return ""


def _compare_events(connection: Connection, tree: Tree, leaves: list[Leaf], differences: _Differences) -> None:
    if not leaves:
        return
    found = places.placed_events(connection, leaves[0].place - 1, leaves[-1].place, _COLUMNS)
    rows: Mapping[int, Any] = {row.feedseq: row for row in found if row.region == tree.region}
    expected = dict(leaves)
    actual = {place: _hash_of(row) for place, row in rows.items()}
    for place, content in leaves:
        if actual.get(place) != content:
            differences.missing[content] = tree.origin, place
    differences.strange += [
        _Strange(tree.origin, row, actual[place], expected.get(place, b""))
        for place, row in rows.items()
        if actual[place] != expected.get(place)
    ]


def _hash_of(row: Any) -> bytes:
    """Recompute the event's hash from its bytes; return b"" where it differs from the ledger's column."""
    body = bytes(row.body)
    digest = hashlib.sha256(body).hexdigest()
    if digest != row.sha256:
        try:
            digest = body_and_hash(_read_event(body), canonical_parsed)[1]
        except ValueError:
            return b""
    return bytes.fromhex(digest) if digest == row.sha256 else b""
