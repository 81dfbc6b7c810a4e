from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.web.shared.sources import Stores
from tests.sorting_center.staff import stores_of
from tests.web.browsing import Browsers


@pytest.fixture
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A file; a test that names ``postgresql`` for it gets a database of the server."""
    if getattr(request, "param", "sqlite") == "postgresql":
        return str(request.getfixturevalue("postgres_ledger_url"))
    return f"sqlite:///{tmp_path / 'ledger.db'}"


@pytest.fixture(scope="module")
def browser(browsers: Browsers) -> Iterator[Browser]:
    with browsers.one() as browser:
        yield browser


@pytest.fixture
def stores(ledger: Ledger) -> Iterator[Stores]:
    with stores_of(ledger) as opened:
        yield opened


@pytest.fixture
def desk(stores: Stores) -> CenterDesk:
    return stores.desk
