"""What the real programs run on: a broker and a ledger, and how each of them is killed."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Final

from kiosk.simulators.broker import Broker
from kiosk.simulators.link import SimulatedLink
from tests.servers.postgres import PostgresServer, running_postgres
from tests.servers.rabbitmq import PASSWORD, RabbitMQ, Setup, Vhost, vhost_definitions

_SETTLES_S: Final = 3.0
"""A quorum queue of RabbitMQ 4.0 that is killed within two seconds of its making never comes back, and nothing tells
when that is over."""


@dataclass(frozen=True, slots=True)
class Servers:
    """What one run uses. Every address is of loopback."""

    relay_urls: Sequence[str]
    """The broker as each station's relay reaches it."""
    center_urls: Sequence[str]
    """The broker as each `sorting-center run` reaches it: as many of them run as there are addresses."""
    ledger_url: str
    faults: Mapping[str, Callable[[], object]]
    """How these servers are killed, by name. Each is up again when the call is over."""
    links: Sequence[SimulatedLink] = ()
    """Between each sorting center and its broker: what is on its way can be held up."""
    login: tuple[str, str] | None = None
    """User and password of the relays."""
    settles_s: float = 0.0
    """Seconds between the making of the queues and the first kill."""
    patience_s: float = 900.0
    """What takes longer will never happen, also on a machine on which thirty programs want each processor."""


Stand = Callable[[Path, Random], AbstractContextManager[Servers]]
"""Servers for one run: takes the run's folder, and chance."""


@contextmanager
def sqlite(_runs: int) -> Iterator[Stand]:
    """Mosquitto, and a file."""

    @contextmanager
    def stand(folder: Path, random: Random) -> Iterator[Servers]:
        with Broker(folder / "broker") as broker:
            urls = [broker.url]
            ledger_url = f"sqlite:///{folder / 'ledger.db'}"
            yield Servers(2 * urls, urls, ledger_url, {"Mosquitto": lambda: _mosquitto_dies(broker)})

    yield stand


@contextmanager
def postgresql(_runs: int) -> Iterator[Stand]:
    """Mosquitto, and a database of a server that all runs share."""
    with running_postgres() as postgres:

        @contextmanager
        def stand(folder: Path, random: Random) -> Iterator[Servers]:
            with Broker(folder / "broker") as broker, SimulatedLink(broker.port) as link, postgres.fresh() as name:
                faults = {"Mosquitto": lambda: _mosquitto_dies(broker), "PostgreSQL": lambda: _postgres_dies(postgres)}
                center_url = f"mqtt://127.0.0.1:{link.port}"
                yield Servers(2 * [broker.url], [center_url], postgres.url(name), faults, [link])

        yield stand


@contextmanager
def rabbitmq(runs: int) -> Iterator[Stand]:
    """One node of RabbitMQ, two sorting centers over AMQP, and PostgreSQL."""
    with _running_rabbitmq(1, runs) as stand:
        yield stand


@contextmanager
def cluster(runs: int) -> Iterator[Stand]:
    """The same with three nodes: the sorting centers have the first two, the stations the last two."""
    with _running_rabbitmq(3, runs) as stand:
        yield stand


STANDS: Final[Mapping[str, Callable[[int], AbstractContextManager[Stand]]]] = {
    "sqlite": sqlite,
    "postgresql": postgresql,
    "rabbitmq": rabbitmq,
    "cluster": cluster,
}
"""By name; each takes how many runs there will be at most."""


@dataclass(frozen=True, slots=True)
class _Rabbits:
    """The nodes, and the database server beside them."""

    rabbitmq: RabbitMQ
    postgres: PostgresServer
    names: Iterator[str]
    """Of virtual hosts: each run has one of its own, made with the node."""

    @contextmanager
    def stand(self, folder: Path, random: Random) -> Iterator[Servers]:
        name = next(self.names)
        vhosts = [Vhost(name, node.amqp_port, node.mqtt_port) for node in self.rabbitmq.nodes]
        with ExitStack() as ends:
            links = [ends.enter_context(SimulatedLink((2 * vhosts)[at].amqp_port)) for at in range(2)]
            database = ends.enter_context(self.postgres.fresh())
            yield Servers(
                relay_urls=[f"mqtt://127.0.0.1:{(3 * vhosts)[at].mqtt_port}" for at in (1, 2)],
                center_urls=[replace(vhosts[0], amqp_port=link.port).amqp_url for link in links],
                ledger_url=self.postgres.url(database),
                faults=self._faults(random),
                links=links,
                login=(vhosts[0].mqtt_user, PASSWORD),
                settles_s=_SETTLES_S,
            )

    def _faults(self, random: Random) -> dict[str, Callable[[], object]]:
        nodes = self.rabbitmq.nodes
        faults: dict[str, Callable[[], object]] = {"PostgreSQL": lambda: _postgres_dies(self.postgres)}
        if len(nodes) == 1:
            return {**faults, "RabbitMQ": lambda: self._nodes_die([0])}
        return {
            **faults,
            "one node": lambda: self._nodes_die([random.randrange(len(nodes))]),
            "all nodes": lambda: self._nodes_die(range(len(nodes))),
        }

    def _nodes_die(self, places: Sequence[int]) -> None:
        nodes = [self.rabbitmq.nodes[place] for place in places]
        for node in nodes:
            node.kill()
        for node in nodes:
            node.launch()
        for node in nodes:
            node.wait_until_ready()


@contextmanager
def _running_rabbitmq(nodes: int, runs: int) -> Iterator[Stand]:
    names = [f"run{number}" for number in range(1, runs + 1)]
    with (
        tempfile.TemporaryDirectory(prefix="torture-log-") as log,
        running_postgres() as postgres,
        RabbitMQ(Path(log), nodes, Setup(definitions=vhost_definitions(["/", *names]))) as running,
    ):
        yield _Rabbits(running, postgres, iter(names)).stand


def beside(rabbitmq: RabbitMQ, postgres: PostgresServer) -> Stand:
    """One run on servers that others use as well."""
    return _Rabbits(rabbitmq, postgres, iter([rabbitmq.vhost().name])).stand


def _mosquitto_dies(broker: Broker) -> None:
    broker.kill()
    broker.restart()


def _postgres_dies(postgres: PostgresServer) -> None:
    postgres.kill()
    postgres.start()
