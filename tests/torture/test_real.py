"""The real programs, killed with SIGKILL at random moments: nothing is lost, nothing is there twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.simulators.broker import Broker
from kiosk.store.database.migrate import migrate
from tests.depth import many
from tests.servers.postgres import PostgresServer, running_postgres
from tests.torture.real import RealRun, Servers


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "empty.sqlite"
    migrate(path)
    return path


@pytest.mark.parametrize("seed", range(many(3, torture=50, quick=1)))
def test_mosquitto_and_sqlite(seed: int, tmp_path: Path, template: Path) -> None:
    with Broker(tmp_path / "broker") as broker:
        RealRun(tmp_path, template, Servers(broker, broker.url, f"sqlite:///{tmp_path / 'ledger.db'}"), seed).run()


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with running_postgres() as one:
        yield one


@pytest.mark.parametrize("seed", range(many(1, torture=50)))
def test_mosquitto_and_postgresql(seed: int, tmp_path: Path, template: Path, postgres: PostgresServer) -> None:
    with Broker(tmp_path / "broker") as broker, postgres.fresh() as name:
        RealRun(tmp_path, template, Servers(broker, broker.url, postgres.url(name)), seed).run()
