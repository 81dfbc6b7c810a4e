from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kiosk.store import Store
from kiosk.store.database.migrate import migrate
from kiosk.store.database.opening import OpenOptions
from tests.station.counter.rig import CounterRig
from tests.station.fakes import CATALOG, STAMP


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty migrated database: made once, copied by every test."""
    path = tmp_path_factory.mktemp("template") / "empty.db"
    migrate(path)
    return path


@pytest.fixture(scope="session")
def begun(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Path:
    """The folder of a station that has its database, with a catalog: begun once, copied by every test."""
    folder = tmp_path_factory.mktemp("begun")
    with closing(
        Store.open(folder / "station.db", "S0147", STAMP, OpenOptions(template=template, reserve_bytes=0))
    ) as store:
        store.catalogs.add(CATALOG, STAMP)
    return folder


@pytest.fixture
def store(tmp_path: Path, begun: Path) -> Iterator[Store]:
    """The real store of a station, with a catalog."""
    shutil.copytree(begun, tmp_path, dirs_exist_ok=True)
    opening = OpenOptions(check=False, reserve_bytes=0)
    with closing(Store.open(tmp_path / "station.db", "S0147", STAMP, opening)) as store:
        yield store


@pytest.fixture
def rig(store: Store, tmp_path: Path) -> CounterRig:
    """An unlocked counter."""
    return CounterRig(store, tmp_path)
