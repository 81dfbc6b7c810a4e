"""Pages on paper: sheets, headings, numbers, and nothing that is to be touched."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page

from kiosk.messaging.contract.control import Status
from kiosk.sorting_center.desk.hours import OpeningHours
from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.registry import ExpectedStation, Township
from kiosk.sorting_center.desk.shared.cases import Condition
from kiosk.sorting_center.ledger import Delivery, Sighting
from kiosk.sorting_center.ledger.database.times import to_rfc3339
from kiosk.sorting_center.web.shared.sources import Stores
from kiosk.sorting_center.web.shared.texts import center_texts
from kiosk.texts.languages import LANGUAGES
from tests.sorting_center.reports.ledgers import ClockedStation
from tests.sorting_center.staff import NOON, PASSWORD, app_of
from tests.sorting_center.station_journal import of_weight
from tests.sorting_center.web import county_rows
from tests.sorting_center.web.county_month import MEMBER, RECEIPT, REGION, fill, read
from tests.sorting_center.web.printed import Printed
from tests.sorting_center.web.test_browser import served
from tests.web.browsing import painted

DAY = "2026-11-20"
SHEETS = {
    f"/receipts/{REGION}/{RECEIPT}": 2,
    f"/days/{DAY}": 2,
    "/days?month=2026-11": 2,
    "/goods?month=2026-11": 2,
    f"/members/{REGION}/{MEMBER}": 3,  # With the sums of each station
    "/alarms/1": 1,
    "/fleet": 2,
    f"/stations/{REGION}/S0147": 2,
    "/registry": 3,
    f"/stations/{REGION}/S0147/people": 1,
    "/members": 1,
    "/prices": 1,
    "/county-goods": 1,
    "/publish/1": 1,
}
"""The most a page may need of a county of 90 stations."""
OTHER_WORDS = ("English", "中文", "gulnar")
"""Of the head: languages, who is signed in."""
UNDERLINED = (
    "(all) => all.filter((one) => getComputedStyle(one).textDecorationLine === 'underline').map((one) => one.outerHTML)"
)
TO_BE_TOUCHED = (
    ":is(nav, form, input, select, button, .button, .skip, .languages):visible, header.top > :not(.home):visible"
)
WIDER_THAN_PAPER = """() => [...document.querySelectorAll("main *")].filter((one) => one.checkVisibility())
    .filter((one) => !one.closest(".panel:has(th:nth-child(10))"))
    .filter((one) => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
    .map((one) => one.outerHTML)"""
"""Elements that no sheet holds; what stands across a sheet is another matter."""
A4_PX = {"width": 703, "height": 1032}
"""What the margins leave of a sheet."""


@pytest.fixture
def county(stores: Stores) -> Stores:
    """A month, and in it a day of the harvest: ninety stations, eleven hours, eight goods."""
    fill(stores.ledger)
    for number in range(1, 91):
        station = ClockedStation(f"S{number:04}", f"{number:016x}")
        station.at = datetime.fromisoformat(f"{DAY}T01:00:00+00:00")
        events = [station.start()]
        for turn in (1, 2):
            station.passes(timedelta(minutes=number * 2 + turn * 100))
            events.append(station.intake(turn, **of_weight(99_990 + number), product=f"GOODS{number % 8}"))
        stores.ledger.accept(events, REGION, to_rfc3339(station.at + timedelta(minutes=1)))
    heard = [
        Sighting(REGION, f"S{n:04}", Status(online=True, pending=0, software="1.12.0", epoch=f"{n:016x}"))
        for n in range(1, 61)
    ]
    stores.ledger.commit(Delivery(sightings=heard), to_rfc3339(NOON))
    read(stores)
    stores.desk.cases.observe([Condition("fork", REGION, "S0147")], datetime.now(UTC))
    rows = [
        ExpectedStation(REGION, f"S{n:04}", f"village {n}", f"Township {n % 12}", f"0998-555-{n:04}")
        for n in range(1, 91)
    ]
    hours = OpeningHours.parse("mon-fri 09:00-19:00; sat 10:00-14:00")
    county_rows.fill_rows(stores.desk, REGION)
    stores.desk.registry.replace(rows, [Township(REGION, f"Township {n}", hours) for n in range(12)])
    return stores


@pytest.fixture
def page(browser: Browser, county: Stores) -> Iterator[Page]:
    """An operator who is signed in."""
    with served(app_of(county)) as url, signed_in(browser, county, url) as page:
        yield page


@contextmanager
def signed_in(browser: Browser, county: Stores, url: str) -> Iterator[Page]:
    now = datetime.now(UTC)
    person = county.desk.people.add("gulnar", StaffRole.OPERATOR, PASSWORD, now)
    context = browser.new_context(base_url=url, viewport=A4_PX)
    context.add_cookies(
        [{"name": "center", "value": county.desk.sessions.begin(person, url.removeprefix("http://"), now), "url": url}]
    )
    try:
        yield context.new_page()
    finally:
        context.close()


def printed(page: Page, path: str, language: str) -> Printed:
    page.goto(f"{path}{'&' if '?' in path else '?'}lang={language}")
    painted(page)
    return Printed(page.pdf(prefer_css_page_size=True))


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_page_is_a_paper_of_its_own(page: Page, language: str, subtests: pytest.Subtests) -> None:
    """Few sheets; on each the address, the moment and the county; no menu, no languages, nobody's name, no button."""
    words = center_texts(language)
    for path, most in SHEETS.items():
        with subtests.test(path=path):
            paper = printed(page, path, language)
            assert len(paper.sheets) <= most
            assert all(f"{NOON:%Y-%m-%d %H:%M}" in sheet for sheet in paper.sheets)
            assert all(path.partition("?")[0] in sheet for sheet in paper.sheets)
            text = "\n".join(paper.sheets)
            assert not {word for word in (*OTHER_WORDS, str(words("sign_out"))) if word in text}
            if language != "ug":  # whose letters stand in the order of the paper
                assert all(str(words("title")) in sheet for sheet in paper.sheets)
            page.emulate_media(media="print")
            assert page.locator(TO_BE_TOUCHED).count() == 0
            assert page.evaluate(WIDER_THAN_PAPER) == []
            assert page.locator("main a").evaluate_all(UNDERLINED) == []


@pytest.mark.parametrize("language", ["en", "zh"])
def test_headings_stand_on_each_sheet_again_and_no_row_is_cut(page: Page, language: str) -> None:
    words = center_texts(language)
    rows = re.compile(r"^\d{4}-A-\d{6}$", re.MULTILINE)
    sheets = printed(page, f"/days/{DAY}", language).sheets
    assert sum(len(rows.findall(sheet)) for sheet in sheets) == 60
    for sheet in filter(rows.search, sheets):
        assert f"\n{words('days_who')}\n" in sheet
        assert len(rows.findall(sheet)) == len(re.findall(r"^M-04412$", sheet, re.MULTILINE))
    for sheet in printed(page, "/registry", language).sheets:
        assert f"\n{words('registry_village')}\n" in sheet
        stations = re.findall(r"^S(\d{4})$", sheet, re.MULTILINE)
        assert stations and all(f"village {int(number)}\n0998-555-{number}\n" in sheet for number in stations)
        assert "09:00–19:00" in sheet


def test_the_figures_are_large_and_black_and_bars_have_an_edge(page: Page) -> None:
    page.emulate_media(media="print")
    page.goto(f"/days/{DAY}?lang=en")
    figures = page.locator(".figure").evaluate_all(
        "(all) => all.map((one) => [getComputedStyle(one).color, parseFloat(getComputedStyle(one).fontSize) * 0.75])"
    )
    assert len(figures) >= 4 and {color for color, _ in figures} == {"rgb(0, 0, 0)"}
    assert min(points for _, points in figures) >= 20
    strokes = "(all) => [...new Set(all.map((one) => getComputedStyle(one).stroke))]"
    assert page.locator(".chart .bar").evaluate_all(strokes) == ["rgb(0, 0, 0)"]


def test_what_only_a_technician_reads_stays_folded_and_the_well_stations_a_count(page: Page) -> None:
    page.emulate_media(media="print")
    page.goto(f"/stations/{REGION}/S0147?lang=en")
    assert page.locator("#technician:visible").count() == 0
    page.goto("/fleet?lang=en")
    assert page.locator(".town summary:visible").count() > 0
    assert page.locator(".town details .tile:visible").count() == 0
