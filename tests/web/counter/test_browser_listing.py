"""A lot offered for sale at the screen: a bag scanned, pictures put in order, pack, review, sent."""

from __future__ import annotations

from playwright.sync_api import Browser, Page, expect

from kiosk.domain.identifiers import ReceiptNumber, internal_code
from tests.web.counter.selling import offers, photograph, sell
from tests.web.counter.shop import CounterShop
from tests.web.counter.test_browser import SETTINGS, TYPE, at, serving, tap
from tests.web.pictures import open_page


def order(page: Page) -> list[str]:
    """The pictures from the side where reading begins, as they stand on the screen."""
    boxes = [(one.bounding_box(), one.get_attribute("src") or "") for one in page.locator(".picture-seen").all()]
    return [src.rpartition("/")[2][:64] for box, src in sorted(boxes, key=lambda row: row[0]["x"] if row[0] else 0)]


def test_from_the_bag_to_the_offer(browser: Browser, counter_shop: CounterShop) -> None:
    shop = counter_shop
    sell(shop)
    receipt = shop.book()
    bag = internal_code("B", f"{ReceiptNumber.parse(receipt).body}01")
    with serving(shop) as server, open_page(browser, server, SETTINGS, "en") as page:
        at(page, server, shop)
        page.evaluate(f"(text) => ({TYPE})(text)", bag)
        tap(page.locator("a.act[href$='/listing']"), page.locator(".work-listing"))
        assert page.locator("[href$='/review']").count() == 0, "there is no picture yet"
        tap(page.locator("form[action$='/listing/photo'] button"), page.locator(".shot-wait"))
        first = photograph(shop, receipt, 1)
        second = photograph(shop, receipt, 2)
        third = photograph(shop, receipt, 3)
        expect(page.locator(".picture-seen")).to_have_count(3)
        assert order(page) == [first, second, third]
        tap(
            page.locator(".picture").nth(2).get_by_label("Show earlier"),
            page.locator(f".picture:nth-child(2) [src*='{third}']"),
        )
        assert order(page) == [first, third, second]
        tap(page.locator(".picture").nth(0).get_by_label("Leave this picture out"), page.locator(".picture-out"))
        tap(page.locator(".setting").first, page.locator(".work-tiles"))
        tap(page.locator("[name=pack_g][value='1000']"), page.locator(".work-listing"))
        tap(page.locator("[href$='/review']"), page.locator(".work-review"))
        expect(page.locator(".facts-list")).to_contain_text("¥56.00/kg")
        tap(page.locator("a.chip[lang=ug]"), page.locator(".told[dir=rtl]"))
        assert page.locator(".told").evaluate("(told) => getComputedStyle(told).direction") == "rtl"
        tap(page.locator("form[action$='/submit'] button"), page.locator(".work-sent"))
        expect(page.locator(".verdict")).to_contain_text("Offered for sale")
        assert page.url.endswith("/listing/sent")
        page.goto(f"{server.url}/counter/intakes/{receipt}/listing")
        page.context.add_cookies([{"name": "lang", "value": "ug", "url": server.url}])
        page.reload()
        assert order(page) == [second, third, first], "in Uyghur the first one stands on the right"
    (told,) = offers(shop)
    assert (told["photos"], told["pack_g"]) == ([third, second], 1000)
