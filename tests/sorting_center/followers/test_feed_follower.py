from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

import pytest

from kiosk.sorting_center.followers.feed_follower import FeedPosition, resume_position, run_follower
from kiosk.sorting_center.ledger import Ledger, LedgerUnwritable
from tests.sorting_center.stations import NOW, Station


class Paced(threading.Event):
    """Never waits, and keeps what was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.waited: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waited.append(timeout or 0.0)
        return self.is_set()


def test_it_goes_on_whatever_a_step_does_and_tells_each_reason_once(caplog: pytest.LogCaptureFixture) -> None:
    full, strange = LedgerUnwritable("disk full"), TypeError("None")
    told: Iterator[int | Exception] = iter([3, 2, 0, full, full, strange, strange, 1, 0, full, 0])
    ending = Paced()

    def step() -> int:
        said = next(told)
        if isinstance(said, Exception):
            raise said
        if not said and len(ending.waited) == 7:
            ending.set()
        return said

    with caplog.at_level(logging.ERROR):
        run_follower(step, "The reports", ending)
    assert ending.waited == [0.5, 0.5, 1.0, 2.0, 4.0, 0.5, 0.5, 0.5]
    lines = [(one.getMessage(), bool(one.exc_info)) for one in caplog.records]
    disk = ("The reports cannot follow the ledger: disk full", False)
    assert lines == [disk, ("The reports cannot follow the ledger: None", True), disk]


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
