from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.depth import TORTURE
from tests.web import browsing


@pytest.fixture(scope="module")
def browser(browsers: browsing.Browsers) -> Iterator[Browser]:
    """`make torture` sees the flows in a station's own browser; what that one does by itself is told in tests/lock."""
    with browsers.one(browsing.OF_THE_STATION if TORTURE else browsing.HEADLESS) as browser:
        yield browser
