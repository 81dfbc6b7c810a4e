from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.web import browsing
from tests.web.counter.shop import CounterShop

PATIENCE_MS = 30_000
"""What is expected of a page is waited for as long as everything else in a browser: five seconds are little where
several browsers share two processors.
"""
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def browser(browsers: browsing.Browsers) -> Iterator[Browser]:
    with browsers.one() as browser:
        yield browser


@pytest.fixture
def counter_shop(tmp_path: Path) -> Iterator[CounterShop]:
    """A station with a real counter that nobody has unlocked."""
    shop = CounterShop(tmp_path)
    yield shop
    shop.close()
