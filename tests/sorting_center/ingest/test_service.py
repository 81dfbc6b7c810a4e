"""The whole program against a real broker."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kiosk.messaging.contract.control import Ack, Hello, Status, decode, encode
from kiosk.messaging.contract.receive import build_batch
from kiosk.messaging.contract.seal import ZERO_HASH
from kiosk.messaging.contract.topics import Topics
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.feed.feed import POSITION_NAME
from kiosk.sorting_center.ingest.shared.address import BrokerAddress
from kiosk.sorting_center.ledger import Delivery, Ledger, StreamState
from kiosk.sorting_center.service import SortingCenter
from kiosk.sorting_center.shared.signature_checks import BeginChecks
from kiosk.sorting_center.web.shared.settings import CenterWebSettings
from tests.depth import many
from tests.sorting_center.brokers import SOON_S, Broker, Peer, Stopwatch, until
from tests.sorting_center.staff import bearer
from tests.sorting_center.station_journal import Station

TOPICS = Topics("shache", "S0147")
FEED = "kiosk/v1/shache/feed/#"


@contextmanager
def running(broker: Broker, ledger_url: str, http: bool = False) -> Iterator[SortingCenter]:
    ledger = Ledger.open(ledger_url)
    address = BrokerAddress.parse(broker.url)
    with SortingCenter(ledger, address, CenterWebSettings() if http else None) as center:
        assert center.start(SOON_S)
        yield center


@pytest.fixture
def peer(broker: Broker) -> Iterator[Peer]:
    connected = Peer(broker, TOPICS.ack, FEED)
    yield connected
    connected.close()


def last_ack(peer: Peer) -> Ack | None:
    payload = peer.last(TOPICS.ack)
    return None if payload is None else decode(Ack, payload)


def acked(peer: Peer, upto: int) -> Ack:
    def reached() -> Ack | None:
        ack = last_ack(peer)
        return ack if ack is not None and ack.upto == upto else None

    found = until(reached)
    assert isinstance(found, Ack)
    return found


def feed_of(peer: Peer) -> list[dict[str, object]]:
    return [json.loads(payload) for topic, payload in peer.heard if "/feed/" in topic]


def test_events_and_batches_are_acknowledged_and_fed(
    broker: Broker, peer: Peer, ledger_url: str, station: Station
) -> None:
    events = station.run(40)
    with running(broker, ledger_url):
        peer.send(TOPICS.event, events[0].body)
        peer.send(TOPICS.batch, build_batch([event.body for event in events[1:]]))
        ack = acked(peer, 40)
        assert (ack.head, ack.gaps, ack.epoch) == (station.head, (), station.epoch)
        until(lambda: len(feed_of(peer)) >= 40)
    fed = feed_of(peer)
    assert [event["feedseq"] for event in fed] == list(range(1, 41))
    assert {topic for topic, _ in peer.heard if "/feed/" in topic} == {
        "kiosk/v1/shache/feed/epoch/started/v1",
        "kiosk/v1/shache/feed/intake/confirmed/v1",
    }
    without = {name: value for name, value in fed[5].items() if name != "feedseq"}
    assert without == json.loads(events[5].body), "the event is as it was sent, and so is its hash"
    with Ledger.open_readonly(ledger_url) as ledger:
        told = [more for (topic, _), more in zip(peer.heard, peer.user_properties, strict=True) if "/feed/" in topic]
        assert {tuple(more) for more in told} == {(("generation", ledger.generation),)}


@pytest.mark.usefixtures("unfed")
def test_hello_is_answered_for_known_and_unknown_epochs(
    broker: Broker, peer: Peer, ledger_url: str, station: Station
) -> None:
    with running(broker, ledger_url):
        peer.send(TOPICS.hello, encode(Hello(station.epoch, 1, 1, 0, "1.0.0")))
        ack = acked(peer, 0)
        assert (ack.head, ack.epoch) == (ZERO_HASH, station.epoch)
        peer.send(TOPICS.event, station.start().body)
        acked(peer, 1)
        peer.heard.clear()
        peer.send(TOPICS.hello, encode(Hello(station.epoch, 2, 1, 1, "1.0.0")))
        assert acked(peer, 1).head == station.head


GARBAGE = (
    (TOPICS.event, b"\x00\xff{"),
    (TOPICS.event, b"{}"),
    (TOPICS.batch, b"not zlib"),
    (TOPICS.hello, b"[]"),
    (TOPICS.status, b"null"),
    ("kiosk/v1/feed/S0147/up/event", b"{}"),
    ("kiosk/v1/shache/<script>/up/event", b"{}"),
)


@pytest.mark.usefixtures("unfed")
def test_garbage_is_kept_apart_and_stops_nothing(broker: Broker, peer: Peer, ledger_url: str, station: Station) -> None:
    events = station.run(len(GARBAGE))
    with running(broker, ledger_url) as center:
        for count, ((topic, payload), event) in enumerate(zip(GARBAGE, events, strict=True), 1):
            peer.send(topic, payload)
            peer.send(TOPICS.event, event.body)
            acked(peer, count)
            until(lambda count=count: center.health.report().refused >= count)  # counted after the answer
            assert center.health.report().refused == count, (topic, payload)
    with Ledger.open_readonly(ledger_url) as ledger:
        assert (ledger.counts().events, ledger.counts().refused) == (len(GARBAGE), len(GARBAGE))


LONE = b'{"\\ud800":1}'
"""Twelve bytes: half a character as a key."""


def health_of(center: SortingCenter) -> tuple[int, dict[str, object]]:
    try:
        with urllib.request.urlopen(f"{center.http_address}/health") as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


@pytest.mark.usefixtures("unfed")
def test_three_messages_of_twelve_bytes_do_not_stop_the_county(
    broker: Broker, peer: Peer, ledger_url: str, station: Station
) -> None:
    events = station.run(100)
    with running(broker, ledger_url) as center:
        for topic in (TOPICS.event, TOPICS.hello, TOPICS.status):
            peer.send(topic, LONE)
        for event in events:
            peer.send(TOPICS.event, event.body)
        assert acked(peer, 100).head == station.head
        until(lambda: center.health.report().events == 100)
        report = center.health.report()
        assert (report.ok, report.refused, report.intake_trouble) == (True, 3, "")
    with Ledger.open_readonly(ledger_url) as ledger:
        assert (ledger.counts().events, ledger.counts().refused) == (100, 3)


def test_a_locked_ledger_and_a_broker_that_comes_and_goes_lose_nothing(
    tmp_path: Path, ledger_url: str, station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every return of the broker brings the same messages again, and none of them is taken in for all that time: more
    than the inbox has room for.
    """
    returns = many(4, torture=13)
    last = 1 + 1300 // returns
    monkeypatch.setattr("kiosk.sorting_center.ingest.mqtt.link.RECONNECT_S", (0.02, 0.05))
    monkeypatch.setattr("kiosk.sorting_center.ledger.database.sqlite._BUSY_TIMEOUT_S", 0.5)
    payloads = [event.body for event in station.run(last)]
    with Broker(tmp_path, persistent=True) as broker:
        broker.start()
        with running(broker, ledger_url) as center:
            peer = Peer(broker, TOPICS.ack)
            peer.send(TOPICS.event, payloads[0])
            acked(peer, 1)
            blocker = sqlite3.connect(ledger_url.removeprefix("sqlite:///"), isolation_level=None)
            blocker.execute("BEGIN IMMEDIATE")
            for payload in payloads[1:]:
                peer.send(TOPICS.event, payload)
            peer.close()
            until(lambda: center.health.report().ledger_trouble)
            for _ in range(returns):
                broker.stop()
                until(lambda: not center.health.report().broker_connected)
                broker.start()
                until(lambda: center.health.report().broker_connected)
            report = center.health.report()
            assert (report.ok, "locked" in report.ledger_trouble, report.dropped) == (False, True, 0)
            blocker.execute("ROLLBACK")
            blocker.close()
            until(lambda: center.health.report().ok and center.health.report().events >= last)
            peer = Peer(broker, TOPICS.ack)
            peer.send(TOPICS.hello, encode(Hello(station.epoch, last + 1, 1, 0, "1.0.0")))
            acked(peer, last)
            peer.close()
            assert center.health.report().dropped == 0
    with Ledger.open_readonly(ledger_url) as ledger:
        assert ledger.counts().events == last
        assert [entry.feedseq for entry in ledger.feed(0, 1000)] == list(range(1, last + 1))


