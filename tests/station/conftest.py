from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.store import Store
from kiosk.store.database.migrate import migrate
from kiosk.store.database.opening import Opening
from tests.station.counter.rig import CounterRig
from tests.station.fakes import CATALOG, STAMP


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty migrated database: made once, copied by every test."""
    path = tmp_path_factory.mktemp("template") / "empty.db"
    migrate(path)
    return path


@pytest.fixture
def store(tmp_path: Path, template: Path) -> Iterator[Store]:
    """The real store of a station, with a catalog."""
    store = Store.open(tmp_path / "station.db", "S0147", STAMP, Opening(template=template, reserve_bytes=0))
    store.catalogs.add(CATALOG, STAMP)
    yield store
    store.close()


@pytest.fixture
def rig(store: Store, tmp_path: Path) -> CounterRig:
    """An unlocked counter."""
    return CounterRig(store, tmp_path)
