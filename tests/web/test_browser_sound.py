"""What a person hears: a change once, a refusal, nothing for a page that is loaded again, nothing at volume 0."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from kiosk.web.factory import create_app
from kiosk.web.server import serve
from kiosk.web.shared.settings import WebSettings
from tests.web import browsing
from tests.web.counter.scenes import sign_in
from tests.web.counter.shop import CounterShop, waybill
from tests.web.counter.test_browser import TYPE
from tests.web.pictures import open_page
from tests.web.shop import Shop
from tests.web.test_earcons import EARCONS

SETTINGS = WebSettings(language="en", volume=80)
TAP_MS = 450
"""A second tap within 400 ms is taken for a trembling finger."""

FAKE = """
(() => {
  const param = () => ({ value: 0, setValueAtTime() {}, linearRampToValueAtTime(level) { this.peak = level; } });
  const levels = [];
  window.heard = [];
  window.wakes = 0;
  window.AudioContext = class {
    state = 'suspended';
    currentTime = 10;
    destination = { connect() {} };
    async resume() {
      window.wakes += 1;
      if (window.deaf) throw new Error('no device');
      if (window.asleep) await new Promise(() => null);
      this.state = 'running';
    }
    async suspend() { this.state = 'suspended'; }
    createGain() {
      const gain = param();
      gain.linearRampToValueAtTime = (level) => { if (level > 0) levels.push(level); };
      return { gain, connect: (next) => next };
    }
    createOscillator() {
      return {
        frequency: param(), connect: (next) => next, stop() {},
        start(at) { window.heard.push([at - 10, this.frequency.value, levels.at(-1)]); },
      };
    }
  };
})();
"""
"""A speaker that writes down when each tone starts, how high and how loud."""


@dataclass
class Ear:
    """A page and what came out of its speaker."""

    page: Page
    url: str

    def names(self) -> list[str]:
        """The sounds since the page was loaded, by their rows."""
        tones: list[tuple[float, float]] = [(start, high) for start, high, _ in self.page.evaluate("window.heard")]
        found = []
        while tones:
            name = next(
                one
                for one, rows in EARCONS.items()
                if [pytest.approx((row[0], row[2])) for row in rows] == tones[: len(rows)]
            )
            found.append(name)
            del tones[: len(EARCONS[name])]
        return found

    def hears(self, *names: str) -> None:
        """Just these."""
        rows = sum(len(EARCONS[name]) for name in names)
        self.page.wait_for_function("(rows) => window.heard.length >= rows", arg=rows)
        assert self.names() == list(names)

    def forget(self) -> None:
        """A new page of the ear's book, when the last sound is over."""
        self.page.wait_for_timeout(900)
        self.page.evaluate("window.heard.length = 0")


@contextmanager
def listening(browser: Browser, shop: Shop, settings: WebSettings = SETTINGS, before: str = "") -> Iterator[Ear]:
    server = serve(browsing.patient(create_app(shop, settings)), "127.0.0.1", 0)
    server.start()
    try:
        with open_page(browser, server, settings, "en") as page:
            page.add_init_script(FAKE + before)
            if isinstance(shop, CounterShop):
                assert shop.session
                sign_in(page.context, server, shop)
            yield Ear(page, server.url)
    finally:
        server.stop()


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


@pytest.fixture
def ear(browser: Browser, shop: Shop) -> Iterator[Ear]:
    with listening(browser, shop) as ear:
        yield ear


def state(page: Page, name: str) -> None:
    page.locator(f"live-weight[data-state={name}]").wait_for()


def at_agree(ear: Ear, shop: Shop) -> Page:
    """Somebody has chosen the goods while this page was open."""
    shop.at_what()
    ear.page.goto(ear.url)
    state(ear.page, "stable")
    shop.desk.choices.choose_product("BADAM", 1)
    state(ear.page, "locked")
    return ear.page


