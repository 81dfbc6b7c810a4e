"""The page as a person meets it: it follows the scale, survives the server, and a trembling finger books once."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from kiosk.devices.ports import LiveViewFrame
from kiosk.domain.verdict import Reason
from kiosk.web.factory import create_app
from kiosk.web.server import Server, serve
from kiosk.web.shared.settings import WebSettings
from tests.messaging.ports import claimed_port
from tests.station.fakes import CARD
from tests.station.hardware import shot_of
from tests.web import browsing
from tests.web.pictures import open_page
from tests.web.shop import Shop

SETTINGS = WebSettings(language="en")


@contextmanager
def serving(shop: Shop, settings: WebSettings = SETTINGS, port: int = 0, *, patient: bool = True) -> Iterator[Server]:
    app = create_app(shop, settings)
    server = serve(browsing.patient(app) if patient else app, "127.0.0.1", port)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


@pytest.fixture
def server(shop: Shop) -> Iterator[Server]:
    with serving(shop) as server:
        yield server


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    with open_page(browser, server, SETTINGS, "en") as page:
        yield page


def state(page: Page, name: str) -> None:
    page.locator(f"live-weight[data-state={name}]").wait_for()


def test_goods_on_the_pan_start_by_themselves_and_two_taps_are_enough(shop: Shop, server: Server, page: Page) -> None:
    shop.rest(0)
    page.goto(server.url)
    state(page, "empty")
    streams: list[str] = []
    page.on("request", lambda request: streams.append(request.url) if "/live" in request.url else None)
    shop.read(12_480)
    page.locator(".stage-who").wait_for()
    shop.desk.choices.scan(CARD)
    page.locator(".stage-what").wait_for()
    shop.rest(12_480)
    taps = 0
    for button in (page.locator(".goods-tile").first, page.locator(".deal .primary:enabled")):
        button.tap()
        taps += 1
        page.wait_for_timeout(450)
    page.locator(".stage-take").wait_for()
    assert taps == 2
    assert len(shop.store.booked) == 1
    assert page.url.endswith("/take")
    assert streams == [], "the one stream stayed open all the way"


def test_a_trembling_finger_books_once(shop: Shop, server: Server, page: Page) -> None:
    shop.at_agree()
    page.goto(server.url)
    state(page, "locked")
    page.evaluate(
        "() => { const button = document.querySelector('.deal .primary');"
        " for (let tap = 0; tap < 5; tap += 1) button.click(); }"
    )
    page.locator(".stage-take").wait_for()
    page.wait_for_timeout(300)
    assert len(shop.store.booked) == 1
    assert page.locator(".stage-take").count() == 1, "the same finger did not press what came next"


def test_a_pressed_button_looks_pressed_at_once(shop: Shop, server: Server, page: Page) -> None:
    shop.rest(0)
    page.goto(server.url)
    state(page, "empty")
    page.route("**/begin", lambda route: None)
    page.evaluate(
        "() => document.addEventListener('click', (event) => {"
        " document.documentElement.dataset.atOnce = event.target.closest('.door-main').classList.contains('pressed');"
        " })"
    )
    page.locator(".door-main").tap()
    expect(page.locator("html")).to_have_attribute("data-at-once", "true")  # by the end of the click itself
    expect(page.locator(".door-main")).to_have_class(re.compile("pressed"))
    page.unroute_all(behavior="ignoreErrors")


def test_the_weight_goes_blank_when_the_scale_is_silent(shop: Shop, server: Server, page: Page) -> None:
    shop.at_what()
    page.goto(server.url)
    state(page, "stable")
    taken = []
    for _ in range(5):
        started = time.perf_counter()
        shop.desk.readings.on_expired(shop.now)
        state(page, "lost")
        taken.append(time.perf_counter() - started)
        assert page.locator("[data-part=text]").inner_text() == "– – –"
        shop.rest(12_480)
        state(page, "stable")
    assert sorted(taken)[2] < 1.0, "the machine may stand still for a moment, but not each time"


def test_the_weight_goes_blank_without_the_server_and_comes_back_by_itself(browser: Browser, shop: Shop) -> None:
    shop.at_what()
    with (
        claimed_port() as port,
        serving(shop, port=port, patient=False) as first,
        open_page(browser, first, SETTINGS, "en") as page,
    ):
        browsing.stand_still(page)
        page.goto(first.url)
        state(page, "stable")
        first.stop()
        page.clock.run_for(2_500)
        state(page, "lost")
        assert "12.480" not in page.locator("live-weight").inner_text()
        with serving(shop, port=port):
            state(page, "stable")
            assert "12.480" in page.locator("live-weight").inner_text()


def test_a_stream_that_says_nothing_is_not_believed(browser: Browser, shop: Shop) -> None:
    """A server that hangs keeps its sockets open: only the missing heartbeat tells."""
    shop.at_what()
    with serving(shop, patient=False) as server, open_page(browser, server, SETTINGS, "en") as page:
        page.add_init_script(
            "const listen = EventSource.prototype.addEventListener;"
            "EventSource.prototype.addEventListener = function (kind, ...rest) {"
            "  if (kind !== 'beat') listen.call(this, kind, ...rest); };"
        )
        browsing.stand_still(page)
        page.goto(server.url)
        state(page, "stable")
        page.clock.run_for(2_500)
        state(page, "lost")


def test_a_heartbeat_that_was_only_late_brings_the_weight_back(browser: Browser, shop: Shop) -> None:
    """The stream goes on and nothing changes on the pan: no message would ever come by itself."""
    shop.at_what()
    with serving(shop, patient=False) as server, open_page(browser, server, SETTINGS, "en") as page:
        browsing.stand_still(page)
        page.goto(server.url)
        state(page, "stable")
        page.evaluate(
            "() => { window.states = []; const weight = document.querySelector('live-weight');"
            " new MutationObserver(() => window.states.push(weight.dataset.state))"
            "   .observe(weight, { attributeFilter: ['data-state'] }); }"
        )
        page.clock.run_for(2_000)  # longer than a page believes, shorter than it takes to open another stream by itself
        page.wait_for_function("() => window.states.includes('lost') && window.states.at(-1) === 'stable'")
        assert "12.480" in page.locator("live-weight").inner_text()


def test_the_pad_works_by_touch(shop: Shop, server: Server, page: Page) -> None:
    shop.at_who()
    page.goto(f"{server.url}/who?ask=number")
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url) if "/who" in request.url else None)
    for digit in "04419":
        page.locator(f".key[data-key='{digit}']").tap()
        page.wait_for_timeout(450)
    page.locator(".key[data-key=delete]").tap()
    page.wait_for_timeout(450)
    page.locator(".key[data-key='2']").tap()
    expect(page.locator(".slot")).to_have_text(list("04412"))
    assert requests == []
    page.locator(".pad .primary").tap()
    page.locator(".stage-what").wait_for()


def test_keys_on_the_pad_may_follow_quickly(shop: Shop, server: Server, page: Page) -> None:
    shop.at_who()
    page.goto(f"{server.url}/who?ask=number")
    for digit in "04412":
        page.locator(f".key[data-key='{digit}']").tap()
    expect(page.locator(".slot")).to_have_text(list("04412"))


def test_a_refusal_lies_over_the_screen_until_it_is_touched_away(shop: Shop, server: Server, page: Page) -> None:
    shop.at_who()
    page.goto(f"{server.url}/who?ask=number&number=99999")
    page.locator(".pad .primary").tap()
    page.locator("screen-follow .notice").wait_for()
    assert page.url.endswith("/who")
    page.wait_for_timeout(450)
    page.locator("screen-follow .notice .primary").tap()
    page.locator("screen-follow .notice").wait_for(state="detached")
    page.locator(".stage-who").wait_for()


def test_a_broken_lock_takes_the_agreement_away(shop: Shop, server: Server, page: Page) -> None:
    shop.at_agree()
    page.goto(server.url)
    page.locator(".deal .primary:enabled").wait_for()
    shop.read(13_000, stable=False)
    page.locator(".deal .primary:disabled").wait_for()
    expect(page.locator("live-hint")).to_contain_text("Wait until the weight is still")
    shop.rest(13_000)
    page.locator(".deal .primary:enabled").wait_for()
    expect(page.locator(".net")).to_contain_text("12.840")


def test_the_second_tick_comes_by_itself(shop: Shop, server: Server, page: Page) -> None:
    shop.at_take()
    page.goto(server.url)
    page.locator(".paper[data-state=sending]").first.wait_for()
    shop.printed()
    page.locator(".paper[data-state=printed]").first.wait_for()
    shop.delivered()
    expect(page.locator(".kept")).to_contain_text("The center has it")


def test_the_mat_is_seen_at_take_with_what_is_not_right_yet(shop: Shop, server: Server, page: Page) -> None:
    written, jpeg = cv2.imencode(".jpg", np.full((300, 420, 3), 119, np.uint8))
    assert written
    picture = shot_of(jpeg.tobytes(), 420, 300)
    shop.live_view.look = LiveViewFrame((Reason.HAND, Reason.EMPTY, Reason.SMALL), picture=picture)
    shop.at_take()
    page.goto(f"{server.url}/take")
    view = page.locator("mat-view")
    view.wait_for()
    expect(page.locator(".mat-else")).to_be_hidden()
    lit = view.locator(".mat-light:not([hidden])")
    expect(lit).to_have_count(2)
    assert lit.evaluate_all("all => all.map((one) => one.dataset.light)") == ["hand", "empty"]
    shop.live_view.look = None
    page.locator(".mat-else").wait_for()
    expect(view).to_be_hidden()
    shop.live_view.look = LiveViewFrame((), picture=picture)
    view.wait_for()
    expect(lit).to_have_count(0)
    shop.live_view.asked[-1].shoot()
    expect(view).to_have_count(0)


def test_the_language_changes_in_one_tap(shop: Shop, server: Server, page: Page) -> None:
    shop.at_agree()
    page.goto(server.url)
    page.locator("button.language[value=ug]").tap()
    page.locator("html[lang=ug][dir=rtl]").wait_for()
    state(page, "locked")
    assert shop.desk.view().step == "agree"


def test_help_stays_while_the_weight_moves(shop: Shop, server: Server, page: Page) -> None:
    shop.at_agree()
    page.goto(server.url)
    page.locator(".rail > .corner").tap()
    page.locator(".stage-help").wait_for()
    shop.read(13_000, stable=False)
    shop.rest(13_000)
    page.wait_for_timeout(400)
    assert page.locator(".stage-help").count() == 1


def test_nobody_there_and_an_empty_pan(browser: Browser, shop: Shop) -> None:
    """The page's time stands still while a finger is on its way: however long that takes, the ring has not run out."""
    settings = WebSettings(language="en", idle_s=1.0, ring_s=1.0)
    shop.at_who()
    with serving(shop, settings) as server, open_page(browser, server, settings, "en") as page:
        browsing.stand_still(page)
        page.goto(server.url)
        ring = page.locator("idle-ring")
        for _ in range(1_000):  # a page that has heard nothing of the pan yet does not count
            if ring.is_visible():
                break
            page.clock.run_for(500)
        ring.locator(".primary").tap()
        expect(page.locator(".stage-who")).to_be_visible()
        page.clock.run_for(400)
        expect(ring).to_be_hidden()
        assert shop.desk.view().step == "who", "any touch goes on"
        page.clock.run_for(1_500)
        expect(ring).to_be_visible()
        page.clock.run_for(1_500)
        page.locator(".stage-home").wait_for()
        assert shop.desk.view().step == "home"


