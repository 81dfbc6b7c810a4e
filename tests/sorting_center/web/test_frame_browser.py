"""The row of places in a browser: high enough for a thumb, never more than one row, and its menus by keyboard."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, Page, expect

from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.registry import ExpectedStation
from kiosk.sorting_center.desk.shared.cases import Condition
from kiosk.sorting_center.shared.http_server import WebServer
from kiosk.sorting_center.web.shared.sources import Stores
from tests.sorting_center.staff import PASSWORD, app_of
from tests.web.browsing import axe_faults, painted

NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
WIDTHS = (360, 768, 1024, 1280, 1440, 1920)
MAX_HEIGHT_PX = 72
OUTSIDE = """() => [...document.querySelectorAll('.top a, .top summary, .top input, .top button')]
    .filter((one) => one.checkVisibility())
    .filter((one) => { const box = one.getBoundingClientRect(); return box.left < 0 || box.right > innerWidth
        || one.scrollWidth > one.clientWidth + 1; })
    .map((one) => one.textContent.trim())"""
"""What is cut off or lies beyond the edge of the screen."""
OVER_EACH_OTHER = """() => {
    const boxes = [...document.querySelectorAll('.places > *, .find, .seek, .me')]
        .filter((one) => one.checkVisibility()).map((one) => one.getBoundingClientRect())
        .sort((one, other) => one.left - other.left);
    return boxes.slice(1).filter((box, place) => box.left < boxes[place].right - 1).length;
}"""


@pytest.fixture
def page(stores: Stores, browser: Browser) -> Iterator[Page]:
    """An administrator's, with a hundred rows to settle."""
    stores.desk.registry.replace([ExpectedStation("shache", "S0001", "Azat Bagh", "Tomosteng", "+86 998 555 0001")], [])
    stores.desk.cases.observe([Condition("quiet", "shache", f"S{number:04}") for number in range(1, 131)], NOW)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = WebServer(app_of(stores), listening)
        server.start()
        url, now = f"http://127.0.0.1:{listening.getsockname()[1]}", datetime.now(UTC)
        person = stores.desk.people.add("aygul", StaffRole.ADMIN, PASSWORD, now)
        token = stores.desk.sessions.begin(person, url.removeprefix("http://"), now)
        context = browser.new_context(base_url=url, locale="en-US")
        context.add_cookies([{"name": "center", "value": token, "url": url}])
        page = context.new_page()
        page.goto("/settle")  # from here on the count is known
        yield page
        context.close()
        server.stop(5)


def test_the_head_is_one_row_in_every_language_on_every_screen(page: Page) -> None:
    wrong: list[str] = []
    for language in ("en", "zh", "ug"):
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 800})
            page.goto(f"/registry?lang={language}")
            painted(page)
            height = page.evaluate("document.querySelector('.top').getBoundingClientRect().height")
            if height > MAX_HEIGHT_PX or page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                wrong.append(f"{language} {width}: {height} px high")
            wrong += [f"{language} {width}: {text}" for text in page.evaluate(OUTSIDE)]
            if page.evaluate(OVER_EACH_OTHER):
                wrong.append(f"{language} {width}: one over the other")
            expect(page.locator(".places > a:visible")).to_have_count(3 if width <= 960 else 5)
            wrong += [f"{width}: {fault}" for fault in axe_faults(page)] if language == "en" else []
    assert wrong == []


def test_the_menus_open_by_keyboard_and_one_at_a_time(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto("/?lang=en")
    more, me = page.locator("details.more"), page.locator("details.me")
    more.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(more.get_by_role("link", name="Goods and days")).to_be_visible()
    assert list(axe_faults(page)) == []
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent").strip() == "Goods and days"
    me.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(more).not_to_have_attribute("open", "")
    assert list(axe_faults(page)) == []
    me.get_by_role("link", name="中文").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh")


def test_a_telephone_leads_to_the_search_page_which_takes_a_scan(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto("/?lang=en")
    page.get_by_role("link", name="Search").click()
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("S0001")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("q=S0001"))


def test_enter_in_the_reason_closes_what_is_chosen_and_takes_nothing(page: Page, stores: Stores) -> None:
    """The first button of a form is the one that Enter means: it is not that of the first row."""
    page.goto("/settle?lang=en&kind=quiet&q=azat")
    page.get_by_role("checkbox").check()
    page.get_by_label("Why it is settled").fill("power is back")
    page.keyboard.press("Enter")
    expect(page.locator(".case")).to_have_count(0)
    assert [(step.state.value, step.reason) for step in stores.desk.cases.history(1)][-1] == ("closed", "power is back")


def test_the_list_goes_along_on_paper_and_its_reason_stays_in_sight(page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 700})
    page.goto("/settle?lang=en&kind=quiet")
    expect(page.get_by_role("link", name="+86 998 555 0001")).to_have_attribute("href", "tel:+869985550001")
    page.locator(".case").last.scroll_into_view_if_needed()
    expect(page.get_by_label("Why it is settled")).to_be_in_viewport()
    page.emulate_media(media="print")
    expect(page.locator(".case").first).to_be_visible()
    expect(page.locator(".home")).to_contain_text("Sorting center")
    assert page.locator(".top :is(nav, form, summary, .seek):visible").count() == 0
