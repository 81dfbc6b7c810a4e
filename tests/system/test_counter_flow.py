"""A day at the counter with the real programs: parcels in and out by every way; the ledger says the same.

`make torture` has forty parcels on the truck instead of eight.
"""

from __future__ import annotations

import itertools
import json
import re
import sqlite3
import time
from collections import Counter as Tally
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from kiosk.cli.kiosk import main
from kiosk.domain.identifiers import parse_internal_code
from kiosk.domain.parcel import ParcelNumber, read_slip
from kiosk.protocols.barcodes import reader
from kiosk.simulators.station_client import StationClient
from kiosk.simulators.village import Village
from kiosk.texts import load
from tests.depth import many

WAIT_MS = 30_000
ENGLISH = load("en")
PIN, SECOND_PIN = "480317", "926154"
EXPECTED = [f"YT{7_300_000_000_000 + number}" for number in range(many(8, torture=40))]
MISSING, SURPLUS = EXPECTED[-1], "YT9900000000001"
DAMAGED, TWICE = EXPECTED[2], EXPECTED[3]
BY_SLIP, BY_VILLAGER = many(2, torture=15), many(1, torture=5)
BY_CODE = BY_SLIP + BY_VILLAGER


def kiosk(village: Village, *words: str, said: str = "") -> str:
    """One command of the station's technician."""
    done = CliRunner().invoke(main, [*words, "--config", str(village.config)], input=said)
    assert done.exit_code == 0, done.output
    return done.stdout


def employ(village: Village) -> None:
    kiosk(village, "clerk", "add", "Patigul", said=f"{PIN}\n{PIN}\n")
    kiosk(village, "clerk", "add", "Wang Li", said=f"{SECOND_PIN}\n{SECOND_PIN}\n")


class Clerk:
    """A clerk with a scanner in the right hand; the left one taps."""

    def __init__(self, village: Village, page: Page) -> None:
        self.village, self.page = village, page
        self.taps = 0

    def tap(self, selector: str) -> None:
        target = self.page.locator(selector).first
        target.wait_for(timeout=WAIT_MS)
        # A finger needs longer than the 400 ms in which a second tap counts as a tremble.
        self.page.wait_for_timeout(450)
        target.tap(timeout=WAIT_MS)
        self.taps += 1

    def unlock(self) -> None:
        self.page.goto(f"{self.village.station_url}/counter")
        self.tap(".person-chip:has(input[value='01'])")
        self.keys(PIN)
        # A scan is the clerk's from when the page listens.
        with self.page.expect_response(lambda answer: "/counter/live" in answer.url, timeout=WAIT_MS):
            self.tap("[data-go]")
        self.page.locator(".modes-switch").wait_for(timeout=WAIT_MS)

    def keys(self, text: str) -> None:
        for letter in text:
            self.page.locator(f"[data-key='{letter}']").tap(timeout=WAIT_MS)
            self.taps += 1

    def mode(self, mode: str) -> None:
        self.page.goto(f"{self.village.station_url}/counter")
        button = self.page.locator(f"form[action='/counter/mode'] button:nth-of-type({1 if mode == 'in' else 2})")
        if button.get_attribute("aria-pressed") != "true":
            button.tap()
            expect(button).to_have_attribute("aria-pressed", "true", timeout=WAIT_MS)

    def scan_in(self, waybill: str) -> str:
        """Scan a waybill in; the shelf code on the screen. No tap."""
        taps = self.taps
        self.village.scanner.scan(waybill)
        said = self.page.locator(".result .result-of", has_text=waybill[-4:])
        said.wait_for(timeout=WAIT_MS)
        shelf = self.page.locator(".result .shelf-huge").inner_text(timeout=WAIT_MS)
        assert self.taps == taps
        return shelf

    def open_parcel(self, number: str) -> None:
        self.page.goto(f"{self.village.station_url}/counter/parcels/{number}")


@pytest.fixture
def village(tmp_path: Path) -> Iterator[Village]:
    with Village(tmp_path) as running:
        yield running


