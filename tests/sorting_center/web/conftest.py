from __future__ import annotations

from collections.abc import Iterator

import pytest

from kiosk.sorting_center.desk.desk import Desk
from kiosk.sorting_center.ledger import Ledger


@pytest.fixture
def desk(ledger: Ledger) -> Iterator[Desk]:
    with Desk.open(ledger.url) as opened:
        yield opened
