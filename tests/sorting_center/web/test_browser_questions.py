"""What people of a county ask, and how many clicks they are from the answer: at a desk and on a telephone.

Which station is in trouble and whom to call: test_browser.py.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.shared.http_server import WebServer
from kiosk.sorting_center.web.shared.sources import Stores
from kiosk.texts import formats
from tests.sorting_center.staff import NOON, PASSWORD, app_of
from tests.sorting_center.web.county_month import MEMBER, RECEIPT, fill, read
from tests.web.browsing import painted

SIZES = (ViewportSize(width=1440, height=900), ViewportSize(width=360, height=740))
LANGUAGES = ("en", "zh", "ug")


class Walk:
    """A person who is signed in; ``clicks`` are counted from the front page, Enter of a scanner is none."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url, self.clicks = page, url, 0

    def begins(self) -> None:
        self.page.goto(self.url)
        painted(self.page)
        self.clicks = 0

    def clicks_on(self, selector: str) -> None:
        self.page.locator(selector).locator("visible=true").first.click()
        self.clicks += 1

    def types(self, text: str) -> None:
        """Into the field that every page has: at a desk in its head, on a telephone behind its drawing."""
        narrow = self.page.locator("header a.seek:visible").count() > 0
        self.clicks_on("header a.seek" if narrow else "header input[type=search]")
        expect(self.page.locator("input[type=search]:focus")).to_have_count(1)
        self.page.keyboard.type(text)
        self.page.keyboard.press("Enter")

    def sees(self, selector: str, *texts: str) -> None:
        """On the first screen, without scrolling."""
        found = self.page.locator(selector).locator("visible=true").first
        expect(found).to_be_in_viewport()
        for text in texts:
            expect(found).to_contain_text(text)


@pytest.fixture
def walks(browser: Browser, stores: Stores) -> Iterator[Iterator[Walk]]:
    """One for each language and size."""
    fill(stores.ledger)
    read(stores)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = WebServer(app_of(stores, now=NOON), listening)
        server.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        now = datetime.now(UTC)
        person = stores.desk.people.add("gulnar", StaffRole.VIEWER, PASSWORD, now)
        token = stores.desk.sessions.begin(person, url.removeprefix("http://"), now)
        context = browser.new_context()
        context.set_default_timeout(30_000)
        cookies = ((name, value) for name, value in (("center", token), ("language", "")))
        context.add_cookies([{"name": name, "value": value, "url": url} for name, value in cookies])
        page = context.new_page()

        def every() -> Iterator[Walk]:
            for language in LANGUAGES:
                context.add_cookies([{"name": "language", "value": language, "url": url}])
                for size in SIZES:
                    page.set_viewport_size(size)
                    walk = Walk(page, url)
                    walk.begins()
                    expect(page.locator("html")).to_have_attribute("lang", language)
                    yield walk

        try:
            yield every()
        finally:
            context.close()
            server.stop(5)


def test_five_questions_are_answered(walks: Iterator[Walk], stores: Stores) -> None:
    day = stores.reports.days.day_of(NOON)
    today = stores.reports.days.total(day, day)
    year = stores.reports.members.year(MEMBER, "shache", NOON.year).figures
    for walk in walks:
        # What came in today?
        walk.sees(".figures .lead .figure", formats.tonnes(today.net_g))
        assert walk.clicks == 0
        # What can we sell?
        walk.clicks_on("main a[href*='/stock']")
        walk.sees("table.stock tbody tr")
        assert walk.clicks == 1
        # What did this member bring this year?
        walk.begins()
        walk.types(MEMBER.removeprefix("M-"))
        expect(walk.page).to_have_url(f"{walk.url}/members/shache/{MEMBER}")
        walk.sees(".totals .lead .figure", formats.kg_text(year.net_g))
        walk.sees(".totals .estimate .figure", formats.money(year.consigned_fen))
        assert walk.clicks <= 2
        # Where is this bag now?
        walk.begins()
        walk.types(RECEIPT.bag_code(1))
        walk.sees(".paper .first", "S0147")
        assert walk.clicks <= 1, "one scan"
