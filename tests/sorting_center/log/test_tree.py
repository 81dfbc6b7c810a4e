"""What is stored of the county's log: its roots are those of another program, whatever cut the work into pieces."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pymerkle import InmemoryTree

from kiosk.messaging.contract.merkle import (
    consistency_path,
    inclusion_path,
    is_consistent,
    leaf_hash,
    root_of_inclusion,
)
from kiosk.sorting_center.ledger import Ledger, LedgerError
from kiosk.sorting_center.ledger.care.archive import archive
from kiosk.sorting_center.ledger.care.copy import copy_ledger
from kiosk.sorting_center.log.tree import Leaf, StoredLeaves, append, lock_position, trees
from tests.sorting_center.log.county_log_rig import REGION, LogRig
from tests.sorting_center.station_journal import NOW, Station

ORIGIN = "shache/2026"


def other_root(rig: LogRig, size: int) -> str:
    tree = InmemoryTree(algorithm="sha256")
    for one in rig.station.sealed[:size]:
        tree.append_entry(bytes.fromhex(one.sha256))
    return str(tree.get_root(size).hex())


def test_roots_and_proofs_round_every_power_of_two(rig: LogRig, subtests: pytest.Subtests) -> None:
    sizes = sorted({n for power in range(1, 11) for n in (2**power - 1, 2**power, 2**power + 1)} | {1300})
    with rig.opened() as ledger:
        rig.intakes(ledger, sizes[-1])
        rig.follow(ledger)
        assert [tree.size for tree in rig.trees(ledger)] == [1300]
        with ledger.reading() as connection:
            leaves = StoredLeaves(connection, ORIGIN)
            for size in sizes:
                with subtests.test(size=size):
                    root = leaves.root(size)
                    assert root.hex() == other_root(rig, size)
                    for index in {0, size // 2, size - 1}:
                        content = bytes.fromhex(rig.station.sealed[index].sha256)
                        assert leaves.index_of(Leaf(index + 1, content)) == index
                        path = inclusion_path(index, size, leaves.subtree)
                        assert root_of_inclusion(leaf_hash(content), index, size, path) == root
                    path = consistency_path(size, 1300, leaves.subtree)
                    assert is_consistent(size, root, 1300, leaves.root(1300), path)
            assert leaves.index_of(Leaf(2, content)) is None
            assert leaves.index_of(Leaf(99_999, content)) is None


def test_pieces_of_any_size_make_the_same_tree(rig: LogRig) -> None:
    with rig.opened() as ledger:
        for piece in (1, 1, 253, 1, 1, 255, 257, 600):
            rig.intakes(ledger, piece)
            rig.follow(ledger)
            size = len(rig.station.sealed)
            assert rig.root(ledger, ORIGIN, size) == other_root(rig, size)


def test_what_fails_in_the_middle_leaves_nothing_and_is_done_once_then(rig: LogRig) -> None:
    with rig.opened() as ledger:
        rig.intakes(ledger, 700)
        with pytest.raises(ZeroDivisionError), ledger.writing() as connection:
            assert append(connection, (2026, ledger.generation), 300)
            raise ZeroDivisionError
        assert rig.trees(ledger) == []
        with ledger.writing() as connection:
            assert append(connection, (2026, ledger.generation), 300) == range(1, 301)
    with rig.opened() as ledger:
        rig.follow(ledger)
        rig.follow(ledger)
        assert rig.root(ledger, ORIGIN, 700) == other_root(rig, 700)
        assert [tree.size for tree in rig.trees(ledger)] == [700]


def test_of_two_at_once_one_appends(postgres_ledger_url: str, rig: LogRig) -> None:
    rig.url = postgres_ledger_url
    with rig.opened() as ledger, rig.opened() as other:
        rig.intakes(ledger, 600)
        ready = threading.Barrier(2)

        def follow(one: Ledger) -> None:
            ready.wait()
            rig.follow(one)

        threads = [threading.Thread(target=follow, args=(one,)) for one in (ledger, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [tree.size for tree in rig.trees(ledger)] == [600]
        assert rig.root(ledger, ORIGIN, 600) == other_root(rig, 600)


def test_a_tree_for_each_region_and_year(rig: LogRig) -> None:
    rig.now = datetime(2026, 12, 31, 17, 59, tzinfo=UTC)  # A minute before the new year of the county's zone
    with rig.opened() as ledger:
        rig.intakes(ledger, 3)
        other = Station("S0300")
        rig.accept(ledger, other.start(), other.intake(1), region="kashgar")
        rig.follow(ledger)
        rig.now += timedelta(minutes=2)
        rig.follow(ledger)  # Nothing came: no tree begins
        rig.intakes(ledger, 2)
        rig.follow(ledger)
        rig.now -= timedelta(minutes=2)  # The clock was set back: that is another log, and people can see it
        rig.intakes(ledger, 1)
        rig.follow(ledger)
        found = [(tree.origin, tree.size, tree.first_place) for tree in rig.trees(ledger)]
    assert found == [
        ("kashgar/2026", 2, 4),
        ("shache/2026", 3, 1),
        ("shache/2027", 2, 6),
        ("shache/2026.2", 1, 8),
    ]


def test_a_clock_that_is_not_set_appends_nothing(rig: LogRig) -> None:
    rig.now = datetime(1970, 1, 1, tzinfo=UTC)
    with rig.opened() as ledger:
        rig.intakes(ledger, 3)
        with pytest.raises(LedgerError, match="1970"):
            rig.follow(ledger)
        assert rig.trees(ledger) == []


def test_a_restored_ledger_begins_another_log(rig: LogRig) -> None:
    with rig.opened() as ledger:
        rig.intakes(ledger, 300)
        rig.follow(ledger)
        before = rig.root(ledger, ORIGIN, 300)
    Ledger.begin_generation(rig.url)
    with rig.opened() as ledger:
        rig.intakes(ledger, 5)
        rig.follow(ledger)
        assert [(tree.origin, tree.size) for tree in rig.trees(ledger)] == [(ORIGIN, 300), (f"{ORIGIN}.2", 5)]
        assert rig.root(ledger, ORIGIN, 300) == before
        assert not rig.verify(ledger).faults


def test_events_in_an_archive_and_a_copy(rig: LogRig, tmp_path: str) -> None:
    for_archive = f"{tmp_path}/archive"
    with rig.opened() as ledger:
        events = [rig.station.start(), *(rig.station.intake(n) for n in range(1, 400))]
        ledger.accept(events[:300], REGION, "2026-10-02T04:00:00.000Z")
        ledger.accept(events[300:], REGION, NOW)
        rig.follow(ledger)
        ledger.set_feed_position("mqtt", 400)
        assert rig.checkpoint(ledger, "2026-12-01").checkpoint.size == 400
    Path(for_archive).mkdir()
    assert [month.events for month in archive(rig.url, "2026-11", Path(for_archive))] == [300]
    with rig.opened() as ledger:
        assert rig.verify(ledger).faults == []
    rig.sql("UPDATE log_block SET leaves = :empty, subtrees = :empty WHERE number = 1 AND first_place > 256", empty=b"")
    with rig.opened() as ledger:
        assert rig.verify(ledger).faults
    copy = f"sqlite:///{tmp_path}/copy.db"
    copy_ledger(rig.url, copy)
    with Ledger.open(copy) as ledger, ledger.reading() as connection:
        assert [tree.size for tree in trees(connection)] == [400]


def test_events_in_an_archive_before_the_log_began_are_not_in_it(rig: LogRig) -> None:
    with rig.opened() as ledger:
        rig.intakes(ledger, 5)
    rig.sql("INSERT INTO feed_position (name, feedseq) VALUES ('archived', 3)")
    with rig.opened() as ledger:
        rig.follow(ledger)
        with ledger.writing() as connection:
            assert lock_position(connection) == 5
        assert [(tree.first_place, tree.size) for tree in rig.trees(ledger)] == [(4, 2)]
