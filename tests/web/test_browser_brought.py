"""*What I brought here* in a browser: the card, help and the receipt, the strip, and home by itself."""

from __future__ import annotations

from playwright.sync_api import Browser, expect

from kiosk.domain.identifiers import internal_code
from kiosk.web.shared.settings import WebSettings
from tests.web.counter.shop import CounterShop
from tests.web.counter.test_browser import serving, tap
from tests.web.pictures import open_page

SETTINGS = WebSettings(language="en", idle_s=6.0, ring_s=1.0)


def test_from_the_card_to_the_strip_and_home(counter_shop: CounterShop, browser: Browser) -> None:
    shop = counter_shop
    receipt = shop.book(12_480)
    shop.access.sign_out(shop.session.token)
    shop.print_all()
    with serving(shop, SETTINGS) as server, open_page(browser, server, SETTINGS, "ug") as page:
        page.goto(server.url)
        page.locator("live-weight").first.wait_for()
        shop.router.on_scan(internal_code("P", "00017"))
        page.locator(".stage-what").wait_for()
        tap(page.locator("a[href='/help']"), page.locator("a[href='/brought']"))
        tap(page.locator("a[href='/brought']"), page.locator(".brought-rows"))
        expect(page.locator(".brought-rows")).to_contain_text(receipt[5:])
        printing = page.locator("form[action='/brought/print'] button")
        tap(printing, page.locator("form[action='/brought/print'] button[disabled]"))
        assert [job.document for job in shop.store.papers.open_jobs()] == ["member_statement"]
        page.locator(".doors").wait_for()  # nobody touches it any more
        assert page.url.rstrip("/") == server.url.rstrip("/")
        assert shop.desk.view().party is None
