"""Every test of this folder that asks for a shop runs on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sorting_center.listings.centers import running
from tests.sorting_center.storefront.shops import Shop, shop_of


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'county.db'}"
    return str(request.getfixturevalue("postgres_ledger_url"))


@pytest.fixture
def shop(ledger_url: str, tmp_path: Path) -> Iterator[Shop]:
    with running(ledger_url, tmp_path) as center, shop_of(center, tmp_path) as opened:
        yield opened
