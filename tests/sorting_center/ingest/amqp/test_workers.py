"""Workers that share RabbitMQ's queues: killed at will, nothing lost; what kills workers ends among the refused."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pika
import pytest
from sqlalchemy import select

from kiosk.messaging.contract.topics import Topics
from kiosk.sorting_center.ingest.amqp import queues
from kiosk.sorting_center.ingest.shared.address import BrokerAddress
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger.database.schema import refused
from kiosk.sorting_center.service import SortingCenter
from tests.depth import TORTURE, many
from tests.servers.rabbitmq import PASSWORD, RabbitMQ, Vhost
from tests.sorting_center.brokers import SOON_S, Peer, until
from tests.sorting_center.station_journal import Station

pytestmark = pytest.mark.usefixtures("rabbitmq")

TOPICS = Topics("shache", "S0147")


class Listener:
    def __init__(self, port: int) -> None:
        self.port = port


@contextmanager
def channel_of(vhost: Vhost) -> Iterator[pika.adapters.blocking_connection.BlockingChannel]:
    connection = pika.BlockingConnection(pika.URLParameters(vhost.amqp_url))
    try:
        yield connection.channel()
    finally:
        connection.close()


def worker(vhost: Vhost, file: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.sorting_center.ingest.amqp.simple_worker", vhost.amqp_url, str(file)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[4])


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def count(store: sqlite3.Connection) -> int:
    return int(store.execute("SELECT count(*) FROM taken").fetchone()[0])


def test_two_workers_killed_again_and_again_lose_nothing_and_take_nothing_in_twice(
    vhost: Vhost, tmp_path: Path
) -> None:
    messages, kills = many(1500, torture=10_000, quick=500), many(4, torture=20, quick=2)
    file = tmp_path / "taken.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as store:
        store.execute("PRAGMA journal_mode=WAL")
        store.execute("CREATE TABLE taken (payload BLOB PRIMARY KEY)")
        workers = [worker(vhost, file) for _ in range(2)]
        for process in workers:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
        with channel_of(vhost) as channel:
            for number in range(messages):
                channel.basic_publish(queues.TOPICS, queues.routing_key_of(TOPICS.event), f"{number}".encode())
        for number in range(kills):
            until(lambda number=number: count(store) >= messages * number // (2 * kills))
            end(workers[number % 2])
            workers[number % 2] = worker(vhost, file)
        until(lambda: count(store) == messages)
        for process in workers:
            end(process)
    with channel_of(vhost) as channel:
        until(lambda: channel.queue_declare(queues.DEAD, passive=True).method.message_count == 0)


@pytest.mark.usefixtures("unfed")
def test_what_was_delivered_too_often_is_kept_whole_among_the_refused(vhost: Vhost, ledger_url: str) -> None:
    with SortingCenter(Ledger.open(ledger_url), BrokerAddress.parse(vhost.amqp_url), None) as center:
        assert center.start(SOON_S)
    payload = b"x" * 100_000
    with channel_of(vhost) as channel:
        channel.confirm_delivery()
        channel.basic_publish(queues.TOPICS, queues.routing_key_of(TOPICS.event), payload)

        def given_back() -> bool:
            got, _, _ = channel.basic_get(queues.ALL)
            if got is not None:
                channel.basic_nack(got.delivery_tag, requeue=True)
            return bool(channel.queue_declare(queues.DEAD, passive=True).method.message_count)

        until(given_back)
    with SortingCenter(Ledger.open(ledger_url), BrokerAddress.parse(vhost.amqp_url), None) as center:
        assert center.start(SOON_S)
        until(lambda: center.health.report().refused == 1)
    with Ledger.open_readonly(ledger_url) as ledger, ledger.reading() as connection:
        row = connection.execute(select(refused.c.topic, refused.c.code, refused.c.payload)).one()
    assert (row.topic, row.code, bytes(row.payload)) == (TOPICS.event, "internal", payload)


def test_regions_have_queues_of_their_own(vhost: Vhost, ledger_url: str) -> None:
    address = BrokerAddress.parse(vhost.amqp_url)
    with SortingCenter(Ledger.open(ledger_url), address, None, regions=("shache", "hotan")) as center:
        assert center.start(SOON_S)
        peer = Peer(Listener(vhost.mqtt_port), login=(vhost.mqtt_user, PASSWORD))
        for region, station in (("shache", "S0147"), ("hotan", "S0148"), ("kashgar", "S0149")):
            peer.send(Topics(region, station).event, Station(station).start().body)
        peer.close()
        until(lambda: center.health.report().events == 2)
    with Ledger.open_readonly(ledger_url) as ledger:
        assert {event.region for event in ledger.events()} == {"shache", "hotan"}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    with RabbitMQ(tmp_path_factory.mktemp("cluster"), nodes=3) as running:
        yield running


if TORTURE:  # three nodes cost a minute of both cores: what one of them promises is told above

    @pytest.mark.usefixtures("cluster")
    def test_a_cluster_goes_on_without_one_of_its_nodes(cluster: RabbitMQ, ledger_url: str) -> None:
        station, sent = Station(), 0
        worker_at = cluster.vhost(1)
        stations_at = replace(worker_at, mqtt_port=cluster.nodes[2].mqtt_port)
        with SortingCenter(Ledger.open(ledger_url), BrokerAddress.parse(worker_at.amqp_url), None) as center:
            assert center.start(SOON_S)
            peer = Peer(Listener(stations_at.mqtt_port), login=(stations_at.mqtt_user, PASSWORD))
            for _ in range(5):
                cluster.nodes[0].kill()
                for _ in range(20):
                    peer.send(TOPICS.event, (station.intake(sent) if sent else station.start()).body)
                    sent += 1
                until(lambda sent=sent: center.health.report().events >= sent)
                cluster.nodes[0].launch()
                cluster.nodes[0].wait_until_ready()
            peer.close()
        with Ledger.open_readonly(ledger_url) as ledger:
            assert [event.seq for event in ledger.events()] == list(range(1, sent + 1))
