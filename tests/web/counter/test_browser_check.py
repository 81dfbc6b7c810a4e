"""The check weight as a clerk meets it: put it on, touch once, see what came of it. The pan is live on the page."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from kiosk.station.scale.settings import MetrologySettings
from kiosk.web.factory import ServedApp, create_app
from kiosk.web.server import Server, serve
from kiosk.web.shared.settings import WebSettings
from tests.web import browsing
from tests.web.counter.scenes import sign_in
from tests.web.counter.shop import CounterShop, waybill
from tests.web.pictures import open_page

SETTINGS = WebSettings(language="en")
SAME_TAP_MS = 450
STREAM = "/counter/check/live"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[CounterShop]:
    shop = CounterShop(tmp_path)
    yield shop
    shop.close()


@contextmanager
def serving(app: ServedApp) -> Iterator[Server]:
    server = serve(app, "127.0.0.1", 0)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def server(shop: CounterShop) -> Iterator[Server]:
    with serving(browsing.patient(create_app(shop, SETTINGS))) as server:
        yield server


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    with open_page(browser, server, SETTINGS, "en") as page:
        said: list[str] = []
        page.on("pageerror", lambda error: said.append(str(error)))
        yield page
        assert said == []


@contextmanager
def weighing(shop: CounterShop) -> Iterator[Callable[[int], None]]:
    """A scale that goes on sending: the weight that lies on it, twenty times a second."""
    ends, grams = threading.Event(), [0]

    def send() -> None:
        while not ends.wait(0.05):
            shop.read(grams[0])

    def put(weight: int) -> None:
        grams[0] = weight

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield put
    finally:
        ends.set()
        thread.join()


def at(page: Page, server: Server, shop: CounterShop, path: str) -> None:
    assert shop.session
    sign_in(page.context, server, shop)
    page.goto(server.url + path)


def tap(page: Page, selector: str) -> None:
    """A finger needs longer than the 400 ms in which a second tap counts as a tremble."""
    page.wait_for_timeout(SAME_TAP_MS)
    page.locator(selector).tap()


def test_a_check_passes_and_a_check_fails_by_one_touch_each(shop: CounterShop, server: Server, page: Page) -> None:
    with weighing(shop) as put:
        at(page, server, shop, "/counter")
        expect(page.locator(".check-late")).to_be_visible()
        tap(page, ".check-late")
        button = page.locator("[data-take]")
        expect(button).to_be_disabled()
        expect(page.locator("live-hint .main")).to_have_text("Put the check weight on the middle of the pan.")
        put(5_000)
        expect(page.locator("live-weight[data-state=stable] [data-part=text]")).to_have_text("5.000")
        expect(button).to_be_enabled()
        tap(page, "[data-take]")
        expect(page.locator(".verdict-good")).to_be_visible()
        assert page.url.endswith("/counter/check?done=1")

        tap(page, ".feet .foot:first-child")
        expect(page.locator("live-hint .main")).to_have_text("Take everything off the scale first.")
        expect(page.locator("[data-take]")).to_be_disabled()
        put(0)
        expect(page.locator("live-weight")).to_have_attribute("data-state", "empty")
        put(4_970)
        expect(page.locator("[data-take]")).to_be_enabled()
        tap(page, "[data-take]")
        expect(page.locator(".verdict-bad")).to_contain_text("call the technician")
        expect(page.locator(".totals")).to_contain_text("4.970 kg")
        put(0)
        tap(page, ".feet .foot:last-child")
        expect(page.locator(".check-failed")).to_be_visible()
    assert [shop.store.checks.last().number, shop.standing().check.value] == [2, "failed"]  # type: ignore[union-attr]


def test_a_reading_of_long_ago_is_sent_by_no_page(shop: CounterShop, server: Server, page: Page) -> None:
    """The page's number follows the readings, so that a weight that lies long can still be checked."""
    shop.rest(0)
    shop.rest(5_000)
    at(page, server, shop, "/counter/check")
    first = page.locator("[name=reading_no]").input_value()
    shop.read(5_000, 200)
    newest = str(shop.desk.view().pan.reading_no)
    expect(page.locator("[name=reading_no]")).to_have_value(newest)
    assert first != newest
    tap(page, "[data-take]")
    expect(page.locator(".verdict-good")).to_be_visible()


