"""The feed's process: it publishes, is begun again, and never outlives the sorting center."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest

from kiosk.messaging.contract.topics import Topics
from kiosk.sorting_center.feed.feed import POSITION_NAME
from kiosk.sorting_center.feed.process import NICENESS, WAKE_UP, encode_task, feed_process_plan
from kiosk.sorting_center.ingest.shared.address import BrokerAddress
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.shared.child_process import SupervisedProcess
from kiosk.sorting_center.shared.health import CenterHealth
from tests.sorting_center.brokers import SOON_S, Broker, Peer, until
from tests.sorting_center.station_journal import NOW, Station

PROGRAM = ("kiosk.base.loading", "kiosk.sorting_center.feed.process")

FEED = "kiosk/v1/shache/feed/#"


@pytest.fixture
def peer(broker: Broker) -> Iterator[Peer]:
    connected = Peer(broker, FEED)
    yield connected
    connected.close()


def places(peer: Peer) -> list[int]:
    return [json.loads(payload)["feedseq"] for topic, payload in peer.heard if "/feed/" in topic]


@contextmanager
def feeding(broker: Broker, url: str, name: str = "feed") -> Iterator[tuple[SupervisedProcess, CenterHealth]]:
    health = CenterHealth()
    process = SupervisedProcess(feed_process_plan(url, BrokerAddress.parse(broker.url), name, health))
    process.start()
    try:
        yield process, health
    finally:
        process.stop(SOON_S)
    assert process.pid is None


def test_it_publishes_what_comes_and_goes_on_when_it_is_killed(
    broker: Broker, peer: Peer, ledger: Ledger, ledger_url: str, station: Station
) -> None:
    """Behind who takes in; and who wakes it never waits, also while it reads nothing."""
    ledger.accept(station.run(3), "shache", NOW)
    with feeding(broker, ledger_url) as (process, _):
        until(lambda: places(peer) == [1, 2, 3])
        until(lambda: ledger.feed_position(POSITION_NAME) == 3)
        first = process.pid
        assert first is not None
        assert psutil.Process(first).nice() == min(19, psutil.Process().nice() + NICENESS)
        os.kill(first, signal.SIGSTOP)
        for _ in range(200_000):
            process.send(WAKE_UP)
        os.kill(first, signal.SIGCONT)
        ledger.accept([station.intake(9)], "shache", NOW)
        process.send(WAKE_UP)
        until(lambda: places(peer) == [1, 2, 3, 4])
        until(lambda: ledger.feed_position(POSITION_NAME) == 4)
        assert process.pid == first
        os.kill(first, signal.SIGKILL)
        ledger.accept([station.intake(10)], "shache", NOW)
        process.send(WAKE_UP)
        until(lambda: places(peer) == [1, 2, 3, 4, 5])
        assert process.pid not in (None, first)
        until(lambda: ledger.feed_position(POSITION_NAME) == 5)


def test_its_troubles_are_the_sorting_centers(broker: Broker, ledger: Ledger, ledger_url: str) -> None:
    broker.kill()
    with feeding(broker, ledger_url) as (_, health):
        until(lambda: "broker" in health.report().feed_trouble)
        broker.start()
        until(lambda: health.report().feed_trouble == "")


def test_a_ledger_that_is_not_there_is_named(broker: Broker, tmp_path: Path) -> None:
    with feeding(broker, f"sqlite:///{tmp_path / 'nowhere.db'}") as (_, health):
        until(lambda: "nowhere.db" in health.report().feed_trouble)


def test_it_ends_when_the_sorting_center_is_killed_and_holds_no_lock(
    broker: Broker, peer: Peer, ledger_url: str, station: Station
) -> None:
    command = [sys.executable, "-m", "kiosk.cli.sorting_center", "run", "--broker", broker.url, "--ledger", ledger_url]
    events = station.run(2)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as center:
        assert center.stderr is not None
        assert next(line for line in center.stderr if "ready" in line)
        peer.send(Topics("shache", "S0147").event, events[0].body)
        until(lambda: places(peer) == [1])
        children = psutil.Process(center.pid).children()
        commands = [child.cmdline()[1:] for child in children]
        center.kill()
        # Before its child has noticed: the file is free at once.
        center.wait(SOON_S)
        with Ledger.open(ledger_url) as ledger:
            ledger.accept(events, "shache", NOW)
        assert ["-m", *PROGRAM] in commands, "no address, and no password in it"
        until(lambda: not any(child.is_running() for child in children))


def test_of_two_processes_on_one_database_one_publishes_and_the_other_takes_over(
    broker: Broker, peer: Peer, postgres_url: str, station: Station
) -> None:
    events = station.run(60)
    with Ledger.open(postgres_url) as ledger, ExitStack() as ends:
        feeds = [ends.enter_context(feeding(broker, postgres_url, f"feed-{number}"))[0] for number in range(2)]
        ledger.accept(events[:20], "shache", NOW)
        until(lambda: places(peer) == list(range(1, 21)))
        until(lambda: ledger.feed_position(POSITION_NAME) == 20)
        for feed in feeds:
            pid = feed.pid
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
            ledger.accept(events[20:40] if feed is feeds[0] else events[40:], "shache", NOW)
            until(lambda upto=40 if feed is feeds[0] else 60: set(places(peer)) == set(range(1, upto + 1)))
        until(lambda: ledger.feed_position(POSITION_NAME) == 60)
    heard = places(peer)
    assert sorted(set(heard)) == list(range(1, 61))
    first = [place for number, place in enumerate(heard) if place not in heard[:number]]
    assert first == sorted(first), "in order, however often the one who publishes changes"


def test_it_ends_by_itself_as_soon_as_it_is_alone(broker: Broker, ledger: Ledger, ledger_url: str) -> None:
    """With status 0: it came to its own end, and was not ended because it took too long."""
    command = [sys.executable, "-m", *PROGRAM]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(encode_task(ledger_url, BrokerAddress.parse(broker.url), "feed"))
        process.stdin.flush()
        assert json.loads(process.stdout.readline()) == {"trouble": ""}
        process.stdin.close()
        assert process.wait(SOON_S) == 0


def test_told_to_end_before_the_sorting_center_is_it_ends_as_it_should(broker: Broker, ledger_url: str) -> None:
    """Also while it listens for news."""
    Ledger.open(ledger_url).close()
    command = [sys.executable, "-m", *PROGRAM]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as alone:  # type: ignore[call-overload]
        alone.stdin.write(encode_task(ledger_url, BrokerAddress.parse(broker.url), "feed"))
        alone.stdin.flush()
        assert json.loads(alone.stdout.readline()) == {"trouble": ""}
        alone.terminate()
        assert alone.wait(SOON_S) == 0
        assert b"Fatal" not in alone.stderr.read()


def test_news_before_it_has_heard_its_task_are_no_trouble(
    broker: Broker, peer: Peer, ledger: Ledger, ledger_url: str, station: Station
) -> None:
    ledger.accept(station.run(2), "shache", NOW)
    troubles = set()
    with feeding(broker, ledger_url) as (process, health):

        def told() -> bool:
            process.send(WAKE_UP)
            troubles.add(health.report().feed_trouble)
            return places(peer) == [1, 2]

        until(told)
    assert troubles == {""}
