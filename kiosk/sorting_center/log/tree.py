"""The county's log as it is stored: a Merkle tree of the hashes of released events, in the order of the feed.

A tree belongs to one region, one year and one generation of the feed: whenever one of them is another one than that of
the region's newest tree, a new tree begins. So the trees of a region follow each other in the feed, and a second one of
a year (after a restored backup, or a clock that went wrong) has a number in its origin.

Leaves lie in blocks, with their places in the feed: a proof needs one block and a few rows beside it, and the log stays
whole when events go into an archive.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import groupby
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, func, insert, select, update

from kiosk.messaging.contract.checkpoint import origin_of
from kiosk.messaging.contract.merkle import leaf_hash, node_hash, range_hash
from kiosk.sorting_center.ledger.database import places
from kiosk.sorting_center.ledger.database.rows import insert_missing, upsert_rows
from kiosk.sorting_center.ledger.database.schema import ARCHIVED, feed_position, log_block, log_tree
from kiosk.sorting_center.ledger.shared.errors import LedgerDamaged

POSITION_NAME: Final = "log"
BLOCK: Final = 256  # Leaves; a power of two
_PLACE_BYTES, _HASH_BYTES = 8, 32
LEAF_BYTES: Final = _PLACE_BYTES + _HASH_BYTES
_BATCH: Final = 2048  # Places of the feed in one transaction: about 20 ms, between two commits of events
_COLUMNS: Final = ("region", "sha256")


class Leaf(NamedTuple):
    """``place`` in the feed; ``content`` is the event's hash."""

    place: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Tree:
    """One row of ``log_tree``."""

    origin: str
    region: str
    year: int
    generation: str
    first_place: int
    size: int


def trees(connection: Connection, region: str | None = None) -> list[Tree]:
    """Return the trees in the order in which they began; of all regions when ``region`` is None."""
    query = select(log_tree).order_by(log_tree.c.region, log_tree.c.first_place)
    query = query if region is None else query.where(log_tree.c.region == region)
    return [Tree(**row._mapping) for row in connection.execute(query)]


