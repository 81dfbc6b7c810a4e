from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.store import Store
from kiosk.store.database.migrate import migrate
from tests.store.village import CATALOG, epochs, open_store, stamp


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty migrated database: made once, copied by every test."""
    path = tmp_path_factory.mktemp("template") / "empty.sqlite"
    migrate(path)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the station keeps its database."""
    return tmp_path / "station" / "kiosk.sqlite"


@pytest.fixture
def store(path: Path, template: Path) -> Iterator[Store]:
    """An open store with a catalog."""
    store = open_store(path, template, new_epoch=epochs())
    store.catalogs.add(CATALOG, stamp())
    yield store
    store.close()
