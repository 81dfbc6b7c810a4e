"""Every test of this folder that asks for a ledger runs on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    return str(request.getfixturevalue("postgres_ledger_url"))


@pytest.fixture(autouse=True)
def numbered(numbered_at_once: None) -> None:
    """In every test of this folder."""
