from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.web import browsing


@pytest.fixture(scope="module")
def browser(browsers: browsing.Browsers) -> Iterator[Browser]:
    with browsers.one(browsing.OF_THE_STATION) as browser:
        yield browser