def test_a_scale_that_falls_silent_takes_the_button_away(shop: CounterShop, server: Server, page: Page) -> None:
    shop.rest(0)
    shop.rest(5_000)
    at(page, server, shop, "/counter/check")
    expect(page.locator("[data-take]")).to_be_enabled()
    shop.desk.readings.on_expired(shop.now)
    expect(page.locator("[data-take]")).to_be_disabled()
    expect(page.locator("live-weight")).to_have_attribute("data-state", "lost")


def test_a_station_that_is_gone_takes_the_button_away(shop: CounterShop, page: Page) -> None:
    shop.rest(0)
    shop.rest(5_000)
    with serving(create_app(shop, SETTINGS)) as server:
        browsing.stand_still(page)
        at(page, server, shop, "/counter/check")
        expect(page.locator("live-weight")).to_have_attribute("data-state", "stable")
    page.clock.run_for(2_000)
    expect(page.locator("[data-take]")).to_be_disabled()
    expect(page.locator("live-weight [data-part=text]")).to_have_text("– – –")


def test_a_weight_that_is_not_set_is_typed_with_a_finger(shop: CounterShop, server: Server, page: Page) -> None:
    shop.set_checks(MetrologySettings(check_required=True))
    with weighing(shop) as put:
        at(page, server, shop, "/counter/check")
        expect(page.locator("[data-go]")).to_be_disabled()
        for digit in "2000":
            page.locator(f"[data-key='{digit}']").tap()
        expect(page.locator("[data-line]")).to_have_text("2000")
        tap(page, "[data-go]")
        expect(page.locator(".check-card")).to_contain_text("2.000 kg")
        put(2_000)
        expect(page.locator("[data-take]")).to_be_enabled()
        tap(page, "[data-take]")
        expect(page.locator(".verdict-good")).to_be_visible()


def test_the_page_has_one_stream_and_gives_it_back(shop: CounterShop, server: Server, page: Page) -> None:
    streams: list[str] = []
    page.on("request", lambda request: streams.append(request.url) if "/live?" in request.url else None)
    shop.rest(0)
    at(page, server, shop, "/counter/check")
    expect(page.locator("live-weight")).to_have_attribute("data-state", "empty")
    assert [url.split("?")[0] for url in streams] == [server.url + STREAM]
    with page.expect_request(lambda request: "/counter/live?" in request.url):
        tap(page, ".home-again")
    expect(page.locator(".totals")).to_be_visible()
    expect(page.locator("counter-follow")).to_have_attribute("data-stream", "/counter/live")
    assert [url.split("?")[0] for url in streams] == [server.url + STREAM, server.url + "/counter/live"]


def test_a_scan_leads_from_the_check_to_its_page(shop: CounterShop, server: Server, page: Page) -> None:
    shop.rest(0)
    parcel = shop.bring(1)
    shop.counter.receiving.set_mode(shop.session, "")
    at(page, server, shop, "/counter/check")
    expect(page.locator("live-weight")).to_have_attribute("data-state", "empty")
    shop.router.on_scan(waybill(1))
    expect(page.locator(".shelf-large")).to_be_visible()
    assert page.url.endswith(f"/counter/parcels/{parcel.number}")


def test_right_to_left_the_figures_stay_left_to_right(shop: CounterShop, server: Server, page: Page) -> None:
    shop.check(4_985)
    page.context.add_cookies([{"name": "lang", "value": "ug", "url": server.url}])
    at(page, server, shop, "/counter/check?done=1")
    for figure in page.locator(".totals bdi").all():
        assert figure.get_attribute("dir") == "ltr"
    expect(page.locator(".totals")).to_contain_text("-0.015")
    boxes = [row.bounding_box() for row in page.locator(".total").all()]
    assert boxes[0] is not None
    assert boxes[2] is not None
    assert boxes[0]["x"] > boxes[2]["x"], "the first stands at the right"
