"""One station fills no disk: a share of the day, and a smaller one while the disk has little room."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from kiosk.sorting_center.ledger import Ledger, LedgerError, shares, sightings
from kiosk.sorting_center.ledger.shares import DAY_BYTES, MIN_SHARE_BYTES, ROW_BYTES, HeldBack
from tests.sorting_center.station_journal import Station

REGION = "shache"
TODAY, LATER, TOMORROW = "2026-11-25T04:00:00.000Z", "2026-11-25T04:20:00.000Z", "2026-11-26T00:00:01.000Z"
GB = 1024**3


def upto(ledger: Ledger, station: Station, count: int = 1, at: str = TODAY) -> int:
    """Sends so many events of 62 kB of a kind that is not known here; how far the station is acknowledged."""
    sent = [station.raw(type="station.pallet.wrapped.v1", data={"x": "y" * 62_000}) for _ in range(count)]
    (state,) = ledger.accept(sent, REGION, at)
    return state.upto


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "DAY_BYTES", 3_000_000)


@pytest.mark.usefixtures("small")
def test_what_is_above_the_share_waits_until_tomorrow(ledger: Ledger, station: Station) -> None:
    other = Station("S0148")
    for _ in range(5):
        reached = upto(ledger, station, 20)
    assert 40 <= reached <= 60
    assert station.sealed[reached - 1].sha256 == ledger.stream("S0147", station.epoch, REGION).head
    (held,) = ledger.held_back(TODAY)
    assert (held.station, held.region, held.why) == ("S0147", REGION, "share")
    assert 3_000_000 <= held.size_bytes < 5_000_000
    (honest,) = ledger.accept(other.run(10), REGION, TODAY)
    assert (honest.upto, honest.held_back) == (10, False)
    assert ledger.counts().events == reached + 10
    assert ledger.held_back(LATER) == [], "it has not come again"
    (state,) = ledger.accept([station.raw()], "yarkant", TODAY)
    assert not state.held_back, "that is a station of another county"
    sent = station.clone()
    sent.sealed = sent.sealed[:reached]
    assert upto(ledger, sent, 1, TOMORROW) == reached + 1
    assert ledger.held_back(TOMORROW) == []


@pytest.mark.usefixtures("small")
def test_an_answer_says_how_far_the_ledger_is_and_nothing_of_what_waits(ledger: Ledger, station: Station) -> None:
    for _ in range(5):
        upto(ledger, station, 20)
    (state,) = ledger.accept([station.raw()], REGION, TODAY)
    assert (state.held_back, state.gaps, state.max_seen) == (True, (), state.upto)
    assert [row.station for row in ledger.overview("").stations] == ["S0147"]


@pytest.mark.usefixtures("small")
def test_what_comes_again_is_not_counted_again(ledger: Ledger, station: Station) -> None:
    events = [station.raw(type="station.pallet.wrapped.v1", data={"x": "y" * 62_000}) for _ in range(40)]
    for _ in range(5):
        (state,) = ledger.accept(events, REGION, TODAY)
        assert (state.upto, state.held_back) == (40, False)


@pytest.mark.usefixtures("small")
def test_a_restart_gives_no_new_share(ledger_url: str, station: Station) -> None:
    for _ in range(5):
        with Ledger.open(ledger_url) as ledger:
            reached = upto(ledger, station, 20)
    assert reached <= 80, "what was counted in memory alone is less than a megabyte each time"


@pytest.mark.usefixtures("small")
def test_two_processes_count_together(postgres_ledger_url: str, station: Station) -> None:
    with Ledger.open(postgres_ledger_url) as one, Ledger.open(postgres_ledger_url) as other:
        for ledger in (one, other) * 3:
            reached = upto(ledger, station, 20)
    assert reached <= 80


@pytest.mark.usefixtures("small")
def test_a_commit_that_came_to_nothing_counts_nothing(
    ledger: Ledger, station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [station.raw(type="station.pallet.wrapped.v1", data={"x": "y" * 62_000}) for _ in range(20)]

    def full(*_: object) -> None:
        raise OperationalError("", {}, Exception("database or disk is full"))

    with monkeypatch.context() as patch:
        patch.setattr(sightings, "store_rejected", full)
        for _ in range(10):
            with pytest.raises(LedgerError):
                ledger.accept(events, REGION, TODAY)
    (state,) = ledger.accept(events, REGION, TODAY)
    assert (state.upto, state.held_back) == (20, False)


def disk(total: int) -> tuple[Callable[[object], Any], list[int]]:
    """A disk of so many bytes, and the free ones, which the test changes."""
    free = [total]

    def look(_: object) -> Any:
        blocks = (4096, 4096, total // 4096, free[0] // 4096, free[0] // 4096)
        return os.statvfs_result((*blocks, 0, 0, 0, 0, 255))

    return look, free


def test_while_the_disk_has_little_room_who_has_sent_most_is_held_back_first(
    file_url: str, station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    look, free = disk(100 * GB)
    monkeypatch.setattr(shares.os, "statvfs", look)
    with Ledger.open(file_url) as ledger:
        assert upto(ledger, station, 100) == 100
        free[0] = 3 * GB
        assert upto(ledger, station, 100) == 200, "a third of a share is left"
        free[0] = int(2.1 * GB)
        assert upto(ledger, station) == 200
        assert ledger.held_back(TODAY) == [HeldBack("S0147", REGION, ledger.held_back(TODAY)[0].size_bytes, "disk")]
        free[0] = GB
        (state,) = ledger.accept([Station("S0148").start()], REGION, TODAY)
        assert state.upto == 1, "the reserve is for those who send little"
        free[0] = 50 * GB
        sent = station.clone()
        sent.sealed = sent.sealed[:200]
        assert upto(ledger, sent) == 201, "there is room again"


def test_the_share_is_what_an_ordinary_station_needs_after_three_weeks() -> None:
    day = 700 * (700 + ROW_BYTES)
    assert 1.5 * day < MIN_SHARE_BYTES
    assert 2 * 21 * day < DAY_BYTES