@pytest.fixture
def clerk(browser: Browser, village: Village) -> Iterator[Clerk]:
    employ(village)
    context = browser.new_context(viewport={"width": 1280, "height": 800}, has_touch=True, locale="en")
    context.add_cookies([{"name": "lang", "value": "en", "url": village.station_url}])
    page = context.new_page()
    trouble: list[str] = []
    page.on("pageerror", lambda error: trouble.append(str(error)))
    clerk = Clerk(village, page)
    clerk.unlock()
    yield clerk
    context.close()
    assert trouble == []


def slips(village: Village) -> dict[str, str]:
    """Parcel number → slip code, read from the paper that came out."""
    found = {}
    for picture in village.receipt_printer.printed:
        with Image.open(picture) as paper:
            for symbol in reader.read(paper.convert("L")):
                if symbol.text.startswith("Y1K"):
                    number, _ = read_slip(parse_internal_code(symbol.text))
                    found[str(number)] = symbol.text
    return found


def parcels(village: Village) -> dict[str, sqlite3.Row]:
    """Waybill → row of the station's own table."""
    with closing(sqlite3.connect(f"file:{village.database}?mode=ro", uri=True)) as db:
        db.row_factory = sqlite3.Row
        return {row["waybill"]: row for row in db.execute("SELECT * FROM parcel ORDER BY number")}


def number_of(row: sqlite3.Row) -> str:
    return str(ParcelNumber("S0147", "A", row["number"] % 1_000_000))


def in_ledger(village: Village) -> list[tuple[str, dict[str, object]]]:
    path = village.ledger_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        rows = db.execute("SELECT type, body FROM event WHERE type LIKE 'station.parcel.%' ORDER BY seq").fetchall()
    return [(kind.split(".")[2], json.loads(body)["data"]) for kind, body in rows]


def everything_in(clerk: Clerk, village: Village) -> None:
    """Of those on the list one does not come, one comes that is not on it, one is damaged, one is scanned twice."""
    clerk.mode("in")
    shelves = []
    for waybill in [row for row in EXPECTED if row not in (MISSING, DAMAGED)] + [SURPLUS]:
        shelves.append(clerk.scan_in(waybill))
    assert len(set(shelves)) == len(shelves) == len(EXPECTED) - 1
    expect(clerk.page.locator(".result .state-overdue")).to_be_visible(timeout=WAIT_MS)

    clerk.tap("form[action='/counter/damaged'] button")
    damaged_next = clerk.page.locator("form[action='/counter/damaged'] button")
    expect(damaged_next).to_have_attribute("aria-pressed", "true", timeout=WAIT_MS)
    village.scanner.scan(DAMAGED)
    clerk.page.locator(".result .result-of", has_text=DAMAGED[-4:]).wait_for(timeout=WAIT_MS)
    number = number_of(parcels(village)[DAMAGED])
    clerk.open_parcel(number)
    accept = f"form[action='/counter/parcels/{number}/accept'] button"
    clerk.tap(f"{accept}:not([disabled])")
    clerk.page.locator(".result .shelf-huge").wait_for(timeout=WAIT_MS)

    before = village_seq(village)
    clerk.village.scanner.scan(TWICE)
    clerk.page.locator(".result .result-of", has_text=TWICE[-4:]).wait_for(timeout=WAIT_MS)
    assert village_seq(village) == before

    clerk.page.goto(f"{village.station_url}/counter/parcels?state=expected")
    clerk.tap("a[href*='ask=delivery']")
    clerk.tap("form[action='/counter/delivery'] button")
    expect(clerk.page.locator(".state-missing")).to_have_count(1, timeout=WAIT_MS)


def village_seq(village: Village) -> int:
    with closing(sqlite3.connect(f"file:{village.database}?mode=ro", uri=True)) as db:
        return int(db.execute("SELECT max(position) FROM journal WHERE type LIKE 'station.parcel.%'").fetchone()[0])


