"""What `make appliance` looks at: whole systems, installed and booted. No other run collects it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.appliance.cards import Cards, made_cards
from tests.depth import APPLIANCE

collect_ignore_glob = [] if APPLIANCE else ["test_*.py"]


@pytest.fixture(scope="session")
def cards() -> Iterator[Cards]:
    """Their image is made once."""
    with made_cards() as cards:
        yield cards
