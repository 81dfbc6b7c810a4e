"""From an empty desk to a month in a spreadsheet: what people at a county do in their first days, in one walk."""

from __future__ import annotations

import csv
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner
from msgspec.structs import replace
from openpyxl import load_workbook
from playwright.sync_api import Browser, Locator, Page, expect

from kiosk.cli.sorting_center import main
from kiosk.domain.identifiers import ReceiptNumber
from kiosk.sorting_center.decision_worker import carry_out_oldest
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.desk.shared.cases import CaseState
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger.database.times import to_rfc3339
from kiosk.sorting_center.reports.shared.figures import total
from kiosk.sorting_center.shared.http_server import WebServer
from kiosk.sorting_center.web.shared.sources import Stores
from kiosk.texts import formats
from tests.sorting_center.reports.counties import expected_days
from tests.sorting_center.reports.ledgers import ClockedStation, closed
from tests.sorting_center.staff import app_of, looked_after
from tests.sorting_center.station_journal import NOW, of_weight
from tests.sorting_center.web.county_month import read

ADMIN, OPERATOR = ("gulnar", "walnut and apricot"), ("aygul", "melon and almond")
REGION: Final = "shache"
SCANNED: Final = ReceiptNumber("S0003", "A", 2)
DAY: Final = "2026-11-25"
FORK: Final = "Two machines send as this station"
PATIENCE_MS: Final = 30_000
expect.set_options(timeout=PATIENCE_MS)
_ONE: Final = {"intakes": 1, "bags": 1, "net_g": 12_450, "consignment_fen": 29_880, "first_seq": 1, "last_seq": 2}


def fill(ledger: Ledger) -> None:
    """A card that was copied; a station that is newer than the center was; a day that does not add up; three days."""
    copied = ClockedStation("S0042", "42" * 8)
    ledger.accept(copied.run(5), REGION, NOW)
    clone = copied.clone()
    ledger.accept([copied.intake(5), clone.intake(9, **of_weight(1_000))], REGION, NOW)
    newer = ClockedStation("S0147", "47" * 8)
    ledger.accept([newer.start(), replace(newer.intake(1), problem="unknown_type"), newer.intake(2)], REGION, NOW)
    wrong = ClockedStation("S0002", "22" * 8)
    said = {**_ONE, "net_g": 13_000}
    ledger.accept([wrong.start(), wrong.intake(1), wrong.add(closed(**said))], REGION, NOW)
    steady = ClockedStation("S0003", "33" * 8)
    steady.at = datetime(2026, 11, 3, 3, tzinfo=UTC)
    ledger.accept([steady.start()], REGION, to_rfc3339(steady.at))
    for number in range(1, 4):
        steady.passes(timedelta(days=1))
        brought = steady.intake(number, **of_weight(10_000 + number), mode="purchase", product="URUK")
        ledger.accept([brought, *([steady.void(3)] if number == 3 else [])], REGION, to_rfc3339(steady.at))


@pytest.fixture
def county(stores: Stores) -> Stores:
    fill(stores.ledger)
    read(stores)
    looked_after(stores)
    return stores


