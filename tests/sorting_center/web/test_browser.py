"""A viewer with a telephone: from the front page by the tiles to a forked station and its case, in each language."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from kiosk.messaging.contract.control import Status
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.hours import OpeningHours
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.registry import ExpectedStation, Township
from kiosk.sorting_center.ledger import Delivery, Ledger, Sighting
from kiosk.sorting_center.shared.health import CenterHealth
from kiosk.sorting_center.shared.http_server import WebServer
from kiosk.sorting_center.web.shared.sources import Stores
from tests.depth import TORTURE
from tests.sorting_center.staff import PASSWORD, app_of, looked_after
from tests.sorting_center.station_journal import NOW, Station, of_weight
from tests.web.browsing import axe_faults, painted

PHONE, DESK, WALL = ({"width": w, "height": h} for w, h in ((360, 740), (1440, 900), (1920, 1080)))
WORDS = {"en": "Two machines send as this station", "zh": "两台机器以同一站点", "ug": "ئىككى ماشىنا بۇ پونكىت"}
"""Of a fork, in each language."""
PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)


BOTH = pytest.mark.parametrize("ledger_url", ["sqlite", "postgresql"], indirect=True)
IN_TORTURE_BOTH = BOTH if TORTURE else pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
"""What no other database shows in another way."""


@pytest.fixture
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'county.db'}"
    return str(request.getfixturevalue("postgres_ledger_url"))


def fill(stores: Stores) -> None:
    """A county of 200, of which one was copied."""
    station = Station("S0042")
    ledger = stores.ledger
    ledger.accept(station.run(6), "shache", NOW)
    harvest = of_weight(2_850_660, 3954)
    ledger.accept([Station("S0007").intake(1, product="POMEGRANATE", **harvest)], "shache", NOW)
    number_all(ledger)
    clone = station.clone()
    clone.sealed.pop()
    ledger.accept([clone.intake(9, **of_weight(1000))], "shache", NOW)
    says = [
        Sighting(
            "shache", f"S{n:04}", Status(online=n % 9 > 0, pending=n % 7 * 30, software="1.0.0", epoch=station.epoch)
        )
        for n in range(1, 201)
    ]
    ledger.commit(Delivery(sightings=says), NOW)
    towns = [f"Township of a long name {number}" for number in range(12)]
    rows = [
        ExpectedStation("shache", f"S{n:04}", f"village {n}", towns[n % 12], f"0998-555-{n:04}") for n in range(1, 203)
    ]
    stores.desk.registry.replace(
        rows, [Township("shache", name, OpeningHours.parse("mon-sun 10:00-19:00")) for name in towns]
    )
    looked_after(stores)


def number_all(ledger: Ledger) -> None:
    """What a commit released has its place in the feed, also where a numberer gives it."""
    while ledger.number(100):
        pass


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """The address of the pages behind the sorting center's own server."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = WebServer(app, listening)
        server.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.stop(10.0)


@contextmanager
def viewer(browser: Browser, desk: CenterDesk, url: str, language: str) -> Iterator[Page]:
    """Who is signed in before a telephone; nothing may be said on the console."""
    now = datetime.now(UTC)
    person = next(iter(desk.people.all()), None) or desk.people.add("aygul", StaffRole.VIEWER, PASSWORD, now)
    token = desk.sessions.begin(person, url.removeprefix("http://"), now)
    context = browser.new_context(viewport=PHONE, reduced_motion="reduce")
    cookies = {"center": token, "language": language}
    context.add_cookies([{"name": name, "value": value, "url": url} for name, value in cookies.items()])
    page, said = context.new_page(), list[str]()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    try:
        yield page
    finally:
        context.close()
    assert said == []


def faults(page: Page, accessible: bool = True) -> list[str]:
    """Of the page on the screen: scrolling sideways, and if that is asked what the rules of accessibility say."""
    painted(page)
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [*(axe_faults(page) if accessible else ()), *([f"{page.url} is {wide} px too wide"] if wide else [])]


