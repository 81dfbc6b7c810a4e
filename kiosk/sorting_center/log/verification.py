"""The log against the events, its checkpoints and what stations keep of it; and the log made again from the events."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.exc import DBAPIError

from kiosk.messaging.contract.checkpoint import BadCheckpoint, Checkpoint, parse_checkpoint
from kiosk.messaging.contract.envelope import body_and_hash
from kiosk.messaging.contract.merkle import EMPTY_ROOT, leaf_hash, node_hash
from kiosk.messaging.contract.strict_json import canonical_parsed
from kiosk.sorting_center.ledger.database import places
from kiosk.sorting_center.ledger.database.faults import translate_error
from kiosk.sorting_center.ledger.database.opening import open_for_writing
from kiosk.sorting_center.ledger.database.rows import upsert_rows
from kiosk.sorting_center.ledger.database.schema import (
    ARCHIVED,
    archived,
    feed_position,
    log_block,
    log_checkpoint,
    log_tree,
    log_witness,
)
from kiosk.sorting_center.ledger.shared.errors import LedgerDamaged
from kiosk.sorting_center.log.tree import (
    BLOCK,
    POSITION_NAME,
    Leaf,
    StoredLeaves,
    Tree,
    append,
    lock_position,
    parse_leaves,
    read_position,
    trees,
    write_block,
)

_COLUMNS: Final = ("region", "station", "epoch", "seq", "sha256", "body")
_DECODER: Final = msgspec.json.Decoder(dict[str, Any])


class LogFault(NamedTuple):
    """``kind``: `edited` (an event is not the one of the log), `deleted`, `moved` (it stands at another place of the
    feed), `added` (it stands between events of the log and is not in it), `checkpoint` (the log is not that of the
    day's checkpoint), `witness` (nor that which a station keeps). ``about``: an event, a day or a station.
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


class _Roots:
    """The roots of a tree while leaves are added: its complete subtrees, from the largest to the smallest."""

    def __init__(self) -> None:
        self.size = 0
        self._subtrees: list[bytes] = []

    def add(self, content: bytes) -> None:
        self._subtrees.append(leaf_hash(content))
        self.size += 1
        trailing = self.size
        while trailing % 2 == 0:
            right, left = self._subtrees.pop(), self._subtrees.pop()
            self._subtrees.append(node_hash(left, right))
            trailing //= 2

    def root(self) -> str:
        if not self._subtrees:
            return EMPTY_ROOT.hex()
        result = self._subtrees[-1]
        for left in reversed(self._subtrees[:-1]):
            result = node_hash(left, result)
        return result.hex()


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
    """Recompute every event's hash and every root. Raises what the database says."""
    check, differences = LogCheck(), _Differences()
    for tree in trees(connection):
        expected = _expected_roots(connection, tree.origin, check)
        roots, wrong = _Roots(), list[LogFault]()
        for leaves in _blocks(connection, tree):
            _compare_events(connection, tree, leaves, differences)
            for leaf in leaves:
                roots.add(leaf.content)
                root = roots.root() if roots.size in expected else ""
                wrong += [fault for was, fault in expected.pop(roots.size, ()) if was != root]
            check.events += len(leaves)
            on_progress(check.events)
        wrong += [fault for of_size in expected.values() for _, fault in of_size]  # It is shorter than that
        check.faults += wrong
    check.faults += differences.faults(connection)
    known = {tree.origin for tree in trees(connection)}
    strange = [row for row in connection.execute(select(log_witness)) if row.origin not in known]
    check.faults += [LogFault(row.origin, "witness", f"{row.station} at {row.size}") for row in strange]
    return check


def _expected_roots(connection: Connection, origin: str, check: LogCheck) -> dict[int, list[tuple[str, LogFault]]]:
    """By size the roots that must be, and what does not fit when they are not."""
    expected: dict[int, list[tuple[str, LogFault]]] = {}
    for row in connection.execute(select(log_checkpoint).where(log_checkpoint.c.origin == origin)):
        check.checkpoints += 1
        fault = LogFault(origin, "checkpoint", row.day)
        try:
            is_same = parse_checkpoint(row.note).checkpoint == Checkpoint(origin, row.size, bytes.fromhex(row.root))
        except (BadCheckpoint, ValueError):
            is_same = False
        expected.setdefault(row.size, []).append((row.root if is_same else "", fault))
    for row in connection.execute(select(log_witness).where(log_witness.c.origin == origin)):
        check.witnesses += 1
        fault = LogFault(origin, "witness", f"{row.station} at {row.size}")
        expected.setdefault(row.size, []).append((row.root, fault))
    return expected


def _blocks(connection: Connection, tree: Tree) -> Iterator[list[Leaf]]:
    c, read = log_block.c, 0
    for number in range(-(-tree.size // BLOCK)):
        content = connection.execute(select(c.leaves).where(c.origin == tree.origin, c.number == number)).scalar()
        leaves = parse_leaves(bytes(content or b""))
        yield leaves
        read += len(leaves)
        if len(leaves) < BLOCK:  # The end, or what a hand took out: what is larger fits nothing any more
            return


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
    """Of the event as its bytes are now; none where the ledger's own note of it is another one."""
    body = bytes(row.body)
    digest = hashlib.sha256(body).hexdigest()
    if digest != row.sha256:
        try:
            digest = body_and_hash(_DECODER.decode(body), canonical_parsed)[1]
        except (msgspec.DecodeError, ValueError):
            return b""
    return bytes.fromhex(digest) if digest == row.sha256 else b""


def rebuild_log(url: str, on_progress: Callable[[int], None] = lambda _: None) -> LogCheck:
    """Make the blocks again from the events that are here; what went into archives stays. All in one transaction, and
    only when every checkpoint fits then. Raises a LedgerError, and then nothing is changed.
    """
    with closing(open_for_writing(url)) as opened:
        try:
            with opened.writing.begin() as connection:
                end = lock_position(connection)
                begin = connection.execute(
                    select(func.max(feed_position.c.feedseq)).where(feed_position.c.name == ARCHIVED)
                ).scalar()
                for tree in trees(connection):
                    _cut(connection, tree, begin or 0)
                upsert_rows(connection, feed_position, [(POSITION_NAME, begin or 0)])
                while append(connection, None, end):
                    on_progress(read_position(connection))
                check = verify_log(connection)
                wrong = next((one for one in check.faults if one.kind == "checkpoint"), None)
                if wrong is not None:
                    raise LedgerDamaged(
                        f"the log {wrong.origin} cannot be made again from the events: it is not that of the "
                        f"checkpoint of {wrong.about}; nothing was changed"
                    )
                return check
        except DBAPIError as error:
            raise translate_error(opened.address, error) from error


def _cut(connection: Connection, tree: Tree, place: int) -> None:
    """Take out the leaves above a place of the feed."""
    c = log_block.c
    of_tree = c.origin == tree.origin
    last = connection.execute(select(func.max(c.number)).where(of_tree, c.first_place <= place)).scalar()
    connection.execute(delete(log_block).where(of_tree, c.first_place > place))
    size = 0
    if last is not None:
        leaves = [leaf for leaf in StoredLeaves(connection, tree.origin).block(last) if leaf.place <= place]
        if leaves:
            write_block(connection, tree, last, leaves)
        size = last * BLOCK + len(leaves)
    connection.execute(update(log_tree).where(log_tree.c.origin == tree.origin).values(size=size))