@pytest.fixture
def page(browser: Browser, county: Stores) -> Iterator[Page]:
    """Nobody is signed in, and nothing may be complained of on the console."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = WebServer(app_of(county), listening)
        server.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-US", base_url=url)
        context.set_default_timeout(PATIENCE_MS)
        page, complaints = context.new_page(), list[str]()
        # Chromium says so of a field that a quick hand has begun to fill before the page was all there.
        page.on("console", lambda said: complaints.append(said.text) if not said.text.startswith("Autofocus") else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        try:
            yield page
        finally:
            context.close()
            server.stop(5)
    assert complaints == []


def sign_in(page: Page, who: tuple[str, str]) -> None:
    name, password = who
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator(".me")).to_contain_text(name)


def menu(page: Page, place: str) -> None:
    page.get_by_role("navigation", name="Pages").get_by_role("link", name=place).first.click()


def behind_what_waits(page: Page, place: str) -> None:
    menu(page, "To settle")
    page.get_by_role("navigation", name="What waits").get_by_role("link", name=place, exact=True).click()


@pytest.mark.parametrize("ledger_url", ["sqlite", "postgresql"], indirect=True)
def test_from_the_first_administrator_to_a_month_in_a_spreadsheet(page: Page, county: Stores, tmp_path: Path) -> None:
    an_administrator_makes_an_operator(page, county.ledger.url)
    sign_in(page, OPERATOR)
    a_receipt_is_found_by_a_scan(page)
    a_fork_is_seen_among_the_stations(page)
    what_was_set_apart_is_decided(page, county)
    the_alarm_is_closed(page, county)
    a_day_is_reconciled(page)
    the_month_is_taken_along(page, county, tmp_path)
    done = {row.act for row in county.desk.audit.page(limit=100, who=OPERATOR[0])}
    acts = (
        AuditAction.SIGNED_IN,
        AuditAction.SEARCHED,
        AuditAction.QUARANTINE_DECIDED,
        AuditAction.CASE_CLOSED,
        AuditAction.DAY_SETTLED,
        AuditAction.EXPORTED,
    )
    assert done >= set(acts)


def an_administrator_makes_an_operator(page: Page, ledger_url: str) -> None:
    call = ["user", "add", ADMIN[0], "--role", "admin", "--ledger", ledger_url]
    assert CliRunner().invoke(main, call, input=f"{ADMIN[1]}\n").exit_code == 0
    page.goto("/people")
    sign_in(page, ADMIN)
    form = page.locator("form", has=page.get_by_role("heading", name="Add a person"))
    form.get_by_label("Name").fill(OPERATOR[0])
    form.get_by_label("Role").select_option("operator")
    form.get_by_label("First password").fill(OPERATOR[1])
    form.get_by_role("button", name="Add a person").click()
    expect(page.get_by_role("rowheader", name=OPERATOR[0])).to_be_visible()
    page.locator(".me summary").click()
    page.locator(".me").get_by_role("button", name="Sign out").click()


def a_receipt_is_found_by_a_scan(page: Page) -> None:
    """A scanner types the code without a pause, and Enter."""
    page.get_by_role("searchbox").click()
    page.keyboard.type(SCANNED.code)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(str(SCANNED))
    expect(page.locator("table.bags tfoot")).to_contain_text(formats.kg_text(10_002))


def a_fork_is_seen_among_the_stations(page: Page) -> None:
    menu(page, "Stations")
    page.locator("a.tile.m-fork", has_text="S0042").click()
    expect(page.locator("section", has=page.get_by_role("heading", name="Open cases"))).to_contain_text(FORK)


def what_was_set_apart_is_decided(page: Page, county: Stores) -> None:
    behind_what_waits(page, "Quarantine")
    look_at(page, "two machines: other content in the same place")
    decide(page, "Set aside", "the first card goes on")
    expect(page.locator(".decisions")).to_contain_text("the first card goes on")
    page.goto("/quarantine?reason=unknown_type")
    page.get_by_role("row").get_by_role("link").click()
    decide(page, "Take in again", "the center was updated")
    expect(page.get_by_role("status")).to_contain_text("waits to be carried out")
    assert carry_out_oldest(county.ledger, county.desk)
    read(county)
    page.reload()
    expect(page.get_by_role("status")).to_contain_text("is no longer in quarantine")


def look_at(page: Page, reason: str) -> None:
    row = page.get_by_role("row").filter(has=page.get_by_role("cell", name=reason))
    row.get_by_role("link").click()


def decide(page: Page, act: str, why: str) -> None:
    page.get_by_label(act).check()
    page.get_by_label("Why", exact=True).fill(why)
    page.get_by_role("button", name="Decide").click()


def the_alarm_is_closed(page: Page, county: Stores) -> None:
    """From the front page one click leads to the station that is in trouble, and to whom one calls."""
    menu(page, "Today")
    page.locator(".care").get_by_role("link", name=FORK).click()
    row = page.locator(".case", has_text="S0042")
    expect(row).to_contain_text(FORK)
    row.get_by_role("checkbox").check()
    page.get_by_label("Why it is settled").fill("the copied card was taken out")
    page.get_by_role("button", name="Close the chosen").click()
    expect(row).to_have_count(0)
    (case,) = (case for case in county.desk.cases.page((CaseState.CLOSED,), None, 50) if case.kind == "fork")
    assert (case.station, case.who) == ("S0042", OPERATOR[0])


def a_day_is_reconciled(page: Page) -> None:
    behind_what_waits(page, "Reconciliation")
    page.goto(f"/reconciliation?day={DAY}")
    close = page.get_by_role("article", name="S0002 3")
    expect(close.get_by_role("row", name="Net weight")).to_contain_text("13.000 kg")
    expect(close.get_by_role("row", name="Net weight")).to_contain_text("12.450 kg")
    close.get_by_label("Why").fill("half a kilogram was typed by hand")
    close.get_by_role("button", name="Accept as it is").click()
    expect(page.get_by_role("article", name="S0002 3")).to_contain_text("half a kilogram was typed by hand")


def the_month_is_taken_along(page: Page, county: Stores, folder: Path) -> None:
    """What the page says, what the files add up to, and what the events come to one by one."""
    menu(page, "Goods and days")
    expect(page.get_by_role("heading", level=1)).to_contain_text("2026-11")
    figures = total(figures for day, figures in expected_days(county.ledger).items() if day.startswith("2026-11"))
    assert (figures.intakes, figures.voided) == (5 + 2 + 1 + 2, 1)
    sums = page.locator("table tfoot")
    for text in (formats.tonnes(figures.net_g), formats.money(figures.bought_fen), formats.number(figures.intakes)):
        expect(sums).to_contain_text(text)
    expect(sums.get_by_title(formats.kg_text(figures.net_g))).to_be_visible()
    expect(sums).to_contain_text(f"≈\u00a0{formats.money(figures.consigned_fen)}")
    money = (Decimal(figures.bought_fen) / 100, Decimal(figures.consigned_fen) / 100)
    expected = (figures.bags, Decimal(figures.net_g) / 1000, *money)
    book = downloaded(page, page.get_by_role("link", name="Everything (XLSX)"), folder)
    for sheet in ("Receipts", "Days", "Goods"):
        assert sums_of(rows_of(book, sheet)) == expected, sheet
    for name in ("Receipts (CSV)", "Days (CSV)", "Goods (CSV)"):
        with downloaded(page, page.get_by_role("link", name=name), folder).open(
            encoding="utf-8-sig", newline=""
        ) as file:
            assert sums_of(list(csv.DictReader(file))) == expected, name


def downloaded(page: Page, link: Locator, folder: Path) -> Path:
    with page.expect_download() as coming:
        link.click()
    path = folder / coming.value.suggested_filename
    coming.value.save_as(path)
    return path


def rows_of(book: Path, sheet: str) -> list[dict[str, object]]:
    opened = load_workbook(book, read_only=True)
    try:
        head, *rows = opened[sheet].values
        return [dict(zip(head, row, strict=True)) for row in rows]
    finally:
        opened.close()


def sums_of(rows: list[dict[str, object]] | list[dict[str, str]]) -> tuple[int, Decimal, Decimal, Decimal]:
    """Bags, weight, what is to be paid and what is an estimate of all rows."""
    bags, weight, bought, consigned = (
        sum((Decimal(str(row[name] or 0)) for row in rows), Decimal(0))
        for name in ("Bags", "Net weight (kg)", "Bought, to pay (yuan)", "On consignment, estimate (yuan)")
    )
    return int(bags), weight, bought, consigned
