"""The same promises with either broker: Mosquitto over MQTT, RabbitMQ over AMQP with stations that speak MQTT to it."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kiosk.messaging.contract.control import Ack, decode
from kiosk.messaging.contract.topics import Topics
from kiosk.simulators.broker import Broker as DenyingBroker
from kiosk.sorting_center.ingest.connections import receiving_connection
from kiosk.sorting_center.ingest.shared.address import BrokerAddress
from kiosk.sorting_center.ingest.shared.inbox import WINDOW
from kiosk.sorting_center.ledger import Delivery, Ledger, StreamState
from kiosk.sorting_center.service import SortingCenter
from kiosk.sorting_center.shared.health import CenterHealth
from kiosk.sorting_center.shared.ports import Inbound, ReceivingConnection
from kiosk.sorting_center.shared.signature_checks import BeginChecks
from tests.depth import TORTURE
from tests.servers.rabbitmq import PASSWORD, RabbitMQ
from tests.sorting_center.brokers import SOON_S, Broker, Peer, until
from tests.sorting_center.ingest.stands import MosquittoStand, RabbitStand, Stand, peer_of, relaying
from tests.sorting_center.station_journal import Station

pytestmark = pytest.mark.usefixtures("rabbitmq")  # begun before anything of a test is counted

TOPICS = Topics("shache", "S0147")
FEED = "kiosk/v1/shache/feed/#"
LINKS = "kiosk.sorting_center.ingest.{}.link.RECONNECT_S"


@pytest.fixture(params=["mosquitto", "rabbitmq"])
def stand(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stand]:
    for room in ("mqtt", "amqp"):
        monkeypatch.setattr(LINKS.format(room), (0.1, 0.5))
    monkeypatch.setattr("kiosk.sorting_center.ingest.amqp.link.RESPONSE_TIMEOUT_S", 2.0)
    if request.param == "rabbitmq":
        rabbitmq = request.getfixturevalue("rabbitmq")
        yield RabbitStand(rabbitmq, rabbitmq.settled() if "killed" in request.node.name else rabbitmq.vhost())
        return
    with Broker(tmp_path, persistent=True) as broker:
        broker.start()
        yield MosquittoStand(broker)


@contextmanager
def running(stand: Stand, ledger_url: str) -> Iterator[SortingCenter]:
    with SortingCenter(Ledger.open(ledger_url), BrokerAddress.parse(stand.url), None) as center:
        assert center.start(SOON_S)
        yield center


@contextmanager
def receiver_of(stand: Stand) -> Iterator[ReceivingConnection]:
    """A receiving connection without a worker."""
    health = CenterHealth()
    line = receiving_connection(BrokerAddress.parse(stand.url), "sorting-center-test", health, ())
    line.start()
    try:
        assert health.wait_until_connected(SOON_S, threading.Event())
        yield line
    finally:
        line.stop(SOON_S)


def taken(receiver: ReceivingConnection, count: int) -> list[Inbound]:
    return [until(lambda: receiver.take(0.01)) for _ in range(count)]


def upto_of(peer: Peer) -> int:
    payload = peer.last(TOPICS.ack)
    return -1 if payload is None else decode(Ack, payload).upto


def stored(ledger_url: str) -> list[int]:
    with Ledger.open_readonly(ledger_url) as ledger:
        return [event.seq for event in ledger.events()]


def test_a_station_is_answered_and_the_feed_goes_out_in_order(stand: Stand, ledger_url: str, station: Station) -> None:
    with running(stand, ledger_url) as center, peer_of(stand, TOPICS.ack, FEED) as peer:
        for event in station.run(40):
            peer.send(TOPICS.event, event.body)
        until(lambda: upto_of(peer) == 40)
        fed = until(
            lambda: len(found := [json.loads(body) for name, body in peer.heard if "/feed/" in name]) == 40 and found
        )
        told = [more for (name, _), more in zip(peer.heard, peer.user_properties, strict=True) if "/feed/" in name]
        assert center.health.report().ok
    assert [event["feedseq"] for event in fed] == list(range(1, 41))
    assert {name for more in told for name, _ in more} == {"generation"}
    assert stored(ledger_url) == list(range(1, 41))


def test_what_is_not_acknowledged_comes_again_in_order_and_what_is_does_not(stand: Stand) -> None:
    bodies = [f"{number:02}".encode() for number in range(20)]

    def again(receiver: ReceivingConnection) -> list[Inbound]:
        """Up to the last one. That the broker was told of some may have got lost with the line."""
        found = taken(receiver, 1)
        while found[-1].payload != bodies[-1]:
            found += taken(receiver, 1)
        payloads = [one.payload for one in found]
        assert payloads == bodies[-len(payloads) :]
        assert len(payloads) >= 15
        assert {one.redelivered for one in found} == {isinstance(stand, MosquittoStand)}, "RabbitMQ counts by itself"
        return found

    with receiver_of(stand) as receiver, peer_of(stand) as peer:
        for body in bodies:
            peer.send(TOPICS.event, body)
        receiver.acknowledge(taken(receiver, 20)[:5])
        receiver.request_redelivery()
        again(receiver)
    with receiver_of(stand) as receiver:  # one that ended has given back what it held
        receiver.acknowledge(again(receiver))
        assert receiver.take(0.2) is None
    with receiver_of(stand) as receiver:
        assert receiver.take(0.5) is None


@pytest.mark.usefixtures("unfed")
def test_while_the_ledger_cannot_be_written_memory_is_bounded_and_then_everything_comes(
    stand: Stand, ledger_url: str, station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiosk.sorting_center.ledger.database.sqlite._BUSY_TIMEOUT_S", 0.5)
    count = WINDOW + 100
    with running(stand, ledger_url) as center, peer_of(stand, TOPICS.ack) as peer:
        blocker = sqlite3.connect(ledger_url.removeprefix("sqlite:///"), isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        for event in station.run(count):
            peer.send(TOPICS.event, event.body)
        until(lambda: "locked" in center.health.report().ledger_trouble)
        report = center.health.report()
        assert (report.events, report.dropped) == (0, 0)
        assert report.waiting <= WINDOW
        assert peer.last(TOPICS.ack) is None, "nothing is acknowledged before it is committed"
        blocker.execute("ROLLBACK")
        blocker.close()
        until(lambda: upto_of(peer) == count)
        assert center.health.report().dropped == 0
    assert stored(ledger_url) == list(range(1, count + 1))


@pytest.mark.usefixtures("unfed")
def test_a_message_that_cannot_be_stored_is_set_aside_and_the_others_go_on(
    stand: Stand, ledger_url: str, station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = Ledger.commit

    def choke(ledger: Ledger, delivery: Delivery, received_at: str, begin_checks: BeginChecks) -> list[StreamState]:
        if any(event.seq == 2 for _, event in delivery.events):
            raise RuntimeError("unforeseen")
        return commit(ledger, delivery, received_at, begin_checks)

    monkeypatch.setattr(Ledger, "commit", choke)
    with running(stand, ledger_url) as center, peer_of(stand, TOPICS.ack) as peer:
        for event in station.run(5):
            peer.send(TOPICS.event, event.body)
        until(lambda: center.health.report().refused == 1)
        until(lambda: upto_of(peer) == 1)
    assert stored(ledger_url) == [1, 3, 4, 5]


@pytest.mark.usefixtures("unfed")
def test_what_comes_while_the_center_is_away_is_kept_for_it(stand: Stand, ledger_url: str, station: Station) -> None:
    with running(stand, ledger_url):
        pass
    with peer_of(stand) as peer:
        for event in station.run(30):
            peer.send(TOPICS.event, event.body)
    with running(stand, ledger_url) as center:
        until(lambda: center.health.report().events == 30)
    assert stored(ledger_url) == list(range(1, 31))


@pytest.mark.usefixtures("unfed")
def test_a_relay_gets_everything_through_a_broker_that_is_killed_again_and_again(
    stand: Stand, ledger_url: str, tmp_path: Path
) -> None:
    """RabbitMQ once: it takes ten seconds of a processor to come back."""
    station = Station(epoch=f"{1:016x}")
    station.run(200)
    kills = (10, 100) if TORTURE or isinstance(stand, MosquittoStand) else (100,)
    with running(stand, ledger_url) as center, relaying(stand, station, "shache", tmp_path) as outbox:
        for upto in kills:
            outbox.wait_done(upto)
            stand.kill()
            until(lambda: center.health.report().broker_trouble)
            stand.start()
        outbox.wait_done(200)
        until(lambda: center.health.report().ok)
    assert stored(ledger_url) == list(range(1, 201))


def refused_lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "refuses the sorting center" in record.getMessage()]


def test_a_wrong_password_or_virtual_host_is_one_clear_line(
    rabbitmq: RabbitMQ, ledger_url: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LINKS.format("amqp"), (0.01, 0.05))
    port = rabbitmq.nodes[0].amqp_port
    for url, word in (
        (f"amqp://center:wrong@127.0.0.1:{port}/t1", "ACCESS_REFUSED"),
        (f"amqp://center:{PASSWORD}@127.0.0.1:{port}/nowhere", "vhost nowhere not found"),
    ):
        caplog.clear()
        with SortingCenter(Ledger.open(ledger_url), BrokerAddress.parse(url), None) as center:
            assert not center.start(1.0)
            assert word in until(lambda: center.health.report().broker_trouble)
        told = refused_lines(caplog)
        assert len(told) == 2, "one for each connection of this process, however often it is tried"
        assert all("check user name, password, virtual host" in line and "wrong@" not in line for line in told)


def test_a_broker_that_denies_everybody_is_tried_until_it_does_not(
    tmp_path: Path, ledger_url: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LINKS.format("mqtt"), (0.01, 0.05))
    with DenyingBroker(tmp_path / "broker") as broker:
        broker.deny()
        with SortingCenter(Ledger.open(ledger_url), BrokerAddress.parse(broker.url), None) as center:
            assert not center.start(1.0)
            assert "check user name, password" in center.health.report().broker_trouble
            assert len(refused_lines(caplog)) == 1
            broker.restart()
            until(lambda: center.health.report().ok)
