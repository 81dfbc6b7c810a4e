"""*Take it in* under a hasty finger: bursts, trembling, an old tab, a lock, a scan while it is pressed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from kiosk.domain.parcel import ParcelState
from kiosk.web.server import Server
from tests.web.counter.shop import CounterShop, waybill
from tests.web.counter.test_browser import SETTINGS, SHELVES, TYPE, at, serving, settled, shelf, tap
from tests.web.pictures import open_page

TOUCH = "form[action='/counter/take_in'] button"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[CounterShop]:
    shop = CounterShop(tmp_path, parcels=SHELVES)
    yield shop
    shop.close()


@pytest.fixture
def server(shop: CounterShop) -> Iterator[Server]:
    with serving(shop) as server:
        yield server


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    with open_page(browser, server, SETTINGS, "en") as page:
        yield page


def here(shop: CounterShop) -> int:
    return shop.store.parcels.counts()[ParcelState.NOTICED]


def shown(page: Page, shop: CounterShop, number: int) -> None:
    """The touch on the screen is that of this waybill."""
    expect(page.locator(".result-of")).to_have_text(waybill(number))
    settled(page, shop)
    expect(page.locator(TOUCH)).to_be_visible()


def test_a_burst_leaves_the_touch_of_its_last_waybill(shop: CounterShop, server: Server, page: Page) -> None:
    at(page, server, shop)
    page.evaluate(
        f"(texts) => {{ const type = {TYPE}; texts.forEach((text) => type(text)); }}", [*map(waybill, range(9))]
    )
    shown(page, shop, 8)
    assert here(shop) == 0
    tap(page.locator(TOUCH), page.locator(".shelf-huge"))
    shelf(page, SHELVES.slots[0])
    assert (shop.row_of(8).shelf, here(shop)) == (SHELVES.slots[0], 1)


def test_a_trembling_finger_and_the_same_form_sent_many_times(shop: CounterShop, server: Server, page: Page) -> None:
    """The page swallows what trembles; what gets through all the same books nothing more."""
    at(page, server, shop)
    shop.router.on_scan(waybill(1))
    shown(page, shop, 1)
    offer = page.locator("form[action='/counter/take_in'] input").input_value()
    page.evaluate(f"() => {{ for (let n = 0; n < 5; n++) document.querySelector(`{TOUCH}`)?.click(); }}")
    shelf(page, SHELVES.slots[0])
    statuses = page.evaluate(
        """(offer) => Promise.all(Array.from({ length: 8 }, () => fetch("/counter/take_in", {
             method: "POST", body: new URLSearchParams({ offer }) }).then((answer) => answer.status)))""",
        offer,
    )
    assert set(statuses) == {200}, "each is led to the counter, which shows the one parcel"
    assert here(shop) == 1
    settled(page, shop)
    expect(page.locator("form[action='/counter/undo'] button")).to_be_visible()


def test_an_old_tab_the_way_back_and_a_lock_book_nothing(
    shop: CounterShop, server: Server, page: Page, browser: Browser
) -> None:
    at(page, server, shop)
    shop.router.on_scan(waybill(1))
    shown(page, shop, 1)
    # A page whose scripts are gone stays as it was drawn.
    with browser.new_context(java_script_enabled=False, has_touch=True).new_page() as old:
        old.context.add_cookies(page.context.cookies())
        old.goto(f"{server.url}/counter")
        shop.router.on_scan(waybill(2))
        shown(page, shop, 2)
        old.locator(TOUCH).tap()
        expect(old.locator("main")).to_contain_text("The counter has moved on")
        assert here(shop) == 0
        tap(page.locator(TOUCH), page.locator(".shelf-huge"))
        assert (here(shop), shop.row_of(2).shelf) == (1, SHELVES.slots[0])
        old.context.close()
    shop.router.on_scan(waybill(3))
    shown(page, shop, 3)
    tap(page.locator("form[action='/counter/lock'] button"), page.locator(".work-unlock"))
    page.go_back()
    at(page, server, shop)
    expect(page.locator(TOUCH)).to_have_count(0)
    assert here(shop) == 1


def test_a_scan_while_the_finger_is_down_does_not_give_it_another_parcel(
    shop: CounterShop, server: Server, page: Page
) -> None:
    """The form that is on its way names the scan it was shown for."""
    at(page, server, shop)
    shop.router.on_scan(waybill(1))
    shown(page, shop, 1)

    def scan_first(route: object) -> None:
        shop.router.on_scan(waybill(2))
        route.continue_()  # type: ignore[attr-defined]

    page.route("**/counter/take_in", scan_first)
    page.wait_for_timeout(450)
    page.locator(TOUCH).tap()
    expect(page.locator("main")).to_contain_text("The counter has moved on")
    assert here(shop) == 0
