"""Every test of this folder that asks for a ledger runs on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.sorting_center.ledger import Delivery, Ledger, StreamState
from kiosk.sorting_center.reports import Reports
from kiosk.sorting_center.reports.follower import Follower
from tests.sorting_center.reports.ledgers import ZONE


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'county.db'}"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def file_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'county.db'}"


@pytest.fixture(autouse=True)
def numbered_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a commit released has its place in the feed when the test looks, also where a numberer gives it."""
    commit = Ledger.commit

    def commit_and_number(ledger: Ledger, delivery: Delivery, received_at: str) -> list[StreamState]:
        states = commit(ledger, delivery, received_at)
        while ledger.number(100):
            pass
        return states

    monkeypatch.setattr(Ledger, "commit", commit_and_number)


@pytest.fixture
def reports(ledger: Ledger, ledger_url: str) -> Iterator[Reports]:
    with Reports.open(ledger_url, ZONE) as opened:
        yield opened


@pytest.fixture
def follower(ledger: Ledger, reports: Reports) -> Follower:
    return Follower(ledger, reports)
