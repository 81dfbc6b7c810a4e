"""The county's tree against another program's (pymerkle), its proofs against every size, and its text forms."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from kiosk.base.ed25519 import Ed25519Key
from kiosk.messaging.contract.checkpoint import (
    BadCheckpoint,
    Checkpoint,
    InclusionProof,
    parse_checkpoint,
    parse_proof,
    parse_verifier,
    signed_note,
    verifier_line,
)
from kiosk.messaging.contract.merkle import (
    EMPTY_ROOT,
    SubtreeHash,
    consistency_path,
    inclusion_path,
    is_consistent,
    leaf_hash,
    node_hash,
    range_hash,
    root_of_inclusion,
)

LEAVES = [bytes([n]) * 32 for n in range(70)]
KEY = Ed25519Key(bytes(range(32)))


def subtrees(leaves: Sequence[bytes]) -> SubtreeHash:
    def of(start: int, end: int) -> bytes:
        size = end - start
        assert size & (size - 1) == 0, "only complete subtrees are asked for"
        assert start % size == 0, "only complete subtrees are asked for"
        if size == 1:
            return leaf_hash(leaves[start])
        middle = start + size // 2
        return node_hash(of(start, middle), of(middle, end))

    return of


def root(size: int) -> bytes:
    return range_hash(0, size, subtrees(LEAVES))


def test_roots_are_those_of_another_program() -> None:
    other = InmemoryTree(algorithm="sha256")
    assert root(0) == EMPTY_ROOT
    for size, leaf in enumerate(LEAVES, 1):
        other.append_entry(leaf)
        assert root(size) == other.get_root(size)


def test_every_leaf_is_proven_in_every_size_and_no_other_is() -> None:
    for size in range(1, 40):
        for index in range(size):
            path = inclusion_path(index, size, subtrees(LEAVES))
            assert root_of_inclusion(leaf_hash(LEAVES[index]), index, size, path) == root(size)
            other = (index + 1) % size
            if size > 1:
                assert _root(leaf_hash(LEAVES[other]), index, size, path) != root(size)
                assert _root(leaf_hash(LEAVES[index]), other, size, path) != root(size)
                assert _root(leaf_hash(LEAVES[index]), index, size, path[:-1]) != root(size)
            assert _root(leaf_hash(LEAVES[index]), index, size, [*path, root(1)]) != root(size)


def _root(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    try:
        return root_of_inclusion(leaf, index, size, path)
    except ValueError:
        return b""


def test_a_log_that_grew_is_consistent_and_a_rewritten_one_is_not() -> None:
    changed = [*LEAVES]
    changed[3] = b"x" * 32
    for new in range(1, 40):
        for old in range(1, new + 1):
            path = consistency_path(old, new, subtrees(LEAVES))
            assert is_consistent(old, root(old), new, root(new), path)
            assert not is_consistent(old, root(old), new, root(new), [*path, root(1)])
            assert old == new or not is_consistent(old, root(old), new, root(new), path[:-1])
            if old > 3:
                other = consistency_path(old, new, subtrees(changed))
                rewritten = range_hash(0, new, subtrees(changed))
                assert not is_consistent(old, root(old), new, rewritten, other)
                assert not is_consistent(old, root(old), new, rewritten, path)
    assert is_consistent(0, EMPTY_ROOT, 5, root(5), [])
    assert not is_consistent(6, root(6), 5, root(5), [])


def test_a_checkpoint_is_read_as_it_was_signed() -> None:
    checkpoint = Checkpoint("shache/2026", 17, root(17))
    note = signed_note(checkpoint, KEY.public, KEY.sign(checkpoint.text.encode()))
    found = parse_checkpoint(note)
    assert found.checkpoint == checkpoint
    assert found.is_signed_by(KEY.public)
    assert not found.is_signed_by(Ed25519Key(bytes(32)).public)
    # A witness's line does not disturb (C2SP signed-note: unknown signatures are ignored).
    witnessed = f"{note}\N{EM DASH} witness.example/w {b64encode(bytes(76)).decode()}\n"
    assert parse_checkpoint(witnessed).is_signed_by(KEY.public)
    for place in range(len(note)):
        changed = note[:place] + ("A" if note[place] != "A" else "B") + note[place + 1 :]
        assert not _is_right(changed), place
        assert not _is_right(note[:place]), place


def _is_right(note: str) -> bool:
    try:
        return parse_checkpoint(note).is_signed_by(KEY.public)
    except BadCheckpoint:
        return False


def test_a_proof_is_read_as_it_was_written() -> None:
    proof = InclusionProof(3, tuple(inclusion_path(3, 17, subtrees(LEAVES))), "a note\n")
    assert parse_proof(proof.text) == proof
    for text in (
        "",
        proof.text.replace("index 3", "index 03"),
        proof.text.replace("v1", "v2"),
        "c2sp.org/tlog-proof@v1",
    ):
        with pytest.raises(BadCheckpoint):
            parse_proof(text)


def test_a_verifier_line_is_read_as_it_was_written() -> None:
    line = verifier_line("shache/2026", KEY.public)
    assert parse_verifier(line) == ("shache/2026", KEY.public)
    for other in (line[:-2], line.replace("shache", "sache"), "", "a+b+c"):
        with pytest.raises(BadCheckpoint):
            parse_verifier(other)


@given(st.text(max_size=200))
def test_any_other_text_is_no_checkpoint(text: str) -> None:
    for parse in (parse_checkpoint, parse_proof, parse_verifier):
        with pytest.raises(BadCheckpoint):
            parse(text)
