"""Every test of this folder that asks for a ledger runs on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sorting_center.log.county_log_rig import LogRig


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    return str(request.getfixturevalue("postgres_ledger_url"))


@pytest.fixture(autouse=True)
def numbered(numbered_at_once: None) -> None:
    """In every test of this folder."""


@pytest.fixture
def rig(ledger_url: str, tmp_path: Path) -> LogRig:
    return LogRig(ledger_url, tmp_path)
