"""The counter as a clerk meets it: scanner in hand, nothing to focus, nothing lost, one tap to hand over."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Literal

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from kiosk.domain.identifiers import ReceiptNumber
from kiosk.domain.parcel import ParcelState
from kiosk.domain.telephone_pin import answer
from kiosk.station.counter.scans import ScanSources
from kiosk.station.parcels.settings import ParcelSettings
from kiosk.web.factory import create_app
from kiosk.web.server import Server, serve
from kiosk.web.shared.settings import WebSettings
from tests.depth import many
from tests.station.counter.rig import PIN, SECOND_PIN
from tests.web import browsing
from tests.web.counter import shop as counter_shop
from tests.web.counter.scenes import sign_in
from tests.web.counter.shop import SECRET, CounterShop, waybill
from tests.web.pictures import open_page

SETTINGS = WebSettings(language="en")
SAME_TAP_MS = 450
SHELVES = ParcelSettings(shelves=("A-1:99", "A-2:99", "A-3:99"))
TRUCK = many(30, torture=200)

TYPE = """
(text, end = 'Enter') => {
  const value = performance.now();
  const signs = { '-': 'Minus', '.': 'Period', '/': 'Slash', ':': 'Semicolon', '#': 'Digit3' };
  const code = (letter) => signs[letter] ?? (/[0-9]/.test(letter) ? `Digit${letter}` : `Key${letter.toUpperCase()}`);
  const press = (code, shiftKey = false) => {
    const event = new KeyboardEvent(
      'keydown', { code, key: code.slice(-1), shiftKey, bubbles: true, cancelable: true });
    document.body.dispatchEvent(Object.defineProperty(event, 'timeStamp', { value }));
  };
  for (const letter of text) press(code(letter), /[A-Z:#]/.test(letter));
  press(end);
}
"""
"""A wedge scanner: keys at once, by their place on the keyboard, and Enter. A browser that stands still between two of
them makes no pause of the scanner's.
"""

SHIFT = f"""
async ([texts, first]) => {{
  const type = {TYPE};
  const seen = [];
  for (const [place, text] of texts.entries()) {{
    const shown = first[place];
    const begun = performance.now();
    type(text);
    while (document.querySelector('.shelf-huge')?.textContent.trim() !== shown) {{
      if (performance.now() - begun > 30000) return seen;
      await new Promise((next) => requestAnimationFrame(next));
    }}
    seen.push(shown);
  }}
  return seen;
}}
"""
"""Scan after scan, each as soon as the shelf of the one before stands on the screen."""


@contextmanager
def serving(shop: CounterShop, settings: WebSettings = SETTINGS, *, patient: bool = True) -> Iterator[Server]:
    app = create_app(shop, settings)
    server = serve(browsing.patient(app) if patient else app, "127.0.0.1", 0)
    server.start()
    try:
        yield server
    finally:
        server.stop()


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


def at(page: Page, server: Server, shop: CounterShop, path: str = "/counter") -> None:
    """The clerk's page, listening; whoever had locked the counter has unlocked it again."""
    assert shop.session
    sign_in(page.context, server, shop)
    with page.expect_response(lambda response: "/counter/live" in response.url):
        page.goto(server.url + path)


def settled(page: Page, shop: CounterShop) -> None:
    """The page is drawn as the counter is now: it will not be drawn again under the finger that comes next."""
    expect(page.locator("counter-follow")).to_have_attribute("data-drawn", str(shop.counter.state.view().revision))


def tap(target: Locator, gone_or_there: Locator, state: Literal["visible", "detached"] = "visible") -> None:
    """One tap that counts: within 400 ms of another it would be taken for a trembling finger."""
    target.page.wait_for_timeout(SAME_TAP_MS)
    target.tap()
    gone_or_there.wait_for(state=state)


def shelf(page: Page, slot: str) -> None:
    expect(page.locator(".shelf-huge")).to_have_text(slot)


def test_unlocked_by_touch_and_the_pin_is_nowhere(shop: CounterShop, server: Server, page: Page) -> None:
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    page.goto(f"{server.url}/counter")
    go = page.locator("[data-go]")
    for digit in PIN:
        page.locator(f"[data-key='{digit}']").tap()
    expect(page.locator(".slot")).to_have_text(["•"] * 6)
    expect(go).to_be_disabled()
    page.locator(".person-chip", has_text="Memet").tap()
    page.locator(".person-chip", has_text="Aygul").tap()
    expect(go).to_be_enabled()
    go.tap()
    page.locator(".work-home").wait_for()
    assert shop.session.person.number == "01"
    assert PIN not in page.content()
    assert not any(PIN in address for address in addresses)


def test_a_forgotten_pin_by_touch_and_telephone(browser: Browser, tmp_path: Path) -> None:
    """In Uyghur: somebody without a PIN, digits read out, the answer typed, a new PIN, and in. Every page is judged."""
    axe, addresses, new_pin = browsing.Axe(), list[str](), "408172"
    shop = CounterShop(tmp_path)
    shop.store.clerks.set_pin("02", "", shop.stamp())
    with closing(shop), browsing.served(browsing.kept(create_app(shop, WebSettings()))) as url:
        context = browser.new_context(viewport={"width": 800, "height": 480}, has_touch=True)
        with closing(context.new_page()) as page:
            page.on("request", lambda request: addresses.append(request.url))
            faults: list[str] = []

            def look(there: str) -> None:
                page.locator(there).wait_for()
                faults.extend(axe.faults(page, contrast=True))

            def type_on_pad(digits: str) -> None:
                page.wait_for_timeout(SAME_TAP_MS)
                for digit in digits:
                    page.locator(f"[data-key='{digit}']").tap()

            page.goto(f"{url}/counter")
            look(".work-unlock")
            tap(page.locator(".forgotten"), page.locator(".refusal"))
            tap(page.locator(".person-chip", has_text="Memet"), page.locator(".person-chip:has(:checked)"))
            tap(page.locator(".forgotten"), page.locator(".challenge"))
            look(".challenge")
            shown = page.locator(".challenge").inner_text().replace(" ", "")
            right = answer(SECRET, "S0147", "02", shown)
            type_on_pad(shown)
            tap(page.locator("[data-go]"), page.locator(".refusal"))
            look(".refusal")
            type_on_pad(right)
            tap(page.locator("[data-go]"), page.locator("[data-secret]"))
            look("[data-secret]")
            type_on_pad(new_pin * 2)
            tap(page.locator("[data-go]"), page.locator(".work-unlock"))
            look(".still-waiting")
            tap(page.locator(".person-chip", has_text="Memet"), page.locator(".person-chip:has(:checked)"))
            type_on_pad(new_pin)
            tap(page.locator("[data-go]"), page.locator(".work-home"))
            assert shop.session.person.number == "02"
            assert faults == []
            assert not any(secret in address for address in addresses for secret in (new_pin, right, shown))
        context.close()


def test_a_whole_truck_without_a_touch(shop: CounterShop, server: Server, page: Page) -> None:
    """Many scans in a row: in order, each on the screen, none lost, and none waits for a touch."""
    at(page, server, shop)
    shop.counter.receiving.set_mode(shop.session, "in")
    page.locator(".consents").wait_for()
    numbers = range(1, TRUCK + 1)
    slots = SHELVES.slots[:TRUCK]
    assert page.evaluate(SHIFT, [[waybill(number) for number in numbers], list(slots)]) == list(slots)
    for number, slot in zip(numbers, slots, strict=True):
        parcel = shop.row_of(number)
        assert parcel.shelf == slot


def test_a_burst_is_booked_in_its_order(shop: CounterShop, server: Server, page: Page) -> None:
    """Nobody waits for the screen: the next one is taken while the one before is on its way."""
    at(page, server, shop)
    shop.counter.receiving.set_mode(shop.session, "in")
    page.locator(".consents").wait_for()
    page.evaluate(
        f"(texts) => {{ const type = {TYPE}; texts.forEach((text) => type(text)); }}", [waybill(n) for n in range(30)]
    )
    shelf(page, SHELVES.slots[29])
    assert [shop.row_of(n).shelf for n in range(30)] == list(SHELVES.slots[:30])


def test_real_keys_with_the_focus_anywhere(shop: CounterShop, server: Server, page: Page) -> None:
    """Enter at the end of a scan does not press the button that has the focus."""
    at(page, server, shop)
    shop.counter.receiving.set_mode(shop.session, "in")
    page.locator(".consents").wait_for()
    page.locator(".tab").last.focus()
    page.evaluate(f"(text) => ({TYPE})(text, 'Tab')", waybill(1))
    shelf(page, "A-1-01")
    assert shop.access.current() is not None, "the lock had the focus"


@pytest.mark.parametrize("path", ["/counter/parcels", "/counter/day", "/counter/queue", "/counter/intakes"])
def test_the_station_s_own_scanner_leads_every_page(shop: CounterShop, server: Server, page: Page, path: str) -> None:
    at(page, server, shop, path)
    shop.counter.receiving.set_mode(shop.session, "in")
    shop.router.on_scan(waybill(1))
    shelf(page, "A-1-01")
    assert page.url.endswith("/counter")


def test_a_scan_while_a_pin_is_asked_neither_types_nor_leads_away(
    shop: CounterShop, server: Server, page: Page
) -> None:
    receipt = shop.book()
    posts: list[str] = []
    page.on("request", lambda request: posts.append(request.url) if request.url.endswith("/scan") else None)
    at(page, server, shop, f"/counter/intakes/{receipt}?ask=void&reason=wrong_party")
    page.evaluate(f"(text) => ({TYPE})(text)", waybill(1))
    shop.bring(2)
    expect(page.locator("[data-count=queue]")).to_have_text("4")
    assert posts == []
    assert page.locator("[data-secret]").count() == 1
    for digit in SECOND_PIN:
        page.locator(f"[data-key='{digit}']").tap()
    page.locator("[data-go]").tap()
    page.locator(".state-lost").wait_for()
    confirmed = shop.store.intakes.confirmed(receipt)
    assert confirmed is not None
    assert confirmed.voided


def test_a_code_typed_slowly_stands_on_the_screen(shop: CounterShop, server: Server, page: Page) -> None:
    parcel = shop.bring(1)
    at(page, server, shop)
    code = shop.code_of(parcel)
    for digit in code:
        page.keyboard.press(digit, delay=1)
    expect(page.locator("[data-scan-field]")).to_have_text(code)
    page.keyboard.press("Enter")
    page.locator(".result-handover").wait_for()
    assert page.locator("[data-scan-field]").inner_text() == ""

    # With a scanner of its own the counter's page is deaf to whatever types.
    shop.counter.scans.ways = ScanSources(typed=False)
    at(page, server, shop, "/counter/parcels")
    posts: list[str] = []
    page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)
    page.evaluate(f"(text) => ({TYPE})(text)", waybill(9))
    page.evaluate("async () => (await fetch('/counter')).text()")  # asked for after whatever the keys had asked for
    assert [url for url in posts if "/counter/" in url] == []
    assert page.url.endswith("/counter/parcels")


GATHER = """
async (rows) => {
  const { Gatherer, characterOf } = await import('/static/js/scan-field.js');
  return rows.map((keys) => {
    const taken = [];
    const gatherer = new Gatherer((text) => taken.push(text));
    for (const [code, time, shiftKey] of keys) {
      if (code === 'Enter') gatherer.end(time);
      else gatherer.add(characterOf({ code, shiftKey, getModifierState: () => false }), time);
    }
    return taken;
  });
}
"""


def keys(text: str, start: float = 1000, step: float = 5, end: float = 5) -> list[list[object]]:
    """Key presses of digits, then Enter."""
    rows: list[list[object]] = [[f"Digit{letter}", start + step * place, False] for place, letter in enumerate(text)]
    return [*rows, ["Enter", start + step * (len(text) - 1) + end, False]]


def test_what_counts_as_a_scan(server: Server, page: Page) -> None:
    page.goto(f"{server.url}/counter")
    forgotten = keys("04", step=300)[:-1]
    quick_end = [*keys("123", step=300)[:-1], *keys("456", start=1800)]
    found = page.evaluate(
        GATHER,
        [
            keys("123456789012"),
            keys("12", step=5),
            keys("9" * 257),
            keys("9" * 256),
            [*forgotten, *keys("12345678", start=2000)],
            keys("482913", step=400),
            quick_end,
            [*keys("482913", step=400)[:-1], *keys("17", start=99_000, step=400)],
            [["KeyS", 0, True], ["KeyF", 5, True], ["Minus", 9, False], ["Digit1", 12, True], ["Enter", 15, False]],
        ],
    )
    assert found == [
        ["123456789012"],
        [],
        [],
        ["9" * 256],
        ["12345678"],
        ["482913"],
        ["123456"],
        [],
        ["SF-!"],
    ]


def test_a_villager_s_code_comes_up_by_itself_and_one_tap_hands_over(
    shop: CounterShop, server: Server, page: Page
) -> None:
    parcel = shop.bring(1)
    at(page, server, shop)
    shop.counter.handovers.public_code(shop.code_of(parcel))
    page.locator(".result-handover").wait_for()
    shelf(page, "A-1-01")
    settled(page, shop)
    page.locator(".result-handover .primary").tap()
    page.locator(".state-collected").wait_for()
    assert shop.row(parcel.number).state is ParcelState.COLLECTED


def test_elsewhere_it_is_a_mark_on_the_tab(shop: CounterShop, server: Server, page: Page) -> None:
    parcel = shop.bring(1)
    at(page, server, shop, "/counter/day")
    expect(page.locator("[data-count=scan]")).to_be_hidden()
    shop.counter.handovers.public_code(shop.code_of(parcel))
    expect(page.locator("[data-count=scan]")).to_have_text("1")
    assert page.url.endswith("/counter/day")


def test_what_was_taken_back_and_what_no_longer_can_be(shop: CounterShop, server: Server, page: Page) -> None:
    at(page, server, shop)
    first = shop.bring(1)
    settled(page, shop)
    page.locator("[action='/counter/undo'] button").tap()
    expect(page.locator(".shelf-huge")).to_have_count(0)
    assert shop.row(first.number).state is ParcelState.WITHDRAWN
    shop.bring(2)
    page.locator("[action='/counter/undo']").wait_for(state="attached")
    shop.later(61)
    page.locator("[action='/counter/undo']").wait_for(state="detached")
    shelf(page, "A-1-01")


def test_seconds_run_out_on_the_page(
    shop: CounterShop, server: Server, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the station's clock nor the page's goes on but by the test."""
    now = time.monotonic_ns()
    monkeypatch.setattr(counter_shop, "time", SimpleNamespace(monotonic_ns=lambda: now))
    browsing.stand_still(page)
    at(page, server, shop)
    shop.bring(1)
    settled(page, shop)
    left = page.locator("count-down bdi")
    page.clock.run_for(200)
    expect(left).to_have_text(re.compile("^(60|59)$"))
    page.clock.run_for(2_000)
    expect(left).to_have_text("58")


def test_a_counter_nobody_touches_shows_the_door(browser: Browser, shop: CounterShop) -> None:
    with serving(shop, patient=False) as server, open_page(browser, server, SETTINGS, "en") as page:
        at(page, server, shop, "/counter/parcels")
        shop.later(301)
        page.locator(".work-unlock").wait_for()
        assert "A-1-01" not in page.content()


def test_a_door_nobody_opens_belongs_to_the_villagers_again(browser: Browser, shop: CounterShop) -> None:
    settings = WebSettings(language="en", idle_s=0.5)
    with serving(shop, settings) as server, open_page(browser, server, settings, "en") as page:
        page.goto(f"{server.url}/counter")
        page.locator(".stage-home").wait_for()


def test_the_mode_is_a_switch(shop: CounterShop, server: Server, page: Page) -> None:
    at(page, server, shop)
    tap(page.locator(".switch[value=in]"), page.locator(".consents"))
    tap(page.locator(".chip[value=recipient_asked]"), page.locator(".chip[value=recipient_asked].chosen"))
    tap(page.locator(".switch.warn"), page.locator(".switch.warn.chosen"))
    assert (shop.counter.state.view().mode, shop.counter.state.view().consent) == ("in", "recipient_asked")
    assert shop.counter.state.view().damaged_next
    tap(page.locator(".switch[aria-pressed=true]").first, page.locator(".consents"), "detached")
    assert shop.counter.state.view().mode == ""


def test_a_name_is_typed_in_uyghur_letters(shop: CounterShop, server: Server, page: Page) -> None:
    parcel = shop.bring(1)
    at(page, server, shop, f"/counter/parcels/{parcel.number}?ask=proxy&letters=ug")
    for letter in "روزىن":
        page.locator(f"[data-key='{letter}']").tap()
    expect(page.locator("[data-line]")).to_have_text("روزىن")
    page.locator("[data-key=delete]").tap()
    expect(page.locator("[data-line]")).to_have_text("روزى")
    page.locator("[data-go]").tap()
    page.locator(".state-collected").wait_for()


def test_one_screen_for_the_villager_and_then_for_the_clerk(shop: CounterShop, server: Server, page: Page) -> None:
    parcel = shop.bring(1)
    shop.rest(0)
    page.goto(server.url)
    page.locator("live-weight[data-state=empty]").wait_for()
    shop.access.sign_out(shop.session.token)
    code = shop.code_of(parcel)
    tap(page.locator(".doors a.tile"), page.locator("touch-pad"))
    page.wait_for_timeout(SAME_TAP_MS)
    for digit in code:
        page.locator(f"[data-key='{digit}']").tap()
    tap(page.locator("[data-go]"), page.locator(".stage-answer"))
    expect(page.locator(".stage-answer")).to_contain_text("The clerk is called")
    expect(page.locator("body")).not_to_contain_text("A-1-01")
    tap(page.locator(".stage-answer [href='/counter']"), page.locator(".pin-pad"))
    page.locator(".person-chip", has_text="Aygul").tap()
    for digit in PIN:
        page.locator(f"[data-key='{digit}']").tap()
    page.locator("[data-go]").tap()
    expect(page.locator(".result-handover .shelf-huge")).to_have_text("A-1-01")
    assert code not in page.url
    tap(page.locator("[action='/counter/handover'] button"), page.locator(".result-handover"), "detached")
    assert shop.row(parcel.number).state is ParcelState.COLLECTED


def test_a_slip_under_the_scanner_opens_my_parcel(shop: CounterShop, server: Server, page: Page) -> None:
    parcel = shop.bring(1)
    shop.rest(0)
    page.goto(server.url)
    page.locator("live-weight[data-state=empty]").wait_for()
    shop.router.on_scan(parcel.number.slip_code(shop.code_of(parcel)))
    expect(page.locator(".my-shelf")).to_contain_text("A-1-01")
    # The same face after an intake: the labels of its bags under the scanner, the screen following by itself.
    receipt = ReceiptNumber.parse(shop.book_bags(12_480, 9_310))
    shop.print_all()
    shop.desk.result_screen.refresh()
    expect(page.locator(".bag-number")).to_have_text(["1", "2"])
    shop.router.on_scan(receipt.bag_code(1))
    expect(page.locator(".bag-number")).to_have_text(["2"])
    shop.router.on_scan(receipt.bag_code(1))
    notice = page.locator("screen-follow .notice")
    expect(notice).to_contain_text("This label was scanned before")
    tap(notice.locator(".primary"), notice, "detached")
    tap(page.locator(".deal .primary"), page.locator(".asked-of"))
    shop.router.on_scan(receipt.bag_code(2))
    expect(page.locator(".bag-number")).to_have_count(0)
    expect(page.locator(".paper").first).to_contain_text("All labels scanned")
    tap(page.locator(".deal .primary"), page.locator(".stage-home"))


def test_a_telephone_number_at_the_public_face_is_named_and_goes_away(
    shop: CounterShop, server: Server, page: Page
) -> None:
    shop.rest(0)
    page.goto(server.url)
    page.locator("live-weight[data-state=empty]").wait_for()
    shop.router.on_scan("13812345678")
    notice = page.locator("screen-follow .notice")
    expect(notice).to_contain_text("That is a phone number")
    tap(notice.locator(".primary"), notice, "detached")
    page.locator(".stage-home").wait_for()
    assert "notice" not in page.url


def test_a_code_at_the_public_face(shop: CounterShop, server: Server, page: Page) -> None:
    parcel = shop.bring(1)
    page.goto(f"{server.url}/parcel")
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    code = shop.code_of(parcel)
    for digit in code:
        page.locator(f"[data-key='{digit}']").tap()
    page.locator("[data-go]").tap()
    expect(page.locator(".my-shelf")).to_contain_text("A-1-01")
    assert not any(code in address for address in addresses)
    assert code not in page.content()


def test_going_back_from_the_public_screen_finds_the_door(browser: Browser, shop: CounterShop, server: Server) -> None:
    """Also in a browser that keeps whole pages to go back to (bfcache), which the tests' own is told not to do."""
    shop.unlock()
    receipt = shop.leave_bags(5_000)
    keeping = browser.browser_type.launch(
        executable_path=browsing.HEADLESS,
        args=["--no-sandbox", "--enable-features=BackForwardCache,CacheControlNoStoreEnterBackForwardCache"],
        ignore_default_args=["--disable-back-forward-cache"],
    )
    with open_page(keeping, server, SETTINGS, "en") as page:
        at(page, server, shop, "/counter/parcels?state=waiting")
        page.goto(f"{server.url}/counter/intakes")
        page.locator(f"form[action$='{receipt}/take_up'] button").tap()
        page.locator("screen-follow").wait_for()
        assert shop.access.current() is None
        for _ in range(2):
            page.go_back()
            page.locator(".pin-form").wait_for()
            assert receipt not in page.content()
    keeping.close()


def test_a_page_the_browser_has_kept_is_asked_for_anew(shop: CounterShop, server: Server, page: Page) -> None:
    at(page, server, shop, "/counter/type")
    with page.expect_navigation():
        page.evaluate("() => { dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })) }")
    page.locator(".type-form").wait_for()
