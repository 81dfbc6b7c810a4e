"""Many workers on one ledger in PostgreSQL: every event once, every chain whole, the feed without a hole."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path

import psycopg
import pytest

from kiosk.sorting_center.ledger import Delivery, FeedEntry, Ledger, LedgerInUse, LedgerUnwritable
from kiosk.sorting_center.ledger.acceptance.accept import MAX_EPOCHS
from kiosk.sorting_center.ledger.database.numberer import NUMBERER_LOCK
from tests.depth import TORTURE
from tests.sorting_center.brokers import until
from tests.sorting_center.histories import crowded_ledger
from tests.sorting_center.ledger.committer import REGION, delivered
from tests.sorting_center.ledger.incidents import alarm_rows
from tests.sorting_center.station_journal import NOW, Station

STATIONS = [f"S{number:04}" for number in range(1, 7)]
SOON_S = 120.0


@pytest.fixture(autouse=True)
def numbered_at_once() -> None:
    """Not here: the numbering is looked at."""


def number_all(ledger: Ledger) -> int:
    total = 0
    while done := ledger.number(37):
        total += done
    return total


def whole_feed(ledger: Ledger) -> list[FeedEntry]:
    found: list[FeedEntry] = []
    while page := ledger.feed(len(found), 1000):
        found += page
    return found


def assert_everything_is_there_once(ledger: Ledger, stations: list[str], events: int) -> None:
    feed = whole_feed(ledger)
    assert [entry.feedseq for entry in feed] == list(range(1, len(stations) * events + 1))
    seqs = defaultdict(list)
    for entry in feed:
        body = json.loads(entry.body)
        seqs[body["station"]].append(body["seq"])
    assert seqs == {name: list(range(1, events + 1)) for name in stations}
    assert [(row.station, row.seq) for row in ledger.events()] == [
        (name, seq) for name in stations for seq in range(1, events + 1)
    ]
    for name in stations:
        station = Station(name)
        station.run(events)
        state = ledger.stream(name, station.epoch, REGION)
        assert (state.upto, state.head, state.gaps, state.quarantined) == (events, station.head, (), ())
    counts = ledger.counts()
    assert (counts.quarantined, counts.forks, counts.alarms) == (0, 0, 0)
    assert ledger.overview("").totals.intakes == len(stations) * (events - 1)


def committed(ledger: Ledger, deliveries: list[Delivery], start: threading.Barrier) -> None:
    start.wait(SOON_S)
    for delivery in deliveries:
        while True:
            try:
                ledger.commit(delivery, NOW)
            except LedgerUnwritable:
                continue
            break
        ledger.number(10)


@pytest.mark.parametrize(
    ("workers", "same_streams"), [(4, True), (2, False), *([(2, True), (4, False)] if TORTURE else [])]
)
def test_workers_side_by_side(postgres_url: str, workers: int, same_streams: bool) -> None:
    start = threading.Barrier(workers)
    with ExitStack() as stack, ThreadPoolExecutor(workers) as pool:
        ledgers = [stack.enter_context(Ledger.open(postgres_url)) for _ in range(workers)]
        of_worker = [STATIONS if same_streams else STATIONS[place::workers] for place in range(workers)]
        runs = [
            pool.submit(committed, ledger, delivered(stations, 40, 5 + place), start)
            for place, (ledger, stations) in enumerate(zip(ledgers, of_worker, strict=True))
        ]
        for run in runs:
            run.result(SOON_S)
        for ledger in ledgers:  # the one that came first has the role
            number_all(ledger)
        assert_everything_is_there_once(ledgers[-1], STATIONS, 40)


@contextmanager
def worker(url: str, batch: int) -> Iterator[subprocess.Popen[str]]:
    arguments = [url, ",".join(STATIONS), "60", str(batch)]
    command = [sys.executable, "-m", "tests.sorting_center.ledger.committer", *arguments]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait(SOON_S)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        process.stdout.close()


def read_until(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdout is not None
    for told in process.stdout:
        if told.strip() == line:
            return
    pytest.fail(f"the worker ended before it said {line!r}")


def test_workers_that_are_killed_leave_nothing_half(postgres_url: str) -> None:
    for commits in (0, 2, 5) if TORTURE else (0, 3):
        with worker(postgres_url, 7) as killed, worker(postgres_url, 4) as other:
            read_until(killed, f"committed {commits}")
            killed.kill()  # somewhere in the commit, or the numbering, that comes next
            read_until(other, f"committed {commits + 1}")
            other.kill()
    with worker(postgres_url, 11) as last:
        read_until(last, "done")
    with Ledger.open(postgres_url) as ledger:
        number_all(ledger)
        assert_everything_is_there_once(ledger, STATIONS, 60)


def test_the_role_of_the_numberer_is_taken_over_from_one_that_was_killed(postgres_url: str) -> None:
    with Ledger.open(postgres_url) as ledger, worker(postgres_url, 4) as first:
        read_until(first, "done")
        for delivery in delivered(["S0099"], 60, 30):
            ledger.commit(delivery, NOW)
        assert ledger.number(10) == 0, "the other process has the role"
        first.kill()
        first.wait(SOON_S)
        with psycopg.connect(postgres_url, autocommit=True) as connection:  # the server sees that it is gone
            connection.execute("SELECT pg_advisory_lock(%s)", [NUMBERER_LOCK])
            connection.execute("SELECT pg_advisory_unlock(%s)", [NUMBERER_LOCK])  # not some time after the goodbye
        assert ledger.number(10) == 10
        number_all(ledger)
        assert_everything_is_there_once(ledger, [*STATIONS, "S0099"], 60)


def test_a_numberer_that_lost_its_connection_goes_on(postgres_url: str) -> None:
    with Ledger.open(postgres_url) as ledger:
        first, second = delivered(["S0001"], 20, 10)
        ledger.commit(first, NOW)
        assert ledger.number(4) == 4
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                " AND datname = current_database() AND application_name = 'sorting-center'"
            )
        with pytest.raises(LedgerUnwritable):
            ledger.number(4)
        ledger.commit(second, NOW)
        number_all(ledger)
        assert_everything_is_there_once(ledger, ["S0001"], 20)


def test_nothing_is_fed_before_it_has_its_place(postgres_url: str, station: Station) -> None:
    with Ledger.open(postgres_url) as ledger:
        ledger.accept(station.run(5), REGION, NOW)
        assert (ledger.feed(0, 10), ledger.feed_end(), ledger.intakes(0, 10)) == ([], 0, ())
        assert ledger.number(2) == 2, "a part of a range"
        assert [entry.feedseq for entry in ledger.feed(0, 10)] == [1, 2]
        assert ledger.number(10) == 3
        assert ledger.number(10) == 0
        assert ledger.feed_end() == 5


@pytest.mark.parametrize("at_once", [3, *([1, 1000] if TORTURE else [])])
def test_the_feed_is_the_same_as_that_of_a_file(postgres_url: str, tmp_path: Path, at_once: int) -> None:
    feeds = []
    for url in (f"sqlite:///{tmp_path / 'ledger.db'}", postgres_url):
        with Ledger.open(url) as ledger:
            crowded_ledger(ledger, random.Random(at_once))
            while ledger.number(at_once):
                pass
            paged = [entry for after in range(0, ledger.feed_end(), 7) for entry in ledger.feed(after, 7)]
            assert paged == whole_feed(ledger)
            assert ledger.feed_end() == len(paged) > 30
            feeds.append((paged, ledger.intakes(0, 500)))
    assert feeds[0] == feeds[1]


def test_a_new_generation_waits_until_nobody_writes(postgres_url: str) -> None:
    with Ledger.open(postgres_url) as ledger:
        before = ledger.generation
        with pytest.raises(LedgerInUse):
            Ledger.begin_generation(postgres_url)
    after = Ledger.begin_generation(postgres_url)
    assert after != before
    with Ledger.open_readonly(postgres_url) as ledger:
        assert ledger.generation == after


def test_two_workers_do_not_begin_the_last_epoch_of_a_station_twice(postgres_url: str) -> None:
    *begun, one, other = (Station("S0001", f"{number:016x}").run(1) for number in range(MAX_EPOCHS + 1))
    with ExitStack() as stack, ThreadPoolExecutor(2) as pool:
        ledgers = [stack.enter_context(Ledger.open(postgres_url)) for _ in range(2)]
        ledgers[0].accept([*chain.from_iterable(begun)], REGION, NOW)
        holding = stack.enter_context(psycopg.connect(postgres_url))
        holding.execute("SELECT * FROM station_status FOR UPDATE")  # no commit gets beyond its sighting
        watching = stack.enter_context(psycopg.connect(postgres_url, autocommit=True))
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        runs = []
        for ledger, events in zip(ledgers, (one, other), strict=True):
            runs.append(pool.submit(ledger.accept, events, REGION, NOW))
            until(lambda: watching.execute(waiting).fetchone() == (len(runs),))
        holding.rollback()
        assert [len(run.result(SOON_S)) for run in runs] == [1, 0], "the second is one too many"
        assert ledgers[0].stream_count() == MAX_EPOCHS
        assert [row.kind for row in alarm_rows(ledgers[0])] == ["too_many_epochs"]


def test_after_the_server_has_ended_every_connection_the_ledger_is_in_use_again(postgres_url: str) -> None:
    with Ledger.open(postgres_url) as ledger:
        assert ledger.number(1) == 0, "a connection of its own"
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
        with pytest.raises(LedgerUnwritable):
            ledger.number(1)
        assert ledger.number(1) == 0
        with pytest.raises(LedgerInUse):
            Ledger.begin_generation(postgres_url)
