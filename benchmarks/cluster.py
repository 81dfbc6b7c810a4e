"""A county with nothing that may fail alone: RabbitMQ on three nodes, two workers, one ledger in PostgreSQL.

    python -m benchmarks cluster

All of it on this machine: 50 stations send over MQTT as fast as the nodes take it, a third of them to each; the workers
read over AMQP from two of the nodes. The baseline is one AMQP consumer of the same queue that decodes, hashes and
throws away.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from benchmarks.county import (
    BATCHED,
    SINGLE,
    STATIONS,
    Message,
    batches,
    center,
    children,
    journals,
    publish,
    singles,
    taken,
    until,
)
from benchmarks.measure import Row, cpu_seconds, pss_mb
from kiosk.sorting_center.feed.feed import POSITION_NAME
from kiosk.sorting_center.ledger import Ledger
from tests.servers.postgres import running_postgres
from tests.servers.rabbitmq import PASSWORD, RabbitMQ, Vhost

_NAME: Final = "cluster of 3, 2 workers, PostgreSQL"
_THROW_AWAY: Final = """
import hashlib, json, sys, zlib
import pika
from kiosk.sorting_center.ingest.amqp import queues
wanted, seen = int(sys.argv[2]), 0
channel = pika.BlockingConnection(pika.URLParameters(sys.argv[1])).channel()
queues.declare(channel, queues.intake_queues(()))
channel.basic_qos(prefetch_count=990)
def message(channel, delivery, properties, body):
    global seen
    if delivery.routing_key.endswith("batch"):
        events = [json.dumps(event).encode() for event in json.loads(zlib.decompress(body))]
    else:
        json.loads(body)
        events = [body]
    for event in events:
        hashlib.sha256(event).hexdigest()
    seen += len(events)
    if delivery.delivery_tag % 50 == 0 or seen >= wanted:
        channel.basic_ack(delivery.delivery_tag, multiple=True)
    if seen >= wanted:
        print("done", flush=True)
channel.basic_consume(queues.ALL, message)
print("ready", flush=True)
channel.start_consuming()
"""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Running nodes; each measurement has a virtual host of its own."""

    rabbitmq: RabbitMQ

    def places(self) -> list[Vhost]:
        """One virtual host as it is reached at each node."""
        found = self.rabbitmq.vhost()
        return [replace(found, amqp_port=node.amqp_port, mqtt_port=node.mqtt_port) for node in self.rabbitmq.nodes]

    def memory_mb(self) -> float:
        """Of the largest node."""
        return max(pss_mb(node.pid) for node in self.rabbitmq.nodes)


@contextmanager
def sending(places: Sequence[Vhost], messages: Sequence[Message]) -> Iterator[None]:
    """A station's messages go to one node, in their order."""
    parts: list[list[Message]] = [[] for _ in places]
    for topic, payload in messages:
        parts[int(topic.split("/")[3][1:]) % len(places)].append((topic, payload))
    senders = [
        threading.Thread(target=publish, args=(place.mqtt_port, part, (place.mqtt_user, PASSWORD)))
        for place, part in zip(places, parts, strict=True)
    ]
    for sender in senders:
        sender.start()
    yield
    for sender in senders:
        sender.join()


def bare(places: Sequence[Vhost], messages: Sequence[Message], events: int) -> float:
    """Events a second of the consumer that throws away."""
    command = [sys.executable, "-c", _THROW_AWAY, places[0].amqp_url, str(events)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as consumer:
        lines = iter(consumer.stdout or ())
        _expect(next(lines, ""), "ready")
        began = time.perf_counter()
        with sending(places, messages):
            _expect(next(lines, ""), "done")
            seconds = time.perf_counter() - began
        consumer.kill()
    return events / seconds


def _expect(line: str, word: str) -> None:
    if line.strip() != word:
        raise SystemExit(f"the consumer that throws away says {line!r}, not {word!r}")


@dataclass(frozen=True, slots=True)
class Went:
    """Events a second into the ledger, and through the feed while both work; of the larger worker megabytes; processor
    time an event, in microseconds, of all processes of the workers and of all nodes.
    """

    kept: float
    fed: float
    memory_mb: float
    workers_us: float
    nodes_us: float


def through(cluster: Cluster, url: str, messages: Sequence[Message], events: int) -> Went:
    """All events, from the stations to the end of the feed."""
    places, nodes = cluster.places(), [node.pid for node in cluster.rabbitmq.nodes]
    with (
        center(places[0].amqp_url, url) as first,
        center(places[1].amqp_url, url) as second,
        Ledger.open_readonly(url) as ledger,
    ):
        workers = [pid for process in (first, second) for pid in (process.pid, *children(process.pid))]
        before = [sum(map(cpu_seconds, pids)) for pids in (workers, nodes)]
        began = time.perf_counter()
        with sending(places, messages):
            kept = until(lambda: taken(ledger) >= events)
            memory = max(map(pss_mb, workers))
            fed = until(lambda: ledger.feed_position(POSITION_NAME) >= events)
        spent = [sum(map(cpu_seconds, pids)) for pids in (workers, nodes)]
    workers_us, nodes_us = (1e6 * (after - then) / events for after, then in zip(spent, before, strict=True))
    return Went(events / (kept - began), events / (fed - began), memory, workers_us, nodes_us)


def run(folder: Path) -> list[Row]:
    """The rows for the table."""
    stations = journals(BATCHED)
    one_by_one, together = singles([bodies[:SINGLE] for bodies in stations]), batches(stations)
    rows = []
    with RabbitMQ(folder, nodes=3) as rabbitmq, running_postgres() as server:
        cluster = Cluster(rabbitmq)
        for label, messages, events, least in (
            ("single events", one_by_one, STATIONS * SINGLE, 1200),
            ("batches", together, STATIONS * BATCHED, 4000),
        ):
            base = bare(cluster.places(), messages, events)
            with server.fresh() as database:
                went = through(cluster, server.url(database), messages, events)
            name = "an AMQP consumer that throws away"
            rows.append(Row(f"{_NAME}: {label} to the commit", went.kept, "/s", None, base, name, least=least))
            rows.append(Row(f"{_NAME}: {label} through the feed meanwhile", went.fed, "/s"))
            rows.append(Row(f"{_NAME}: {label}, processor time of both workers", went.workers_us, "µs an event"))
            rows.append(Row(f"{_NAME}: {label}, processor time of the nodes", went.nodes_us, "µs an event"))
        rows.append(Row(f"{_NAME}: the larger worker", went.memory_mb, "MB PSS", 120))
        rows.append(Row(f"{_NAME}: the largest node of RabbitMQ", cluster.memory_mb(), "MB PSS"))
    return rows
