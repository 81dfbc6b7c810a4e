"""A buyer with a browser: from the list to a lot and back, in each language."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, expect

from kiosk.domain.events.photo import WordsData
from kiosk.sorting_center.shared.http_server import WebServer
from kiosk.sorting_center.storefront.app import create_app
from kiosk.sorting_center.storefront.pages import StorefrontSources
from kiosk.sorting_center.web.shared.guard import Hosts
from tests.depth import TORTURE
from tests.sorting_center.storefront.shops import Shop
from tests.web.browsing import Browsers, axe_faults, painted

LONG = "Yengihayatbaghwaranliqköchmenler" * 3
WIDTHS_PX = {"zh": 360, "ug": 768, "en": 1920}
PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def browser(browsers: Browsers) -> Iterator[Browser]:
    with browsers.one() as browser:
        yield browser


@contextmanager
def looked_at(shop: Shop, browser: Browser, language: str) -> Iterator[tuple[str, Page]]:
    """Its own server, and a browser of that language; nothing may be said on the console but that a page is missing."""
    said: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        app = create_app(StorefrontSources(shop.listings, shop.folder, None), Hosts())
        server = WebServer(app, listening, 4096)
        server.start()
        view = {"width": WIDTHS_PX[language], "height": 900}
        context = browser.new_context(viewport=view, locale=language, reduced_motion="reduce")  # type: ignore[arg-type]
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text) if " 404 " not in message.text else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}", page
        finally:
            context.close()
            server.stop(5)
    assert said == []


def faults(page: Page, accessible: bool) -> list[str]:
    """Scrolling sideways, and if that is asked what the rules of accessibility say."""
    painted(page)
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [*(axe_faults(page) if accessible else ()), *([f"{page.url} is {wide} px too wide"] if wide else [])]


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
def test_a_buyer_finds_a_lot_and_looks_at_its_pictures(shop: Shop, browser: Browser) -> None:
    """In each language; each page is looked at for accessibility in one of them."""
    shop.sell(1, (0, 1, 2))
    long = WordsData(LONG, LONG, LONG)
    shop.sell(2, (3,), title=long, story=long, storage=long, grade="", allergens=("not_for_infants", "tree_nuts"))
    found: list[str] = []
    for turn, (language, name) in enumerate((("zh", "巴旦木"), ("ug", "بادام"), ("en", "Almonds"))):
        looks = [TORTURE or number % 3 == turn for number in range(4)]
        with looked_at(shop, browser, language) as (url, page):
            page.goto(url)
            expect(page.locator("html")).to_have_attribute("lang", language)
            expect(page.locator(".card")).to_have_count(2)
            found += faults(page, looks[0])
            page.goto(url + shop.path(language, 2))
            found += faults(page, looks[1])
            page.go_back()
            page.get_by_role("searchbox").fill(name)
            page.get_by_role("searchbox").press("Enter")
            expect(page.locator(".card")).to_have_count(1)
            page.get_by_role("link", name=name).click()
            expect(page.get_by_role("heading", level=1)).to_have_text(name)
            for number in range(3):
                picture = page.get_by_role("img", name=name).nth(number)
                picture.scroll_into_view_if_needed()
                expect(picture).to_have_js_property("naturalWidth", 64)
            found += faults(page, looks[2])
            page.goto(f"{url}/{language}/nothing")
            found += faults(page, looks[3])
    assert found == []
