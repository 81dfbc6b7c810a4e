from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk.sorting_center.ledger import Ledger
from tests.messaging.authority import Authority
from tests.sorting_center.photos.lanes import Receiving


@pytest.fixture
def receiving(ledger: Ledger, tmp_path: Path) -> Iterator[Receiving]:
    with Receiving(ledger, tmp_path / "photos") as one:
        yield one


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)
