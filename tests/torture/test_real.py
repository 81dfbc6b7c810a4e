"""The real programs, killed with SIGKILL at random moments: nothing is lost, nothing is there twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from kiosk.store.database.migrate import migrate
from tests.depth import many
from tests.torture.real.run import RealRun
from tests.torture.real.stands import Stand, postgresql, sqlite

KILLS = 3
ACTS = 8


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "empty.sqlite"
    migrate(path)
    return path


@pytest.fixture(scope="module")
def on_sqlite() -> Iterator[Stand]:
    with sqlite(0) as one:
        yield one


@pytest.fixture(scope="module")
def on_postgresql() -> Iterator[Stand]:
    with postgresql(0) as one:
        yield one


def endure(stand: Stand, folder: Path, template: Path, seed: int) -> None:
    random = Random(seed)
    with stand(folder, random) as servers:
        RealRun(folder, template, servers, random).run(KILLS, ACTS)


@pytest.mark.parametrize("seed", range(many(3, torture=3, quick=1)))
def test_mosquitto_and_sqlite(seed: int, tmp_path: Path, template: Path, on_sqlite: Stand) -> None:
    endure(on_sqlite, tmp_path, template, seed)


def test_mosquitto_and_postgresql(tmp_path: Path, template: Path, on_postgresql: Stand) -> None:
    endure(on_postgresql, tmp_path, template, seed=0)
