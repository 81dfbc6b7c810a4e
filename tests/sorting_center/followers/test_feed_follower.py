from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from kiosk.sorting_center.followers.feed_follower import FeedPosition, follower_worker, resume_position
from kiosk.sorting_center.ledger import Ledger, LedgerUnwritable
from tests.sorting_center.station_journal import NOW, Station


def test_it_goes_on_at_once_while_there_is_more_and_after_what_fails(caplog: pytest.LogCaptureFixture) -> None:
    steps: Iterator[int | Exception] = iter([3, LedgerUnwritable("disk full"), 2, 0])
    pauses: list[float | None] = []

    def step() -> int:
        found = next(steps)
        if isinstance(found, Exception):
            raise found
        return found

    follower = follower_worker("reports", step)
    with caplog.at_level(logging.ERROR):
        pauses += [follower._next_pause_s() for _ in range(4)]
    assert pauses == [0.0, 5.0, 0.0, 0.5]
    assert [(one.getMessage(), bool(one.exc_info)) for one in caplog.records] == [
        ("reports failed: disk full; retrying every 5 s", False)
    ]


def test_where_it_goes_on(ledger: Ledger) -> None:
    station = Station()
    ledger.accept([station.start(), station.intake(1)], "shache", NOW)
    here, end = ledger.generation, ledger.feed_end()
    cases = [
        (None, 0),
        (FeedPosition(here, end), end),
        (FeedPosition(here, end + 1), 0),
        (FeedPosition("0" * 16, end), 0),
    ]
    assert [resume_position(ledger, kept) for kept, _ in cases] == [FeedPosition(here, feedseq) for _, feedseq in cases]