@BOTH
def test_a_viewer_gets_from_the_front_page_to_the_case_of_a_forked_station(
    browser: Browser, stores: Stores, ledger_url: str
) -> None:
    """In each language, and each page is looked at for accessibility in one of them; on PostgreSQL in one, and the same
    pages need not be looked at again.
    """
    fill(stores)
    on_file = ledger_url.startswith("sqlite")
    walks = list(enumerate(WORDS.items()))
    health = CenterHealth()
    health.set_connected(True)
    found: list[str] = []
    with served(app_of(stores, health)) as url:
        for turn, (language, word) in walks if TORTURE or on_file else walks[-1:]:
            looks = [TORTURE or (on_file and number % 3 == turn) for number in range(4)]
            with viewer(browser, stores.desk, url, language) as page:
                page.goto(url)
                expect(page.locator("html")).to_have_attribute("lang", language)
                expect(page.locator(".shares")).to_contain_text("POMEGRANATE")
                found += faults(page, looks[0])
                page.locator("a.chip.m-fork").click()
                expect(page.locator("a.tile")).to_have_count(1)
                found += faults(page, looks[1])
                page.locator("a.tile.m-fork", has_text="S0042").click()
                expect(page.locator(".care li").first).to_contain_text(word)
                found += faults(page, looks[2])
                page.goto(f"{url}/fleet")
                found += faults(page, looks[3])
    assert found == []


@IN_TORTURE_BOTH
def test_which_station_is_in_trouble_and_whom_to_call_is_one_click_from_the_front_page(
    browser: Browser, stores: Stores
) -> None:
    """In each language, at a desk and on a telephone: the number to dial is on the first screen."""
    fill(stores)
    with served(app_of(stores)) as url:
        for language in WORDS:
            with viewer(browser, stores.desk, url, language) as page:
                for size in (DESK, PHONE):
                    page.set_viewport_size(size)
                    page.goto(url)
                    page.locator("a.chip.m-fork").click()
                    tile = page.locator("li:has(> a.tile.m-fork)")
                    expect(tile).to_be_in_viewport(ratio=1)
                    expect(tile).to_contain_text("village 42")
                    expect(tile.locator("a.tel")).to_have_attribute("href", "tel:09985550042")
                    page.goto(f"{url}/fleet")
                    expect(page.locator("li:has(> a.tile.m-fork)")).to_be_in_viewport(ratio=1)
                    assert page.locator("a.tile.m-well:visible").count() == 0
                    page.locator("a.tile.m-fork").click()
                    for part in (".state", ".say", ".verdict a[href='tel:09985550042']"):
                        expect(page.locator(part)).to_be_in_viewport()
                    expect(page.locator(".say")).not_to_be_empty()


@IN_TORTURE_BOTH
def test_a_wall_shows_two_hundred_stations_and_the_day_without_scrolling(browser: Browser, stores: Stores) -> None:
    fill(stores)
    with (
        served(app_of(stores)) as url,
        viewer(browser, stores.desk, url, "en") as page,
    ):
        page.set_viewport_size(WALL)
        for path in ("/fleet", "/"):
            page.goto(url + path)
            assert page.evaluate("document.documentElement.scrollHeight - innerHeight") <= 0, path
        assert page.evaluate("parseFloat(getComputedStyle(document.querySelector('.figure')).fontSize)") >= 64


@IN_TORTURE_BOTH
def test_what_changes_appears_and_who_reads_by_keyboard_stays_where_they_are(browser: Browser, stores: Stores) -> None:
    fill(stores)
    with (
        served(app_of(stores)) as url,
        viewer(browser, stores.desk, url, "en") as page,
    ):
        page.goto(f"{url}/fleet")
        fold = page.locator("section", has=page.locator("a.tile", has_text="S0001")).locator("details")
        fold.locator("summary").click()
        page.locator("a.tile", has_text="S0042").focus()
        expect(page.locator("a.tile", has_text="S0001")).to_have_class("tile m-well")
        status = Status(online=True, pending=500, software="1.0.0", epoch=Station().epoch)
        stores.ledger.commit(Delivery(sightings=[Sighting("shache", "S0001", status)]), NOW)
        expect(page.locator("a.tile", has_text="S0001")).to_have_class("tile m-late")
        assert "S0042" in page.evaluate("document.activeElement.textContent")
        assert fold.get_attribute("open") is not None, "what a person unfolds stays so"
        assert page.locator(".town details[open]").count() == 1
        page.goto(f"{url}/fleet?q=village")
        page.locator("section", has=page.locator("a.tile", has_text="S0002")).locator("summary").click()
        status = Status(online=True, pending=500, software="1.0.0", epoch=Station().epoch)
        stores.ledger.commit(Delivery(sightings=[Sighting("shache", "S0003", status)]), NOW)
        expect(page.locator("a.tile", has_text="S0003")).to_have_class("tile m-late")
        assert page.locator(".town details:not([open])").count() == 1, "what a person folds, too"
