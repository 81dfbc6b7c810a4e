"""What an operator does about an alarm and with the list of stations, in a browser."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.notices.targets import NoticeChannel, NoticeTarget
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.registry_csv import read_registry
from kiosk.sorting_center.desk.shared.cases import CaseState, Condition
from kiosk.sorting_center.shared.http_server import WebServer
from kiosk.sorting_center.web.shared.sources import Stores
from tests.depth import TORTURE
from tests.sorting_center.staff import PASSWORD, app_of
from tests.web import browsing

NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
DATABASES = ["sqlite", "postgresql"] if TORTURE else ["sqlite"]
"""Both are seen by the same acts in test_browser_walk.py."""
LANGUAGES = ("en", "zh", "ug")
PATIENCE_MS = 30_000
HEAD = "region,station,village,township,hours,quiet_min,contact,scale,verified_on,valid_until\n"
LONG = "Yengihayatbaghwaranliqköchmenler" * 3
ROWS = "".join(
    f"shache,S{number:04},{LONG if number == 3 else 'ئازاد باغ'},Tomosteng,mon-sat 09:00-19:00,90,"
    f"+86 998 555 {number:04},XK3190-A12 {number},2025-11-01,2026-{1 + number % 12:02}-28\n"
    for number in range(1, 13)
)


@dataclass(frozen=True)
class Pages:
    """The pages behind their own server."""

    url: str
    browser: Browser
    desk: CenterDesk

    def page(self, name: str, role: StaffRole, width_px: int = 1280, language: str = "en") -> Page:
        """Of somebody new, who is signed in."""
        person = self.desk.people.add(name, role, PASSWORD, datetime.now(UTC))
        token = self.desk.sessions.begin(person, self.url.removeprefix("http://"), datetime.now(UTC))
        context = self.browser.new_context(viewport={"width": width_px, "height": 800})
        context.set_default_timeout(PATIENCE_MS)
        cookies = {"center": token, "language": language}
        context.add_cookies([{"name": key, "value": value, "url": self.url} for key, value in cookies.items()])
        return context.new_page()


@pytest.fixture
def pages(stores: Stores, browser: Browser) -> Iterator[Pages]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = WebServer(app_of(stores), listening)
        server.start()
        yield Pages(f"http://127.0.0.1:{listening.getsockname()[1]}", browser, stores.desk)
        for context in browser.contexts:
            context.close()
        server.stop(5)


@pytest.mark.parametrize("ledger_url", DATABASES, indirect=True)
def test_an_alarm_is_taken_and_closed_and_the_second_operator_is_told(pages: Pages) -> None:
    desk = pages.desk
    (case,) = desk.cases.observe([Condition("fork", "shache", "S0147", "x 4", "event 4 came twice")], NOW)
    first, second = pages.page("gulnar", StaffRole.OPERATOR), pages.page("turdi", StaffRole.OPERATOR)
    for page in (first, second):
        page.goto(f"{pages.url}/alarms")
        page.get_by_role("link", name="Two machines send as this station").click()
    first.get_by_role("button", name="Take this case").click()
    expect(first.locator(".case-head .state")).to_have_text("taken")
    second.get_by_label("Why, in a few words").fill("I was too late")
    second.get_by_role("button", name="Close this case").click()
    expect(second.get_by_role("alert")).to_contain_text("Somebody else has decided in the meantime")
    expect(second.get_by_role("alert")).to_contain_text("gulnar")
    assert desk.cases.get(case.id).state is CaseState.CLAIMED
    first.get_by_label("Why, in a few words").fill("the copied card was taken out")
    first.get_by_role("button", name="Close this case").click()
    expect(first.locator(".steps")).to_contain_text("the copied card was taken out")
    found = desk.cases.get(case.id)
    assert (found.state, found.who) == (CaseState.CLOSED, "gulnar")


@pytest.mark.parametrize("ledger_url", DATABASES, indirect=True)
def test_a_list_with_a_fault_and_then_a_good_one_comes_in(pages: Pages, tmp_path: Path) -> None:
    page = pages.page("gulnar", StaffRole.OPERATOR)
    bad, good = tmp_path / "bad.csv", tmp_path / "good.csv"
    bad.write_text(HEAD + ROWS + "shache,S0013,,Tomosteng,mon 25:00-26:00,90,,,,\n", encoding="utf-8")
    good.write_text(HEAD + ROWS, encoding="utf-8")
    page.goto(f"{pages.url}/registry")
    page.get_by_label("CSV file").set_input_files(bad)
    page.get_by_role("button", name="Check the file").click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing of this file is imported")
    expect(page.get_by_role("row").nth(1)).to_contain_text("14")
    expect(page.get_by_role("row").nth(1)).to_contain_text("hours")
    assert pages.desk.registry.current().stations == {}
    page.get_by_role("link", name="Back to the list").click()
    page.get_by_label("CSV file").set_input_files(good)
    page.get_by_role("button", name="Check the file").click()
    expect(page.get_by_role("status")).to_contain_text("12 stations")
    page.get_by_role("button", name="Use the new list").click()
    expect(page.get_by_role("status")).to_contain_text("in force")
    assert len(pages.desk.registry.current().stations) == 12


def test_the_pages_are_clean_and_fit_on_a_telephone(pages: Pages) -> None:
    desk = pages.desk
    read = read_registry((HEAD + ROWS).encode())
    desk.registry.replace(read.stations, read.townships)
    kinds = ("fork", "quiet", "verification_over", "moonquake")
    desk.cases.observe([Condition(kind, "shache", "S0003", LONG, LONG) for kind in kinds], NOW)
    desk.cases.close(2, 1, "turdi", LONG, NOW)
    desk.notice_targets.add(
        NoticeTarget("hook", NoticeChannel.WEBHOOK, f"https://example.org/{LONG}".replace("ö", "o"), "ug"), NOW
    )
    desk.notices.collect(NOW)
    wrong: list[str] = []
    for turn, (language, width_px) in enumerate(zip(LANGUAGES, (360, 360, 1280), strict=True)):
        page = pages.page(f"admin-{language}", StaffRole.ADMIN, width_px, language)
        for number, path in enumerate(("/settle", "/alarms", "/alarms/1", "/alarms/2", "/registry", "/notices")):
            page.goto(pages.url + path)
            browsing.painted(page)
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                wrong.append(f"{path} {language} {width_px}: wider than the screen")
            if TORTURE or number % 3 == turn:  # accessibility: in one language, from page to page another
                wrong += [f"{path} {language}: {fault}" for fault in browsing.axe_faults(page)]
            wrong += [f"{path} {language}: {table}" for table in browsing.cut_tables(page)]
    assert wrong == []
