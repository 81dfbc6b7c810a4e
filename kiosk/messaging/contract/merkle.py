"""The Merkle tree of RFC 9162, section 2.1: hashes, and the proofs that a leaf is in it and that it only grew.

Pure: a caller that has the hashes of complete subtrees, in memory or in a table, makes proofs with `inclusion_path` and
`consistency_path`. Ranges are ``[start, end)`` in leaves; a complete subtree starts at a multiple of its size, which is
a power of two.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final

EMPTY_ROOT: Final = sha256(b"").digest()  # Section 2.1.1: the hash of a tree without leaves

SubtreeHash = Callable[[int, int], bytes]  # Of a complete subtree [start, end)


def leaf_hash(content: bytes) -> bytes:
    return sha256(b"\x00" + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def range_hash(start: int, end: int, subtree: SubtreeHash) -> bytes:
    """Hash a range whose start is a multiple of the largest power of two below its length."""
    size = end - start
    if size == 0:
        return EMPTY_ROOT
    if size & (size - 1) == 0:
        return subtree(start, end)
    middle = start + _split(size)
    return node_hash(range_hash(start, middle, subtree), range_hash(middle, end, subtree))


def inclusion_path(index: int, size: int, subtree: SubtreeHash) -> list[bytes]:
    """Compute PATH(m, D[n]) of section 2.1.3.1, from the leaf's neighbour up. Raises ValueError outside the tree."""
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a log of {size}")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(range_hash(middle, end, subtree))
            end = middle
        else:
            path.append(range_hash(start, middle, subtree))
            start = middle
    return path[::-1]


def consistency_path(old: int, new: int, subtree: SubtreeHash) -> list[bytes]:
    """Compute PROOF(m, D[n]) of section 2.1.4.1. Raises ValueError unless 0 < old <= new."""
    if not 0 < old <= new:
        raise ValueError(f"a log of {new} does not continue one of {old}")
    path: list[bytes] = []
    start, end, is_known = 0, new, True  # `is_known`: the verifier has the hash of [start, old) already
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(range_hash(middle, end, subtree))
            end = middle
        else:
            path.append(range_hash(start, middle, subtree))
            start, is_known = middle, False
    if not is_known:
        path.append(range_hash(start, end, subtree))
    return path[::-1]


def root_of_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """Compute the root from a leaf's hash (section 2.1.3.2). Raises ValueError for a path of another length."""
    if not 0 <= index < size:
        raise ValueError("the leaf is not in the log")
    fn, sn, result = index, size - 1, leaf
    for neighbour in path:
        if sn == 0:
            raise ValueError("the proof is too long")
        if fn & 1 or fn == sn:
            result = node_hash(neighbour, result)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            result = node_hash(result, neighbour)
        fn, sn = fn >> 1, sn >> 1
    if sn:
        raise ValueError("the proof is too short")
    return result


def is_consistent(old: int, old_root: bytes, new: int, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Return whether the log of ``new`` leaves begins with that of ``old`` (section 2.1.4.2)."""
    if old == 0:
        return not path and (new > 0 or new_root == old_root)
    if old == new:
        return not path and old_root == new_root
    if not 0 < old < new or not path:
        return False
    hashes = [old_root, *path] if old & (old - 1) == 0 else list(path)
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    first = second = hashes[0]
    for one in hashes[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            first, second = node_hash(one, first), node_hash(one, second)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            second = node_hash(second, one)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and first == old_root and second == new_root


def _split(size: int) -> int:
    """Return the largest power of two below ``size``."""
    return 1 << (size - 1).bit_length() - 1
