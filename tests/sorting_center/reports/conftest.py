"""Every test of this folder that asks for a ledger runs on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.reports import Reports
from kiosk.sorting_center.reports.follower import ReportsFollower
from tests.sorting_center.reports.ledgers import ZONE


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'county.db'}"
    return str(request.getfixturevalue("postgres_ledger_url"))


@pytest.fixture
def file_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'county.db'}"


@pytest.fixture(autouse=True)
def numbered(numbered_at_once: None) -> None:
    """In every test of this folder."""


@pytest.fixture
def reports(ledger: Ledger, ledger_url: str) -> Iterator[Reports]:
    with Reports.open(ledger_url, ZONE) as opened:
        yield opened


@pytest.fixture
def follower(ledger: Ledger, reports: Reports) -> ReportsFollower:
    return ReportsFollower(ledger, reports)
