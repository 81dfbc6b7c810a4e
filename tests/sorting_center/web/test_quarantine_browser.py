"""A copied card: what it sent is looked at and decided on by one of two operators, in a browser."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace
from playwright.sync_api import Browser, BrowserContext, Page, expect

from kiosk.sorting_center.decision_worker import carry_out_oldest
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.registry import ExpectedStation
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.reports.follower import ReportsFollower
from kiosk.sorting_center.shared.http_server import WebServer
from kiosk.sorting_center.web.shared.sources import Stores
from tests.depth import TORTURE
from tests.sorting_center.reports.ledgers import ClockedStation, closed, followed
from tests.sorting_center.staff import PASSWORD, app_of, stores_of
from tests.sorting_center.station_journal import NOW, of_weight
from tests.sorting_center.web.test_reconciliation import DAY, ONE
from tests.web.browsing import axe_faults, painted

PHONE, DESK_SCREEN = {"width": 360, "height": 740}, {"width": 1280, "height": 800}
PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(params=["sqlite", "postgresql"] if TORTURE else ["sqlite"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'county.db'}"
    return str(request.getfixturevalue("postgres_ledger_url"))


def number_all(ledger: Ledger) -> None:
    while ledger.number(100):
        pass


def fill(stores: Stores) -> None:
    """A station whose card was copied, one that is newer than the center was, and days that do not add up."""
    ledger = stores.ledger
    copied = ClockedStation("S0042", "42" * 8)
    ledger.accept(copied.run(5), "shache", NOW)
    clone = copied.clone()
    ledger.accept([copied.intake(5), copied.intake(6)], "shache", NOW)
    ledger.accept([clone.intake(9, **of_weight(1_000))], "shache", NOW)
    newer = ClockedStation("S0147", "47" * 8)
    told = [newer.start(), newer.intake(1), newer.intake(2), newer.intake(2, **of_weight(7_000), party="M-00077")]
    told.append(newer.add(closed(**{**ONE, "net_g": 30_000, "intakes": 3}, first_seq=1, last_seq=4)))
    told[1] = replace(told[1], problem="unknown_type")
    ledger.accept([*told, newer.intake(3, net_g=1)], "shache", NOW)
    for number in range(1, 8):
        station = ClockedStation(f"S{number:04}", f"{number:02}" * 8)
        said = ONE if number % 3 else {**ONE, "intakes": 2, "net_g": 13_000, "consignment_fen": 29_999}
        events = [station.start(), station.intake(1)]
        if number != 5:
            events.append(station.add(closed(**said, first_seq=1, last_seq=2)))
        ledger.accept(events, "shache", NOW)
    number_all(ledger)
    followed(ReportsFollower(ledger, stores.reports))
    villages = ("乌达力克乡 3村", "ئازاتباغ كەنتى", "Azat Bagh", "")
    rows = [ExpectedStation("shache", f"S{n:04}", villages[n % 4], "") for n in (*range(1, 8), 42, 147)]
    stores.desk.registry.replace(rows, [])


@contextmanager
def served(stores: Stores) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = WebServer(app_of(stores), listening)
        server.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.stop(10)


def signed_in(
    browser: Browser, url: str, stores: Stores, name: str, role: StaffRole = StaffRole.OPERATOR
) -> BrowserContext:
    now = datetime.now(UTC)
    person = stores.desk.people.add(name, role, PASSWORD, now)
    token = stores.desk.sessions.begin(person, url.removeprefix("http://"), now)
    context = browser.new_context(viewport=DESK_SCREEN, locale="en")
    context.add_cookies([{"name": "center", "value": token, "url": url}])
    return context


def opened(context: BrowserContext, url: str, path: str) -> Page:
    page = context.new_page()
    page.goto(f"{url}{path}")
    return page


def faults(page: Page, accessible: bool = True) -> list[str]:
    """Of a page that is wider than its screen, and of accessibility if that is asked."""
    painted(page)
    found = list(axe_faults(page)) if accessible else []
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [*found, *([f"{wide} px too wide"] if wide else [])]


def test_a_fork_is_decided_on_by_one_of_two_operators(browser: Browser, ledger: Ledger) -> None:
    with stores_of(ledger) as stores:
        fill(stores)
        with served(stores) as url:
            one, other = (signed_in(browser, url, stores, name) for name in ("aygul", "wang"))
            mine = opened(one, url, "/quarantine?lang=en")
            mine.get_by_role("cell", name="two machines: other content in the same place").locator("..").get_by_role(
                "link"
            ).click()
            expect(mine.get_by_role("heading", level=1)).to_contain_text("S0042")
            expect(mine.get_by_role("heading", name="The two receipts side by side")).to_be_visible()
            mine.get_by_text("For the technician").click()
            expect(mine.get_by_role("heading", name="Here instead").first).to_be_visible()
            theirs = opened(other, url, mine.url.removeprefix(url))
            for page, why in ((mine, "the first card goes on"), (theirs, "the same as I think")):
                page.get_by_label("Why", exact=True).fill(why)
                page.get_by_role("button", name="Decide").click()
            expect(mine.locator(".decisions")).to_contain_text("the first card goes on")
            expect(theirs.get_by_role("alert")).to_contain_text("aygul has decided: Set aside")
            expect(theirs.get_by_label("Why", exact=True)).to_have_value("the same as I think")
            assert faults(theirs) == []
            take_in_again(opened(one, url, "/quarantine?lang=en&reason=unknown_type"), stores)
            for context in (one, other):
                context.close()


def take_in_again(page: Page, stores: Stores) -> None:
    page.get_by_role("row").get_by_role("link").click()
    page.get_by_label("Take in again").check()
    page.get_by_label("Why", exact=True).fill("the center was updated")
    page.get_by_role("button", name="Decide").click()
    expect(page.get_by_role("status")).to_contain_text("waits to be carried out")
    assert carry_out_oldest(stores.ledger, stores.desk)
    number_all(stores.ledger)
    page.reload()
    expect(page.get_by_role("status")).to_contain_text("is no longer in quarantine")
    followed(ReportsFollower(stores.ledger, stores.reports))
    page.goto(f"{page.url.partition('/quarantine')[0]}/reconciliation?day={DAY}")
    expect(page.get_by_role("article", name="S0147 5")).to_contain_text("the figures do not agree")


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
def test_every_page_is_good_to_everybody_on_every_screen(browser: Browser, ledger: Ledger) -> None:
    with stores_of(ledger) as stores:
        fill(stores)
        wrong = [
            f"{language} {screen['width']} {path}: {fault}"
            for language, screen, path, page, accessible in shown_pages(browser, stores)
            for fault in faults(page, accessible)
        ]
        assert wrong == []


def shown_pages(browser: Browser, stores: Stores) -> Iterator[tuple[str, dict[str, int], str, Page, bool]]:
    """Each page in each language; looked at for accessibility in one, from page to page another."""
    with served(stores) as url:
        context = signed_in(browser, url, stores, "aygul")
        page = context.new_page()
        paths = ["/settle", "/quarantine", "/quarantine/1", "/quarantine/3", f"/reconciliation?day={DAY}"]
        paths += ["/reconciliation/shache/S0147", "/reconciliation/receipts"]
        for turn, (language, screen) in enumerate((("en", PHONE), ("zh", DESK_SCREEN), ("ug", PHONE))):
            page.set_viewport_size(screen)  # type: ignore[arg-type]
            for number, path in enumerate(paths):
                page.goto(f"{url}{path}{'&' if '?' in path else '?'}lang={language}")
                page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
                yield language, screen, path, page, TORTURE or number % 3 == turn
        context.close()