class StoredLeaves:
    """What a connection sees of one tree. Raises LedgerDamaged where something is missing."""

    def __init__(self, connection: Connection, origin: str) -> None:
        self._origin, self._connection, self._of_tree = origin, connection, log_block.c.origin == origin
        self.block = lru_cache(2)(self._block)
        self.subtrees = cache(self._subtrees)  # Of a block, one after the other

    def subtree(self, start: int, end: int) -> bytes:
        """Return the hash of the complete subtree [start, end)."""
        size = end - start
        if size >= BLOCK:
            number, at = end // BLOCK - 1, _HASH_BYTES * ((size // BLOCK).bit_length() - 1)
            found = self.subtrees(number)[at : at + _HASH_BYTES]
            if len(found) != _HASH_BYTES:
                raise self._damage(number)
            return found
        if size == 1:
            return leaf_hash(self.leaf(start).content)
        middle = start + size // 2
        return node_hash(self.subtree(start, middle), self.subtree(middle, end))

    def leaf(self, index: int) -> Leaf:
        block = self.block(index // BLOCK)
        if index % BLOCK >= len(block):
            raise self._damage(index // BLOCK)
        return block[index % BLOCK]

    def root(self, size: int) -> bytes:
        return range_hash(0, size, self.subtree)

    def index_of(self, leaf: Leaf) -> int | None:
        """Return the leaf's number from 0; None when it is not in this tree."""
        below = select(func.max(log_block.c.first_place)).where(self._of_tree, log_block.c.first_place <= leaf.place)
        found = select(log_block.c.number).where(self._of_tree, log_block.c.first_place == below.scalar_subquery())
        number = self._connection.execute(found).scalar()
        if number is None or leaf not in (block := self.block(number)):
            return None
        return int(number) * BLOCK + block.index(leaf)

    def _damage(self, number: int) -> LedgerDamaged:
        return LedgerDamaged(f"block {number} of the log {self._origin} is damaged: bring a backup of the ledger back")

    def _block(self, number: int) -> list[Leaf]:
        return parse_leaves(self._read(log_block.c.leaves, number))

    def _subtrees(self, number: int) -> bytes:
        return self._read(log_block.c.subtrees, number)

    def _read(self, column: Any, number: int) -> bytes:
        query = select(column).where(self._of_tree, log_block.c.number == number)
        return bytes(self._connection.execute(query).scalar() or b"")


def parse_leaves(content: bytes) -> list[Leaf]:
    pieces = (content[at : at + LEAF_BYTES] for at in range(0, len(content), LEAF_BYTES))
    return [Leaf(int.from_bytes(one[:_PLACE_BYTES]), one[_PLACE_BYTES:]) for one in pieces]


def encode_leaves(leaves: Sequence[Leaf]) -> bytes:
    return b"".join(leaf.place.to_bytes(_PLACE_BYTES) + leaf.content for leaf in leaves)


def read_position(connection: Connection) -> int:
    """Return the last feed place in the log. What was archived before the log began is not in it."""
    rows = select(func.max(feed_position.c.feedseq)).where(feed_position.c.name.in_((POSITION_NAME, ARCHIVED)))
    own = select(feed_position.c.feedseq).where(feed_position.c.name == POSITION_NAME)
    found = connection.execute(own).scalar()
    return int(found if found is not None else connection.execute(rows).scalar() or 0)


def lock_position(connection: Connection) -> int:
    """Read the position and lock it: another process that appends waits until this transaction ends."""
    insert_missing(connection, feed_position, [(POSITION_NAME, read_position(connection))])
    own = select(feed_position.c.feedseq).where(feed_position.c.name == POSITION_NAME)
    return int(connection.execute(own.with_for_update()).scalar_one())


def append(connection: Connection, newest: tuple[int, str], end: int) -> range:
    """Append at most a batch of what is released up to the place ``end``; return the places processed.

    ``newest``: year and generation to which events belong now.
    """
    position = lock_position(connection)
    upto = min(position + _BATCH, end)
    if upto <= position:
        return range(0)
    rows = sorted(places.placed_events(connection, position, upto, _COLUMNS), key=lambda row: str(row.region))
    for region, of_region in groupby(rows, key=lambda row: str(row.region)):
        leaves = [Leaf(row.feedseq, bytes.fromhex(row.sha256)) for row in of_region]
        _extend(connection, _newest_tree(connection, region, newest, leaves[0].place), leaves)
    upsert_rows(connection, feed_position, [(POSITION_NAME, upto)])
    return range(position + 1, upto + 1)


def _newest_tree(connection: Connection, region: str, newest: tuple[int, str], first_place: int) -> Tree:
    """Return the tree of this year and generation; begin it at ``first_place`` when there is none."""
    known = trees(connection, region)
    if known and (known[-1].year, known[-1].generation) == newest:
        return known[-1]
    year, generation = newest
    number = 1 + sum(tree.year == year for tree in known)
    tree = Tree(origin_of(region, year, number), region, year, generation, first_place, 0)
    connection.execute(insert(log_tree).values(**{name: getattr(tree, name) for name in Tree.__slots__}))
    return tree


def _extend(connection: Connection, tree: Tree, leaves: list[Leaf]) -> None:
    size = tree.size
    while leaves:
        number, filled = divmod(size, BLOCK)
        block = StoredLeaves(connection, tree.origin).block(number) if filled else []
        chunk, leaves = leaves[: BLOCK - filled], leaves[BLOCK - filled :]
        write_block(connection, tree, number, [*block, *chunk])
        size += len(chunk)
    connection.execute(update(log_tree).where(log_tree.c.origin == tree.origin).values(size=size))


def write_block(connection: Connection, tree: Tree, number: int, leaves: list[Leaf]) -> None:
    subtrees = block_subtrees(StoredLeaves(connection, tree.origin), number, leaves)
    row = (tree.origin, number, leaves[0].place, encode_leaves(leaves), subtrees)
    upsert_rows(connection, log_block, [row])


def block_subtrees(stored: StoredLeaves, number: int, leaves: list[Leaf]) -> bytes:
    """Compute what ``log_block.subtrees`` has to be, from the blocks before this one."""
    if len(leaves) < BLOCK:
        return b""
    hashes = [leaf_hash(leaf.content) for leaf in leaves]
    while len(hashes) > 1:
        hashes = [node_hash(*hashes[at : at + 2]) for at in range(0, len(hashes), 2)]
    blocks = 1
    while (number + 1) % (
        2 * blocks
    ) == 0:  # A larger subtree ends here, too: its left half ended so many blocks before
        end = (number + 1 - blocks) * BLOCK
        hashes.append(node_hash(stored.subtree(end - blocks * BLOCK, end), hashes[-1]))
        blocks *= 2
    return b"".join(hashes)
