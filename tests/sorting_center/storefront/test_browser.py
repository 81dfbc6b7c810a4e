"""A buyer with a browser: from the list to a lot and back, in each language."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, Response, expect

from kiosk.domain.events.photo import WordsData
from kiosk.sorting_center.shared.http_server import WebServer
from kiosk.sorting_center.storefront.app import create_app
from kiosk.sorting_center.storefront.pages import StorefrontSources
from kiosk.sorting_center.web.shared.guard import Hosts
from tests.depth import TORTURE
from tests.sorting_center.storefront.shops import SELLER, Shop
from tests.sorting_center.storefront.test_small_pictures import all_made, master, sell
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
def looked_at(shop: Shop, browser: Browser, language: str, width: int = 0) -> Iterator[tuple[str, Page]]:
    """Its own server, and a browser of that language; nothing may be said on the console but that a page is missing."""
    said: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        app = create_app(StorefrontSources(shop.listings, shop.slips, shop.folder, None, SELLER), Hosts())
        server = WebServer(app, listening, 4096)
        server.start()
        view = {"width": width or WIDTHS_PX[language], "height": 900}
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
    shop.weigh()
    shop.sell(1, (0, 1, 2))
    long = WordsData(LONG, LONG, LONG)
    shop.sell(2, (3,), title=long, story=long, storage=long, grade="", allergens=("not_for_infants", "tree_nuts"))
    found: list[str] = []
    for turn, (language, name) in enumerate((("zh", "巴旦木"), ("ug", "بادام"), ("en", "Almonds"))):
        looks = [TORTURE or number % 3 == turn for number in range(6)]
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
                expect(picture).not_to_have_js_property("naturalWidth", 0)
            found += faults(page, looks[2])
            page.locator("a[href$='/way']").click()
            expect(page.locator(".scan svg")).to_be_visible()
            found += faults(page, looks[3])
            page.goto(f"{url}/{language}/shache/BADAM~A")
            expect(page.locator(".lot")).to_have_count(1)
            found += faults(page, looks[4])
            page.goto(f"{url}/{language}/nothing")
            found += faults(page, looks[5])
    assert found == []


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
def test_a_browser_loads_less_than_600_kilobytes_for_a_page_of_24_cards(shop: Shop, browser: Browser) -> None:
    """Pictures that are no smaller than those of real goods, each looked at, and no other one."""
    sell(shop, master(1), master(2), master(3, grain_px=100), lots=24)
    all_made(shop)
    answers: list[Response] = []
    for width in (360, 1440):
        answers.clear()
        with looked_at(shop, browser, "en", width) as (url, page):
            page.on("response", lambda answer: answers.append(answer))
            page.goto(f"{url}/en/")
            pictures = page.locator(".card img")
            expect(pictures).to_have_count(24)
            for number in range(24):
                pictures.nth(number).scroll_into_view_if_needed()
                expect(pictures.nth(number)).not_to_have_js_property("naturalWidth", 0)
            bodies = {answer.url: len(answer.body()) for answer in answers}
        cards = [size for address, size in bodies.items() if "/pictures/" in address]
        assert len(cards) == 3, "each picture in one width"
        assert sum(bodies.values()) + 7 * sum(cards) < 600_000, "if each card had a picture of its own"