def test_a_weight_that_locks_is_heard_once_and_what_was_booked_once_more(ear: Ear, shop: Shop) -> None:
    page = at_agree(ear, shop)
    ear.hears("ok")
    assert ear.page.evaluate("window.heard[0][2]") == pytest.approx(0.64)
    shop.read(12_480, 5)
    ear.forget()
    page.locator(".deal .primary:enabled").tap()
    page.locator(".stage-take").wait_for()
    ear.hears("ok")
    shop.printed()
    page.locator(".paper[data-state=printed]").first.wait_for()
    assert ear.names() == ["ok"]


def test_a_page_that_is_loaded_again_repeats_nothing(ear: Ear, shop: Shop) -> None:
    page = at_agree(ear, shop)
    ear.hears("ok")
    page.reload()
    state(page, "locked")
    view = shop.desk.view()
    shop.desk.agreement.agree(view.reading_no, view.token)
    ear.hears("ok")
    page.reload()
    state(page, "stable")
    page.wait_for_timeout(300)
    assert ear.names() == []


def test_an_overload_and_a_scale_that_falls_silent(ear: Ear, shop: Shop) -> None:
    page = at_agree(ear, shop)
    ear.forget()
    shop.read(None, over=True)
    state(page, "overload")
    ear.hears("attention")
    shop.rest(12_480)
    state(page, "locked")
    ear.forget()
    shop.desk.readings.on_expired(shop.now)
    state(page, "lost")
    ear.hears("attention")


def test_a_scale_that_falls_silent_while_nobody_is_there(ear: Ear, shop: Shop) -> None:
    shop.rest(0)
    ear.page.goto(ear.url)
    state(ear.page, "empty")
    shop.desk.readings.on_expired(shop.now)
    state(ear.page, "lost")
    ear.page.wait_for_timeout(200)
    assert ear.names() == []


def test_a_refused_act_and_only_that(ear: Ear, shop: Shop) -> None:
    page = at_agree(ear, shop)
    ear.forget()
    page.evaluate("document.querySelectorAll('[name=token]').forEach((field) => { field.value = 'old'; })")
    page.locator(".deal .primary").tap()
    page.locator("screen-follow .notice").wait_for()
    ear.hears("error")


def test_a_card_over_the_screen(ear: Ear, shop: Shop) -> None:
    shop.at_what()
    ear.page.goto(ear.url)
    state(ear.page, "stable")
    shop.board.notify("phone_number")
    ear.page.locator("screen-follow .notice").wait_for()
    ear.hears("attention")


def test_a_clerk_who_is_called(ear: Ear, shop: Shop) -> None:
    ear.page.goto(ear.url)
    state(ear.page, "lost")
    with ear.page.expect_response(lambda response: "/parcel?notice=" in response.url):
        shop.board.notify("clerk_called")
    ear.hears("attention")
    expect(ear.page.locator(".stage-answer")).to_contain_text("The clerk is called")


def test_the_question_whether_somebody_is_there(browser: Browser, shop: Shop) -> None:
    shop.at_who()
    with listening(browser, shop, replace(SETTINGS, idle_s=0.6)) as ear:
        ear.page.goto(ear.url)
        ear.page.locator("idle-ring:not([hidden])").wait_for()
        ear.hears("attention")
        ear.page.wait_for_timeout(1_200)
        assert ear.names() == ["attention"], "asked once"


@pytest.mark.parametrize(
    ("settings", "before", "wakes"),
    [
        (replace(SETTINGS, volume=0), "", 0),
        (SETTINGS, "window.deaf = true;", 1),
        (SETTINGS, "window.asleep = true;", 1),
        (SETTINGS, "window.AudioContext = undefined;", 0),
    ],
    ids=["volume 0", "no device", "suspended", "no sound at all"],
)
def test_silent_and_harmless(browser: Browser, shop: Shop, settings: WebSettings, before: str, wakes: int) -> None:
    troubles: list[str] = []
    with listening(browser, shop, settings, before) as ear:
        ear.page.on("pageerror", lambda error: troubles.append(str(error)))
        page = at_agree(ear, shop)
        page.locator(".deal .primary:enabled").tap()
        page.locator(".stage-take").wait_for()
        page.wait_for_timeout(200)
        assert (ear.names(), min(1, page.evaluate("window.wakes"))) == ([], wakes)
    assert troubles == []


