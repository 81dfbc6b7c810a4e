"""The real programs, killed with SIGKILL at random moments: nothing is lost, nothing is there twice."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from kiosk.store.database.migrate import migrate
from tests.depth import many
from tests.torture.real.run import RealRun
from tests.torture.real.stands import postgresql, sqlite

ACTS = 8
"""Of a station at most, between two kills."""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "empty.sqlite"
    migrate(path)
    return path


@pytest.mark.parametrize("seed", range(many(1, torture=3)))
def test_mosquitto_and_sqlite(seed: int, tmp_path: Path, template: Path) -> None:
    random = Random(seed)
    with sqlite(1) as stand, stand(tmp_path, random) as servers:
        run = RealRun(tmp_path, template, servers, random)
        run.run(run.draw(3), ACTS)


def test_mosquitto_and_postgresql(tmp_path: Path, template: Path) -> None:
    random = Random(0)
    with postgresql(1) as stand, stand(tmp_path, random) as servers:
        RealRun(tmp_path, template, servers, random).run(["PostgreSQL", "older card", "whole county"], ACTS)
