"""The counter's board: the newest view for who waits, and whether anybody watches."""

from __future__ import annotations

import threading

from kiosk.station.counter.state import CounterBoard, CounterView
from tests.station.counter.acts import watching


class Hand:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_who_waits_gets_the_newest_and_never_an_older_one() -> None:
    board = CounterBoard(CounterView(revision=1))
    seen: list[int] = []
    first = board.snapshot().number

    def reader() -> None:
        snapshot = board.wait(first, 10)
        assert snapshot is not None
        seen.append(snapshot.view.revision)

    thread = threading.Thread(target=reader)
    thread.start()
    board.show(CounterView(revision=3))
    board.show(CounterView(revision=2))
    thread.join(10)
    assert seen == [3]
    assert board.snapshot().view.revision == 3
    assert board.wait(board.snapshot().number, 0) is None


def test_wake_lets_everybody_go_round() -> None:
    board = CounterBoard(CounterView())
    before = board.snapshot()
    board.wake()
    after = board.wait(before.number, 0)
    assert after is not None
    assert after.view == before.view


def test_a_page_that_changes_to_the_next_one_still_watches_and_a_closed_one_does_not() -> None:
    hand = Hand()
    board = CounterBoard(CounterView(), hand)
    assert not board.is_watched()
    with watching(board):
        hand.now += 3600
        assert board.is_watched()
        with watching(board):
            pass
        assert board.is_watched()
    hand.now += 5
    assert board.is_watched()
    hand.now += 0.1
    assert not board.is_watched()


def test_a_page_that_was_handed_out_has_the_scan_that_comes_before_it_listens() -> None:
    hand = Hand()
    board = CounterBoard(CounterView(), hand)
    board.page_served()
    hand.now += 5
    assert board.is_watched()
    hand.now += 0.1
    assert not board.is_watched(), "a page that never came"