def out_by_slip(clerk: Clerk, village: Village, slip: str) -> None:
    """The slip under the scanner, then one tap."""
    taps = clerk.taps
    village.scanner.scan(slip)
    number, _ = read_slip(parse_internal_code(slip))
    clerk.tap(f"form[action='/counter/handover']:has(input[value='{number}']) button.primary")
    assert clerk.taps == taps + 1
    clerk.page.locator(".state-collected").wait_for(timeout=WAIT_MS)


def out_by_villager(clerk: Clerk, village: Village, villager: Page, slip: str) -> None:
    """Six digits at the public face; the clerk's screen follows by itself, then one tap."""
    number, code = read_slip(parse_internal_code(slip))
    clerk.page.goto(f"{village.station_url}/counter")
    say_code(villager, village, code)
    villager.locator(".my-shelf").wait_for(timeout=WAIT_MS)
    clerk.tap(f"form[action='/counter/handover']:has(input[value='{number}']) button.primary")
    clerk.page.locator(".state-collected").wait_for(timeout=WAIT_MS)


def say_code(villager: Page, village: Village, code: str) -> None:
    villager.goto(f"{village.station_url}/parcel")
    for digit in code:
        villager.locator(f"[data-key='{digit}']").tap(timeout=WAIT_MS)
    # A status may stand there from the code before: the answer to this one is waited for.
    with villager.expect_response(lambda answer: answer.url.endswith("/parcel/code"), timeout=WAIT_MS):
        villager.locator("[data-go]:not([disabled])").tap(timeout=WAIT_MS)
    villager.locator("[role=status]").wait_for(timeout=WAIT_MS)


def out_by_proxy(clerk: Clerk, village: Village, number: str) -> None:
    clerk.page.goto(f"{village.station_url}/counter/parcels/{number}?ask=proxy&letters=en")
    clerk.keys("ALIM")
    clerk.tap("[data-go]")
    clerk.page.locator(".state-collected").wait_for(timeout=WAIT_MS)


def let_days_pass(village: Village, waybills: list[str], days: int, state: str) -> None:
    """The station sleeps, and these parcels have been here for so many days more when it wakes; it finds that out.

    The list of parcels is no page that is drawn again: it is opened when the station has gone through them.
    """
    village.station.stop()
    with closing(sqlite3.connect(village.database)) as db:
        for waybill in waybills:
            earlier = f"strftime('%Y-%m-%dT%H:%M:%fZ', counts_from, '-{days} days')"
            db.execute(f"UPDATE parcel SET counts_from = {earlier} WHERE waybill = ?", (waybill,))
        db.commit()
    village.station.start()
    deadline = time.monotonic() + WAIT_MS / 1000
    while {parcels(village)[waybill]["state"] for waybill in waybills} != {state}:
        assert time.monotonic() < deadline, f"never {state}"
        time.sleep(0.05)


def give_back_what_is_due(clerk: Clerk, village: Village, waybills: list[str]) -> None:
    let_days_pass(village, waybills, 4, "overdue")
    clerk.unlock()
    clerk.page.goto(f"{village.station_url}/counter/parcels?state=overdue")
    expect(clerk.page.locator("a.row")).to_have_count(2, timeout=WAIT_MS)
    let_days_pass(village, waybills, 5, "return_due")
    clerk.unlock()
    for waybill in waybills:
        number = number_of(parcels(village)[waybill])
        clerk.open_parcel(number)
        clerk.page.locator(".state-return_due").wait_for(timeout=WAIT_MS)
        clerk.tap("a[href*='ask=return']")
        clerk.tap(f"form[action='/counter/parcels/{number}/return'] button")
        clerk.page.locator(".state-returned").wait_for(timeout=WAIT_MS)


def wrong_codes(right: str, given: set[str]) -> list[str]:
    """Five. A code given for another parcel is no wrong one."""
    others = (f"{(int(right) + step) % 1_000_000:06d}" for step in itertools.count(1))
    return list(itertools.islice((other for other in others if other not in given), 5))


