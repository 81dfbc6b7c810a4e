"""Every test of this folder that asks for a desk runs on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.ledger import Ledger


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'county.db'}"
    return str(request.getfixturevalue("postgres_ledger_url"))


@pytest.fixture
def desk(ledger_url: str) -> Iterator[CenterDesk]:
    with Ledger.open(ledger_url):
        pass
    with CenterDesk.open(ledger_url) as opened:
        yield opened
