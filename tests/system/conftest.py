from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.web import browsing


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing.chromium(browsing.OF_THE_STATION) as browser:
        yield browser