def closed_pad(villager: Page, village: Village, right: str) -> None:
    """Five wrong codes have closed the pad, also to the right one."""
    say_code(villager, village, right)
    expect(villager.locator("[role=status]")).to_contain_text(re.compile(r"\d+ min"), timeout=WAIT_MS)
    assert villager.locator(".my-shelf").count() == 0


def guess(villager: Page, village: Village, code: str) -> None:
    """One wrong code that was looked at. Each makes the next one wait a little longer: said too early, none counts."""
    deadline = time.monotonic() + WAIT_MS / 1000
    while True:
        say_code(villager, village, code)
        if ENGLISH.text("parcel.wrong_code") in villager.locator("[role=status]").inner_text(timeout=WAIT_MS):
            return
        assert time.monotonic() < deadline, "the code was never looked at"


def test_a_day_of_parcels(village: Village, clerk: Clerk, browser: Browser, tmp_path: Path) -> None:
    listed = tmp_path / "expected.csv"
    listed.write_text(
        "waybill,carrier,phone_last4\n" + "".join(f"{row},YTO,{1000 + n}\n" for n, row in enumerate(EXPECTED))
    )
    kiosk(village, "parcels", "expect", str(listed))

    everything_in(clerk, village)
    assert village.receipt_printer.wait_for(len(EXPECTED), 60)
    assert village.label_printer.wait_for(len(EXPECTED), 60)
    codes = slips(village)
    rows = parcels(village)
    assert len(codes) == len(EXPECTED)

    here = [row for row in EXPECTED if row != MISSING]
    out, proxy, returned = here[:BY_CODE], here[BY_CODE], here[BY_CODE + 1 : BY_CODE + 3]
    context = browser.new_context(viewport={"width": 800, "height": 480}, has_touch=True)
    context.add_cookies([{"name": "lang", "value": "en", "url": village.station_url}])
    villager = context.new_page()
    clerk.mode("out")
    for waybill in out[:BY_SLIP]:
        out_by_slip(clerk, village, codes[number_of(rows[waybill])])
    for waybill in out[BY_SLIP:]:
        out_by_villager(clerk, village, villager, codes[number_of(rows[waybill])])
    digits = {number: read_slip(parse_internal_code(slip))[1] for number, slip in codes.items()}
    right = digits[number_of(rows[here[-1]])]
    *wrong, last = wrong_codes(right, set(digits.values()))
    # What each costs passes while the clerk goes on working; that the station starts anew meanwhile forgives nothing.
    for code in wrong[:2]:
        guess(villager, village, code)
    out_by_proxy(clerk, village, number_of(rows[proxy]))
    for code in wrong[2:]:
        guess(villager, village, code)
    give_back_what_is_due(clerk, village, returned)
    guess(villager, village, last)
    closed_pad(villager, village, right)
    context.close()

    with closing(StationClient(village.station_url)) as visitor:
        visitor.wait_live("every acknowledgement", {"pending": 0}, 60)
    told = in_ledger(village)
    tally = Tally(kind for kind, _ in told)
    assert tally["arrived"] == tally["shelved"] == tally["noticed"] == len(EXPECTED)
    assert (tally["damaged"], tally["missing"]) == (1, 1)
    assert (tally["collected"], tally["returned"], tally["overdue"], tally["returnable"]) == (BY_CODE + 1, 2, 2, 2)
    assert Tally(data["proof"] for kind, data in told if kind == "collected") == {"code": BY_CODE, "proxy": 1}
    assert sum(bool(data["surplus"]) for kind, data in told if kind == "arrived") == 1
    at_station = Tally(row["state"] for row in parcels(village).values())
    assert at_station == {
        "collected": BY_CODE + 1,
        "returned": 2,
        "missing": 1,
        "noticed": len(EXPECTED) - BY_CODE - 3,
    }
    for secret in [*EXPECTED, "ALIM", "Patigul"]:
        assert all(secret not in json.dumps(data) for _, data in told)
    assert not any(set(digits.values()) & {str(value) for value in data.values()} for _, data in told)