def test_goods_on_the_pan_are_never_cleared(browser: Browser, shop: Shop) -> None:
    settings = WebSettings(language="en", idle_s=0.5, ring_s=0.5)
    shop.at_agree()
    with serving(shop, settings) as server, open_page(browser, server, settings, "en") as page:
        page.goto(server.url)
        page.wait_for_timeout(2_500)
        assert page.locator("idle-ring").is_hidden()
        assert shop.desk.view().step == "agree"


def test_keys_that_would_leave_the_screen_do_nothing(shop: Shop, server: Server, page: Page) -> None:
    shop.rest(0)
    page.goto(server.url)
    stopped = page.evaluate(
        "() => [['o', true], ['F1', false], ['p', true], ['Escape', false], ['5', false]].map(([key, ctrlKey]) =>"
        " !document.body.dispatchEvent("
        "new KeyboardEvent('keydown', { key, ctrlKey, bubbles: true, cancelable: true })))"
    )
    assert stopped == [True, True, True, True, False]


def test_the_whole_way_without_scripts(browser: Browser, shop: Shop, server: Server) -> None:
    context = browser.new_context(viewport={"width": 800, "height": 480}, has_touch=True, java_script_enabled=False)
    page = context.new_page()
    shop.rest(0)
    page.goto(server.url)
    page.locator(".door-main").tap()
    page.locator(".stage-who a.tile").tap()
    for place, digit in enumerate("04412", 1):
        page.locator(f".key[data-key='{digit}']").tap()
        expect(page.locator("key-pad")).to_have_attribute("data-typed", "04412"[:place])  # the next page is there
    page.locator(".pad .primary").tap()
    page.locator(".goods-tile").first.wait_for()
    assert "12.480" not in page.content(), "without scripts no weight is shown as live"
    shop.rest(12_480)
    page.locator(".goods-tile").first.tap()
    page.locator(".deal .primary:enabled").tap()
    page.locator(".stage-take").wait_for()
    page.locator(".deal .primary").tap()
    page.locator(".stage-home").wait_for()
    assert len(shop.store.booked) == 1
    context.close()


def test_the_buttons_beside_the_screen_do_what_the_screen_s_own_do(shop: Shop, server: Server, page: Page) -> None:
    shop.rest(0)
    shop.board.press("ok")
    page.goto(server.url)
    state(page, "empty")
    expect(page.locator(".stage-home")).to_be_visible()  # what was pressed before this page came is not for it
    shop.board.press("ok")
    page.locator(".stage-who").wait_for()
    shop.board.press("ok")
    page.wait_for_timeout(450)  # a second tap within 400 ms is a trembling finger, on a button, too
    shop.board.press("help")
    page.wait_for_url("**/help")
    assert shop.desk.view().step.value == "who"  # a screen with two answers has no OK
    page.goto(server.url + "/who")
    shop.at_agree()
    page.locator(".stage-agree").wait_for()
    state(page, "locked")
    page.wait_for_timeout(450)
    shop.board.press("ok")
    page.locator(".stage-take").wait_for()
