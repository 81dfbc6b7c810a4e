"""Somebody with a scanner at the county: finds a receipt, reads it, takes the month along in a file."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from openpyxl import load_workbook
from playwright.sync_api import Browser, Page, expect

from kiosk.sorting_center.desk.people import StaffRole
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.desk.shared.cases import Condition
from kiosk.sorting_center.shared.http_server import WebServer
from kiosk.sorting_center.web.shared.sources import Stores
from tests.depth import TORTURE
from tests.sorting_center.staff import PASSWORD, app_of
from tests.sorting_center.web.county_month import (
    DOUBLE,
    MEMBER,
    PARCEL,
    RECEIPT,
    REGION,
    VOIDED,
    fill,
    fill_great,
    read,
)
from tests.web.browsing import axe_faults, cut_tables, painted

DATABASES = ["sqlite", "postgresql"] if TORTURE else ["sqlite"]
"""Both are seen by the same acts in test_browser_walk.py."""
PHONE = {"width": 360, "height": 740}
PATHS = (
    *("/search", "/search?q=nothing-at-all", f"/receipts/{REGION}/{VOIDED}", f"/receipts/{REGION}/{DOUBLE}"),
    *(f"/receipts/{REGION}/{RECEIPT}?bag=1", "/search?q=A-000001"),
    *(f"/parcels/{REGION}/{PARCEL}", f"/members/{REGION}/{MEMBER}", "/days?month=2026-11", "/days/2026-11-05"),
    *("/goods?month=2026-11", "/stock", "/stock?product=BADAM", f"/stock?product=BADAM&region={REGION}&station=S0147"),
)

RIGHT_EDGES = """() => [...document.querySelectorAll("table")].flatMap((table) => {
    const columns = {};
    for (const figure of table.querySelectorAll(":is(td, tfoot th).n bdi:first-child:last-child"))
        (columns[figure.closest("td, th").cellIndex] ??= []).push(figure.getBoundingClientRect().right);
    return Object.values(columns);
})"""
"""Of the figures, column by column."""
CHART = """(svg) => {
    const frame = svg.closest("section, figure").getBoundingClientRect();
    const texts = [...svg.querySelectorAll("text")];
    const boxes = texts.map((text) => text.getBoundingClientRect());
    const ticks = boxes.filter((_, at) => !texts[at].matches(".scale")).sort((a, b) => a.left - b.left);
    return {
        least: Math.min(...texts.map((text) => parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a)),
        outside: boxes.filter((box) => box.left < frame.left || box.right > frame.right).map((box) => box.left),
        touching: ticks.filter((box, at) => at && box.left < ticks[at - 1].right).map((box) => box.left),
    };
}"""
TOO_LIGHT = """() => [...document.querySelectorAll("body *")].filter((element) => {
    const [text] = [...element.childNodes].filter((node) => node.nodeType === 3 && node.data.trim());
    const [red, green, blue] = getComputedStyle(element).color.match(/\\d+/g).map(Number);
    const isFaint = Math.max(red, green, blue) > 110;
    return text && isFaint && !element.closest("svg, script, title") && element.checkVisibility();
}).map((element) => element.outerHTML)"""
"""Elements whose own text would be faint on white paper."""
KEPT = """(marks) => marks.map((mark) => getComputedStyle(mark)).map(
    (style) => `${style.backgroundColor} ${style.printColorAdjust ?? style.webkitPrintColorAdjust}`)"""


@pytest.fixture
def county(stores: Stores) -> Stores:
    fill(stores.ledger)
    read(stores)
    return stores


@pytest.fixture
def url(county: Stores) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = WebServer(app_of(county), listening)
        server.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.stop(5)


@pytest.fixture
def page(browser: Browser, county: Stores, url: str) -> Iterator[Page]:
    """An operator who is signed in; nothing may be complained of on the console."""
    now = datetime.now(UTC)
    person = county.desk.people.add("gulnar", StaffRole.OPERATOR, PASSWORD, now)
    token = county.desk.sessions.begin(person, url.removeprefix("http://"), now)
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-US")
    context.add_cookies([{"name": "center", "value": token, "url": url}])
    page, said = context.new_page(), list[str]()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    yield page
    context.close()
    assert said == [], sorted(set(said))


@pytest.mark.parametrize("ledger_url", DATABASES, indirect=True)
def test_a_receipt_is_found_by_a_scan_and_the_month_is_taken_along(
    page: Page, county: Stores, url: str, tmp_path: Path
) -> None:
    page.goto(f"{url}/days?month=2026-11")
    page.get_by_role("searchbox").click()
    page.keyboard.type(RECEIPT.code)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(str(RECEIPT))
    expect(page.get_by_text("hash recomputed: the same")).to_have_count(2)
    page.get_by_role("link", name="2026-11-03").click()
    page.get_by_role("link", name="Month 2026-11").click()
    with page.expect_download() as coming:
        page.get_by_role("link", name="Everything (XLSX)").click()
    coming.value.save_as(tmp_path / "month.xlsx")
    book = load_workbook(tmp_path / "month.xlsx", read_only=True)
    head, *rows = book["Receipts"].values
    assert str(RECEIPT) in {row[head.index("Receipt")] for row in rows}
    whole = county.reports.days.total(date(2026, 11, 1), date(2026, 11, 30))
    net = sum(row[head.index("Net weight (kg)")] for row in rows)
    assert round(net, 3) == whole.net_g / 1000
    book.close()
    assert [row.act for row in county.desk.audit.page(who="gulnar")] == [AuditAction.EXPORTED, AuditAction.SEARCHED]


def test_a_bar_leads_to_its_day_and_a_receipt_is_settled(page: Page, county: Stores, url: str) -> None:
    page.goto(f"{url}/days?month=2026-11")
    page.locator(".charts a", has_text="2026-11-05").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("2026-11-05")
    page.get_by_role("link", name=str(DOUBLE)).click()
    page.get_by_label("Reason").fill("the paper says 7 kg")
    page.get_by_role("button", name="Settle").click()
    expect(page.get_by_text("the paper says 7 kg")).to_be_visible()


def test_every_page_is_whole_for_everyone(page: Page, county: Stores, url: str) -> None:
    """No sideways scroll on a phone, no table cut off on a desk, in each language.

    Rules of accessibility in one language, from page to page another.
    """
    broken: list[str] = []
    fill_great(county.ledger)
    read(county)
    for turn, language in enumerate(("en", "zh", "ug")):
        page.context.add_cookies([{"name": "language", "value": language, "url": url}])
        for number, path in enumerate(PATHS):
            page.set_viewport_size(PHONE)
            page.goto(url + path)
            page.evaluate("document.querySelectorAll('main details').forEach((folded) => { folded.open = true; })")
            painted(page)
            width = page.evaluate("document.documentElement.scrollWidth")
            broken += [f"{language} {path}: {width} px wide"] if width > PHONE["width"] else []
            if TORTURE or number % 3 == turn:
                broken += [f"{language} {path}: {fault}" for fault in axe_faults(page)]
            broken += [f"{language} {path}: {table}" for table in cut_tables(page)]
    assert broken == [], broken


def test_figures_of_a_column_end_at_one_edge_in_every_language(page: Page, url: str) -> None:
    """Units stand under units, also where the words run from right to left."""
    ragged: list[str] = []
    for language in ("en", "ug"):
        page.context.add_cookies([{"name": "language", "value": language, "url": url}])
        for path in ("/days?month=2026-11", "/days/2026-11-05", "/goods?month=2026-11", "/stock?product=BADAM"):
            page.goto(url + path)
            edges = page.evaluate(RIGHT_EDGES)
            assert edges
            ragged += [f"{language} {path}: {column}" for column in edges if max(column) - min(column) > 1]
    assert ragged == []


def test_charts_are_read_on_a_phone_and_days_are_turned_by_keys(page: Page, url: str) -> None:
    """Letters of a chart keep their size and stand inside their panel; no two of an axis touch."""
    page.set_viewport_size(PHONE)
    for path in ("/days?month=2026-11", "/days/2026-11-05", "/"):
        page.goto(url + path)
        painted(page)
        drawn = page.locator("svg.chart").first.evaluate(CHART)
        assert drawn["least"] >= 11, path
        assert drawn["outside"] == [] and drawn["touching"] == [], path
    page.goto(f"{url}/days/2026-11-05")
    page.locator("a.skip").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{url}/days/2026-11-05#main")
    page.keyboard.press("Tab")
    expect(page.locator('main [rel="prev"]')).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("2026-11-04")
    keys = page.locator("main [accesskey]").evaluate_all("(links) => links.map((one) => [one.rel, one.accessKey])")
    assert keys == [["prev", ","], ["next", "."]]


def test_on_paper_all_is_ink_and_nothing_is_to_be_touched(page: Page, county: Stores, url: str, tmp_path: Path) -> None:
    """Browsers print no backgrounds: figures are dark, a grave mark is seen, and what stands around them stays away."""
    county.desk.cases.observe([Condition("fork", REGION, "S0147")], datetime.now(UTC))
    page.emulate_media(media="print")
    for path in ("/", "/days/2026-11-05", "/fleet"):
        page.goto(url + path)
        for selector in (".home", "h1, h2, .figure", "main"):
            expect(page.locator(selector).first).to_be_visible()
        assert page.locator(":is(nav, form, button, .languages, .places, .find, .me, summary):visible").count() == 0
        assert page.evaluate(TOO_LIGHT) == [], path
        shown = page.locator(".m-fork .s").evaluate_all(KEPT)
        assert set(shown) == ({"rgb(157, 28, 28) exact"} if path != "/days/2026-11-05" else set())
    page.goto(f"{url}/days/2026-11-05")
    heads = "[...document.querySelectorAll('thead')].map((head) => getComputedStyle(head).display)"
    assert set(page.evaluate(heads)) == {"table-header-group"}
    assert page.pdf(path=tmp_path / "day.pdf").count(b"/Type /Page\n") == 1
