"""Prices in a browser: typed like a spreadsheet, pasted, published by a second person; in Uyghur and Chinese."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.people import StaffRole
from tests.sorting_center.web import county_rows
from tests.sorting_center.web.county_rows import REGION, content
from tests.sorting_center.web.test_browser_cases import Pages, pages
from tests.web import browsing

__all__ = ["pages"]
ALMONDS = '[name="p.BADAM/purchase/"]'
WALNUTS = '[name="p.WALNUT/purchase/"]'
PASTE = """(input, text) => {
    const data = new DataTransfer();
    data.setData("text/plain", text);
    input.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
}"""


def judged(page: Page) -> list[str]:
    browsing.painted(page)
    wide = ["wider than the screen"] if page.evaluate("document.documentElement.scrollWidth > innerWidth") else []
    return [f"{page.url}: {fault}" for fault in (*wide, *browsing.axe_faults(page), *browsing.cut_tables(page))]


@pytest.mark.parametrize(("language", "width_px"), [("ug", 1280), ("zh", 360)])
def test_prices_are_typed_pasted_and_published_by_a_second_person(pages: Pages, language: str, width_px: int) -> None:
    desk, wrong = pages.desk, list[str]()
    county_rows.fill(desk)
    page = pages.page("gulnar", StaffRole.OPERATOR, width_px, language)
    page.goto(f"{pages.url}/prices")
    wrong += judged(page)
    almonds, walnuts = page.locator(ALMONDS), page.locator(WALNUTS)
    almonds.fill("30")
    expect(almonds.locator("xpath=..").locator(".change b")).to_have_text("+25.0%")
    almonds.press("Enter")
    expect(walnuts).to_be_focused()
    walnuts.press("ArrowUp")
    expect(almonds).to_be_focused()
    almonds.evaluate(PASTE, "26.00\t1\r\n12.345\r\n99.00\r\n")
    expect(almonds).to_have_value("26.00")
    expect(walnuts).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#pasted")).to_contain_text("2")
    page.locator('button[value="save"]').click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(almonds).to_have_value("26.00")
    wrong += judged(page)
    walnuts.fill("19.00")
    page.locator('button[value="save"]').click()
    expect(page.get_by_role("status").first).to_be_visible()
    assert (content(desk, "price", "BADAM/purchase/"), content(desk, "price", "WALNUT/purchase/")) == (
        '{"fen_per_kg":2600}',
        '{"fen_per_kg":1900}',
    )
    page.goto(f"{pages.url}/publish")
    expect(page.locator('form[action^="/publish"] button')).to_have_count(0)
    second = pages.page("turdi", StaffRole.ADMIN, width_px, language)
    for path in (
        "/county-goods",
        "/county-goods/product/BADAM",
        "/county-goods/container/new",
        "/county-goods/labels",
        "/publish",
    ):
        second.goto(pages.url + path)
        wrong += judged(second)
    second.locator("#note").fill("第48周")
    second.locator('form[action^="/publish"] button').click()
    expect(second.get_by_role("status")).to_be_visible()
    second.get_by_role("link", name="2").click()
    wrong += judged(second)
    assert wrong == []
    made = desk.book.releases(REGION)[0]
    assert (made.number, made.changed_by, made.published_by) == (2, "gulnar", "turdi")


def test_the_table_is_a_form_without_its_script(pages: Pages, desk: CenterDesk) -> None:
    county_rows.fill(desk)
    page = pages.page("gulnar", StaffRole.OPERATOR)
    page.route("**/prices.js", lambda route: route.abort())
    page.goto(f"{pages.url}/prices")
    page.locator(ALMONDS).fill("27.5")
    page.locator(ALMONDS).press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("Saved in the draft")
    assert content(desk, "price", "BADAM/purchase/") == '{"fen_per_kg":2750}'
