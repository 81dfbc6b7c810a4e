from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kiosk.sorting_center.desk import people
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.ledger import Ledger
from tests.servers.postgres import PostgresServer, running_postgres
from tests.servers.rabbitmq import RabbitMQ, Vhost
from tests.sorting_center.brokers import Broker
from tests.sorting_center.station_journal import Station


@pytest.fixture(scope="module", autouse=True)
def cheap_passwords() -> Iterator[None]:
    """What they cost an attacker costs every test that signs somebody in as much."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(people, "TIME_COST", 1)
        patch.setattr(people, "MEMORY_KIB", 8 * people.PARALLELISM)
        yield


@pytest.fixture
def station() -> Station:
    return Station()


@pytest.fixture
def ledger_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'ledger.db'}"


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    with Ledger.open(ledger_url) as opened:
        yield opened


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path) as running:
        running.start()
        yield running


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    with postgres.fresh() as database:
        yield postgres.url(database)


@pytest.fixture(scope="session")
def postgres_template(postgres: PostgresServer) -> Iterator[str]:
    """A database with a ledger and a desk in which nothing has happened."""
    with postgres.fresh() as name:
        with Ledger.open(postgres.url(name)), CenterDesk.open(postgres.url(name)):
            pass
        yield name


@pytest.fixture
def postgres_ledger_url(postgres: PostgresServer, postgres_template: str) -> Iterator[str]:
    """Of a copy of it: who is no test of how ledgers are made need not make one."""
    with postgres.fresh(postgres_template) as database:
        yield postgres.url(database)


@pytest.fixture(scope="session")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    """One node for all tests of this process; each takes a virtual host."""
    with RabbitMQ(tmp_path_factory.mktemp("rabbitmq")) as running:
        yield running


@pytest.fixture
def vhost(rabbitmq: RabbitMQ) -> Vhost:
    return rabbitmq.vhost()


@pytest.fixture
def unfed(monkeypatch: pytest.MonkeyPatch) -> None:
    """For what is promised of taking in: the feed is a process of its own, with tests of its own, that takes 0.3 s of
    processor to begin. In its place stands one that says it has no trouble, and listens.
    """
    says = """echo '{"trouble": ""}'; while read -r _; do :; done"""
    monkeypatch.setattr("kiosk.sorting_center.feed.process._COMMAND", ("sh", "-c", says))


@pytest.fixture
def numbered_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a commit released has its place in the feed when the test looks, also where a numberer gives it."""
    for name in ("commit", "release_held"):
        monkeypatch.setattr(Ledger, name, _and_number(getattr(Ledger, name)))


def _and_number(commit: Callable[..., Any]) -> Callable[..., Any]:
    def commit_and_number(ledger: Ledger, *values: object) -> Any:
        result = commit(ledger, *values)
        while ledger.number(100):
            pass
        return result

    return commit_and_number
