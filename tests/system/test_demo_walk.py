"""A newcomer in the demo: everything is found from the bench, and done by touch with the real programs."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urljoin

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from kiosk.app.demo import demo_access
from kiosk.simulators.bench.app import BenchServer, create_bench
from kiosk.simulators.station_client import StationClient
from kiosk.simulators.village import Village, VillagePlan
from tests.simulators.shared.test_counter_stock import lies_in
from tests.system.test_counter_flow import WAIT_MS, Clerk
from tests.web import browsing
from tests.web.browsing import axe_faults


@pytest.fixture
def village(tmp_path: Path) -> Iterator[Village]:
    with Village(tmp_path, VillagePlan(stocked=True, access=demo_access, clock_set=True)) as running:
        yield running


@pytest.fixture
def bench(browser: Browser, village: Village) -> Iterator[Page]:
    """The bench in a browser, as `make demo` says where it is."""
    with closing(BenchServer(create_bench(village), "127.0.0.1", 0)) as server:
        context = browser.new_context(viewport={"width": 1280, "height": 800}, has_touch=True)
        for home in (village.station_url, village.station_url.replace("127.0.0.1", "localhost")):
            context.add_cookies([{"name": "lang", "value": "en", "url": home}])
        context.set_default_timeout(WAIT_MS)
        page = context.new_page()
        trouble: list[str] = []
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("console", lambda message: trouble.append(message.text) if message.type == "error" else None)
        page.goto(server.url)
        yield page
        context.close()
        assert trouble == []


def follow(bench: Page, title: str) -> Page:
    """A link in the head of the bench, which opens a tab."""
    context: BrowserContext = bench.context
    with context.expect_page() as opened:
        bench.locator("nav a", has_text=title).click()
    return opened.value


def pin_of(bench: Page, name: str) -> str:
    return bench.locator(".people li", has_text=name).locator(".pin").inner_text()


def unlock(bench: Page, clerk: Clerk, name: str) -> None:
    clerk.tap(f".person-chip:has-text('{name}')")
    clerk.keys(pin_of(bench, name))
    clerk.tap("[data-go]")


def scan(bench: Page, group: str, key: str = "") -> None:
    """A key of the bench; what it says it has read tells that the word arrived."""
    row = bench.locator(".code-row", has_text=group)
    row.locator(".code-key", has_text=key).first.click()
    expect(bench.locator("#scanned")).to_contain_text("was read", timeout=WAIT_MS)


def intake(village: Village) -> str:
    """Somebody else brings almonds meanwhile; the receipt."""
    with closing(StationClient(village.station_url, WAIT_MS / 1000)) as visitor:
        visitor.wait_live("an empty pan", {"weight": {"state": "empty"}}, WAIT_MS / 1000)
        village.command("scale", "put 12.480kg")
        visitor.wait_live("the question who", {"step": "who"}, WAIT_MS / 1000)
        visitor.press("/who", "/party", party="non_member")
        visitor.press("/what", "/product", code="BADAM")
        visitor.wait_live("a locked weight", {"weight": {"state": "locked"}}, WAIT_MS / 1000)
        visitor.press("/agree", "/agree")
        village.command("scale", "take")
    return village.newest_intake().receipt


def clocks_of(village: Village) -> set[str]:
    """How far the clock of each event is believed."""
    with closing(sqlite3.connect(village.database)) as reader:
        return {json.loads(body)["clock"] for (body,) in reader.execute("SELECT body FROM journal")}


def void_with_the_second_person(bench: Page, clerk: Clerk, receipt: str) -> None:
    clerk.page.goto(urljoin(clerk.page.url, "/counter/intakes"))
    clerk.tap(f"a[href='/counter/intakes/{receipt}']")
    clerk.tap("a[href*='ask=void']")
    clerk.tap("a[href*='reason=wrong_product']")
    unlock(bench, clerk, "Wang Li")
    clerk.page.wait_for_url(f"**/counter/intakes/{receipt}")


def look_after_the_box(bench: Page, clerk: Clerk) -> None:
    clerk.tap("form[action='/counter/lock'] button")
    page = follow(bench, "Technician")
    unlock(bench, Clerk(clerk.village, page), "Memet")
    page.locator("a[href='/technician']").wait_for()
    page.goto(urljoin(page.url, "/technician"))
    expect(page).to_have_url(re.compile("/technician$"), timeout=WAIT_MS)
    look_at_the_county(bench, clerk.village, follow(bench, "Sorting center"))


def look_at_the_county(bench: Page, village: Village, page: Page) -> None:
    """With what stands on the bench."""
    expect(page).to_have_url(f"{village.center_url}/sign-in?next=/", timeout=WAIT_MS)
    person = bench.locator(".sign-in div", has_text="demo")
    page.fill("[name=name]", person.locator("dt").inner_text())
    page.fill("[name=password]", person.locator("dd").inner_text())
    page.click("main button[type=submit]")
    expect(page).to_have_url(f"{village.center_url}/", timeout=WAIT_MS)


def test_from_the_bench_to_a_shelf_and_out_again(village: Village, bench: Page, tmp_path: Path) -> None:
    for printer in ("label", "receipt"):
        expect(bench.locator(f"[data-papers={printer}] .slip")).to_have_count(3, timeout=2 * WAIT_MS)
    browsing.painted(bench)
    assert list(axe_faults(bench)) == []
    kiosk = follow(bench, "Kiosk")
    expect(kiosk.locator("a[href='/parcel']")).to_be_visible(timeout=WAIT_MS)
    counter = follow(bench, "Counter")
    clerk = Clerk(village, counter)
    unlock(bench, clerk, "Patigul")
    counter.locator(".modes-switch").wait_for()
    kiosk.reload()  # both faces stay open beside each other: the bench leads to them under two names
    counter.reload()
    counter.locator(".modes-switch").wait_for()

    scan(bench, "On no list", "YTO")
    clerk.tap("form[action='/counter/take_in'] button")
    expect(counter.locator(".result .shelf-huge")).to_have_text("A-1-04", timeout=WAIT_MS)
    expect(counter.locator(".modes-switch [aria-pressed=true]")).to_have_count(0)

    scan(bench, "On the truck", "SF")
    clerk.tap("form[action='/counter/take_in'] button")
    expect(counter.locator(".result .shelf-huge")).to_have_text("A-1-05", timeout=WAIT_MS)
    expect(counter.locator(".result .state-overdue")).to_have_count(0)

    scan(bench, "No parcel")
    counter.locator(".result-bad").wait_for()
    assert counter.locator("form[action='/counter/take_in']").count() == 0

    overdue = counter.locator("a.count[href*='state=overdue']")
    expect(overdue.locator("b")).to_have_text("1", timeout=WAIT_MS)
    clerk.tap("a.count[href*='state=overdue']")
    expect(counter.locator("a.row")).to_contain_text("A-1-01", timeout=WAIT_MS)

    scan(bench, "Pickup slips", "overdue")
    clerk.tap("form[action='/counter/handover'] button.primary")
    counter.locator(".state-collected").wait_for()

    receipt = intake(village)
    void_with_the_second_person(bench, clerk, receipt)
    assert village.newest_intake().voided
    assert clocks_of(village) == {"synced"}

    look_after_the_box(bench, clerk)

    with closing(StationClient(village.station_url)) as visitor:
        visitor.wait_live("every acknowledgement", {"pending": 0}, 60)
    for worker in village.counter_stock.people if village.counter_stock else ():
        assert lies_in(tmp_path, worker.pin) == []
    log = (tmp_path / "logs" / "sorting-center.log").read_text() + (tmp_path / "logs" / "station.log").read_text()
    assert not re.search(r"Traceback|ERROR", log), log