PLAY = """
async (rows) => {
  const { play } = await import('/static/js/earcons.js');
  let now = performance.now();
  performance.now = () => now;
  for (const [name, pause] of rows) { await play(name); now += pause; }
}
"""
"""The page's clock goes on by the pauses alone: a browser that stands still between two sounds does not part them."""


@pytest.mark.parametrize(
    ("asked", "heard"),
    [
        ([("ok", 0), ("ok", 300), ("ok", 0)], ["ok", "ok"]),
        ([("error", 0), ("ok", 0), ("attention", 0), ("error", 0)], ["error"]),
        ([("ok", 0), ("attention", 0), ("error", 0)], ["ok", "attention", "error"]),
    ],
    ids=["none waits", "a weaker one is left out", "a stronger one cuts it off"],
)
def test_one_at_a_time(ear: Ear, shop: Shop, asked: list[Any], heard: list[str]) -> None:
    shop.rest(0)
    ear.page.goto(ear.url)
    state(ear.page, "empty")
    ear.page.evaluate(PLAY, asked)
    assert ear.names() == heard


# --- the counter ------------------------------------------------------------------------------------------------------


@pytest.fixture
def counter(browser: Browser, counter_shop: CounterShop) -> Iterator[Ear]:
    with listening(browser, counter_shop) as ear:
        counter_shop.counter.receiving.set_mode(counter_shop.session, "in")
        with ear.page.expect_response(lambda response: "/counter/live" in response.url):
            ear.page.goto(f"{ear.url}/counter")
        ear.page.locator(".consents").wait_for()
        yield ear


def test_each_scan_says_what_came_of_it(counter: Ear, counter_shop: CounterShop) -> None:
    page, scan = counter.page, counter_shop.router.on_scan
    scan(waybill(1))
    page.locator(".result-good").wait_for()
    counter.hears("ok")
    counter.forget()
    scan("13812345678")
    page.locator(".result-bad").wait_for()
    counter.hears("error")
    counter.forget()
    scan(waybill(1))
    page.locator(".result-known").wait_for()
    counter.hears("attention")
    page.reload()
    page.locator(".result-known").wait_for()
    page.wait_for_timeout(300)
    assert counter.names() == []


def test_a_scanner_that_types_is_heard_once(counter: Ear) -> None:
    with counter.page.expect_response("**/counter"):  # where the post leads; the stream alone may have drawn it before
        counter.page.evaluate(f"(text) => ({TYPE})(text)", waybill(3, "YTO"))
    counter.page.locator(".result").wait_for()
    counter.page.wait_for_function("() => window.heard.length > 0")
    counter.page.wait_for_timeout(400)
    assert counter.names() in (["ok"], ["attention"])


def test_somebody_who_waits_at_the_screen(counter: Ear, counter_shop: CounterShop) -> None:
    parcel = counter_shop.bring(1)
    counter.page.locator(".shelf-huge").wait_for()
    counter.forget()
    with counter.page.expect_response(lambda response: "/counter/live" in response.url):  # how things stood before
        counter.page.goto(f"{counter.url}/counter/day")
    expect(counter.page.locator(".work-day")).to_be_visible()
    counter_shop.counter.handovers.public_code(counter_shop.code_of(parcel))
    expect(counter.page.locator("[data-count=scan]")).to_have_text("1")
    counter.hears("attention")


def test_a_refused_act_at_the_counter(counter: Ear, counter_shop: CounterShop) -> None:
    counter_shop.bring(1)
    counter.page.locator("[action='/counter/undo'] button").wait_for()
    counter.forget()
    counter.page.evaluate("document.querySelector('[action=\"/counter/undo\"] [name=number]').value = 'old'")
    counter.page.wait_for_timeout(TAP_MS)
    counter.page.locator("[action='/counter/undo'] button").tap()
    counter.page.locator(".work-refused").wait_for()
    counter.hears("error")