def test_connected_and_taking_nothing_in_is_not_well(
    broker: Broker, peer: Peer, ledger_url: str, station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiosk.sorting_center.ingest.watchdog.STALLED_S", 0.3)
    commit, goes_on = Ledger.commit, threading.Event()

    def hang(ledger: Ledger, delivery: Delivery, received_at: str, begin_checks: BeginChecks) -> list[StreamState]:
        assert goes_on.wait(SOON_S)
        return commit(ledger, delivery, received_at, begin_checks)

    def stalled() -> bool:
        status, health = health_of(center)  # one answer: the next may be of the moment after
        return status == 503 and "none is taken in" in str(health["intake_trouble"])

    def counted_as_not_well() -> bool:
        with urllib.request.urlopen(f"{center.http_address}/metrics") as answer:
            return b"sorting_center_ok 0.0" in answer.read()

    monkeypatch.setattr(Ledger, "commit", hang)
    with running(broker, ledger_url, http=True) as center:
        try:
            until(lambda: health_of(center)[0] == 200)
            peer.send(TOPICS.event, station.start().body)
            until(stalled)
            until(counted_as_not_well)
        finally:
            goes_on.set()
        until(lambda: health_of(center)[0] == 200)
        acked(peer, 1)


@pytest.mark.usefixtures("unfed")
def test_a_message_that_cannot_be_stored_is_delivered_three_times_by_a_real_broker(
    broker: Broker, peer: Peer, ledger_url: str, station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiosk.sorting_center.ingest.mqtt.link.RECONNECT_S", (0.02, 0.05))
    commit, tries = Ledger.commit, []

    def choke(ledger: Ledger, delivery: Delivery, received_at: str, begin_checks: BeginChecks) -> list[StreamState]:
        if any(event.seq == 2 for _, event in delivery.events):
            tries.append(len(delivery.events))
            raise RuntimeError("unforeseen")
        return commit(ledger, delivery, received_at, begin_checks)

    monkeypatch.setattr(Ledger, "commit", choke)
    with running(broker, ledger_url) as center:
        for event in station.run(5):
            peer.send(TOPICS.event, event.body)
        until(lambda: center.health.report().refused == 1)
        assert acked(peer, 1).gaps == ((2, 2),)
    with Ledger.open_readonly(ledger_url) as ledger:
        assert [event.seq for event in ledger.events()] == [1, 3, 4, 5]
    assert tries.count(1) == 3


@pytest.mark.usefixtures("unfed")
def test_an_event_of_another_station_is_refused(broker: Broker, peer: Peer, ledger_url: str, station: Station) -> None:
    stranger = Station("S0666")
    with running(broker, ledger_url):
        peer.send(TOPICS.batch, build_batch([station.start().body, stranger.start().body]))
        acked(peer, 1)
    with Ledger.open_readonly(ledger_url) as ledger:
        assert [event.station for event in ledger.events()] == ["S0147"]
        assert ledger.counts().refused == 1


def test_what_came_while_the_center_was_down_is_taken_in_after_a_restart(
    broker: Broker, peer: Peer, ledger_url: str, station: Station
) -> None:
    with running(broker, ledger_url):
        peer.send(TOPICS.event, station.start().body)
        acked(peer, 1)
        with Ledger.open_readonly(ledger_url) as ledger:
            until(lambda: ledger.feed_position(POSITION_NAME) == 1)  # what is fed and not kept is fed again
    peer.send(TOPICS.event, station.intake(1).body)
    peer.send(TOPICS.event, station.intake(2).body)
    with running(broker, ledger_url):
        acked(peer, 3)
        until(lambda: [event["feedseq"] for event in feed_of(peer)] == [1, 2, 3])


def test_a_killed_broker_is_found_again(broker: Broker, ledger_url: str, station: Station) -> None:
    with running(broker, ledger_url) as center:
        broker.kill()
        # Ingest and feed have a connection each: either may notice first.
        until(lambda: f"127.0.0.1:{broker.port}" in center.health.report().broker_trouble)
        assert not center.health.report().ok
        broker.start()
        until(lambda: center.health.report().ok)
        peer = Peer(broker, TOPICS.ack, FEED)
        peer.send(TOPICS.event, station.start().body)
        acked(peer, 1)
        until(lambda: len(feed_of(peer)) == 1)
        peer.close()


@pytest.mark.usefixtures("unfed")
def test_a_broker_that_comes_late_is_waited_for(tmp_path: Path, ledger_url: str, station: Station) -> None:
    with (
        Broker(tmp_path) as broker,
        SortingCenter(Ledger.open(ledger_url), BrokerAddress.parse(broker.url), None) as center,
    ):
        assert not center.start(0.2)
        until(lambda: "does not answer" in center.health.report().broker_trouble)
        broker.start()
        until(lambda: center.health.report().ok)


def test_a_feed_the_broker_forbids_is_named_and_loses_nothing(
    tmp_path: Path, ledger_url: str, station: Station
) -> None:
    with Broker(tmp_path, "topic readwrite kiosk/v1/+/+/up/#\ntopic readwrite kiosk/v1/+/+/down/#\n") as broker:
        broker.start()
        peer = Peer(broker, TOPICS.ack)
        with running(broker, ledger_url) as center:
            peer.send(TOPICS.event, station.start().body)
            acked(peer, 1)
            until(lambda: "feed/epoch/started/v1" in center.health.report().feed_trouble)
        peer.close()
    with Ledger.open_readonly(ledger_url) as ledger:
        assert ledger.feed_position("mqtt") == 0


def test_status_and_sightings_show_on_the_page(broker: Broker, peer: Peer, ledger_url: str, station: Station) -> None:
    status = Status(online=True, pending=7, software="1.0.0", epoch=station.epoch)
    with CenterDesk.open(ledger_url) as desk:
        program = bearer(desk)
    with running(broker, ledger_url, http=True) as center:
        peer.send(TOPICS.status, encode(status), retain=True)
        peer.send(TOPICS.event, station.start().body)
        acked(peer, 1)

        def by_station() -> list[dict[str, object]]:
            asked = urllib.request.Request(f"{center.http_address}/ledger/summary.json", headers=program)
            with urllib.request.urlopen(asked) as answer:
                found = json.load(answer)["by_station"]
            return found if isinstance(found, list) else []

        (row,) = until(lambda: [row for row in by_station() if row["pending"] == 7])
        assert (row["station"], row["online"], row["events"]) == ("S0147", True, 1)
        seen = row["last_seen"]
    with running(broker, ledger_url) as center:
        until(lambda: center.health.report().messages > 0)
    with Ledger.open_readonly(ledger_url) as ledger:
        (kept,) = ledger.overview("").stations
        assert kept.last_seen == seen, "a status the broker kept says nothing about when the station was there"


@pytest.mark.usefixtures("unfed")
def test_an_event_the_broker_has_kept_is_refused_at_the_start(
    broker: Broker, peer: Peer, ledger_url: str, station: Station
) -> None:
    peer.send(TOPICS.event, station.start().body, retain=True)
    with running(broker, ledger_url) as center:
        until(lambda: center.health.report().refused == 1)
    with Ledger.open_readonly(ledger_url) as ledger:
        assert (ledger.counts().events, ledger.overview("").stations) == (0, ())


def test_asked_to_end_it_does_not_wait_for_the_broker(tmp_path: Path, ledger_url: str) -> None:
    ending = threading.Event()
    ending.set()
    with (
        Broker(tmp_path) as broker,
        SortingCenter(Ledger.open(ledger_url), BrokerAddress.parse(broker.url), None) as center,
    ):
        started = time.monotonic()
        assert not center.start(600, ending)
        assert time.monotonic() - started < 60


def test_it_ends_in_time(broker: Broker, ledger_url: str) -> None:
    with Stopwatch() as watch:
        with running(broker, ledger_url, http=True):
            started = watch.seconds
        assert watch.seconds - started < 5
