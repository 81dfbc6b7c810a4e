"""A villager at the screen: by touch alone, with the real station and simulated hardware."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from kiosk.domain.identifiers import internal_code, parse_internal_code
from kiosk.messaging.contract.slip import parse_slip
from kiosk.protocols.barcodes import reader
from kiosk.simulators.station_client import Form, StationClient
from kiosk.simulators.village import Village, VillagePlan
from tests.depth import TORTURE
from tests.system.taps import agree_on_screen

CARD = internal_code("P", "04412")
WAIT_MS = 60_000
LANGUAGES = ["ug", "zh", "en"] if TORTURE else ["zh"]
"""The screen begins in Uyghur, and so do all other walks here; a counter's day goes by in English."""


@pytest.fixture(scope="module")
def village(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Village]:
    """Nothing here hangs on the county behind the station."""
    with Village(tmp_path_factory.mktemp("village"), VillagePlan(county=False)) as running:
        yield running


class Hand:
    """One finger. Counts its taps."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.taps = 0
        self.refused = 0

    def tap(self, selector: str) -> None:
        # A finger needs longer than the 400 ms in which a second tap counts as a tremble.
        self.page.wait_for_timeout(450)
        self.page.locator(selector).first.tap(timeout=WAIT_MS)
        self.taps += 1

    def sees(self, step: str, selector: str = "main") -> None:
        self.page.wait_for_selector(f"screen-follow[data-step={step}] {selector}", timeout=WAIT_MS)

    def weight(self, state: str) -> None:
        self.page.wait_for_selector(f"live-weight[data-state={state}]", timeout=WAIT_MS)

    def agree(self) -> None:
        refused = agree_on_screen(self.page, self.tap)
        self.refused, self.taps = self.refused + refused, self.taps - refused


def clear_the_counter(village: Village) -> None:
    """Whatever the test before left: nothing on the pan, and the first screen."""
    village.scale.command("replug")
    village.scale.command("take")
    with closing(StationClient(village.station_url)) as visitor:
        visitor.wait_live("an empty pan", {"weight": {"state": "empty"}})
        visitor.post(Form("/leave", {"idle": "0"}))


@pytest.fixture
def hand(browser: Browser, village: Village, request: pytest.FixtureRequest) -> Iterator[Hand]:
    context = browser.new_context(viewport={"width": 800, "height": 480}, has_touch=True)
    page = context.new_page()
    trouble: list[str] = []
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("console", lambda message: trouble.append(message.text) if message.type == "error" else None)
    clear_the_counter(village)
    page.goto(village.station_url + "/")
    page.wait_for_selector("live-weight[data-state=empty]", timeout=WAIT_MS)
    finger = Hand(page)
    yield finger
    context.close()
    conflicts = [text for text in trouble if "409 (CONFLICT)" in text]
    assert (len(conflicts), len(trouble)) == (finger.refused, finger.refused), trouble


@pytest.mark.parametrize("language", LANGUAGES)
def test_two_taps_for_a_known_member(village: Village, hand: Hand, language: str) -> None:
    if hand.page.locator("html").get_attribute("lang") != language:
        hand.tap(f"button[name=lang][value={language}]")
    hand.page.wait_for_selector(f"html[lang^={language}]")
    assert hand.page.locator("html").get_attribute("dir") == ("rtl" if language == "ug" else "ltr")
    hand.taps = 0
    labels, receipts = len(village.label_printer.printed), len(village.receipt_printer.printed)

    village.scanner.scan(CARD)
    hand.sees("what", "button[name=code][value=BADAM]")
    village.scale.command("put 12.450kg")
    hand.tap("button[name=code][value=BADAM]")
    hand.sees("agree")
    hand.agree()
    assert hand.taps == 2

    assert village.label_printer.wait_for(labels + 1, 60)
    assert village.receipt_printer.wait_for(receipts + 1, 60)
    row = village.newest_intake()
    assert (row.party, row.gross_g, row.net_g) == ("M-04412", 12_450, 12_450)
    assert (row.mode, row.amount_fen) == ("purchase", 29_880)
    with Image.open(village.label_printer.printed[-1]) as label:
        codes = [symbol.text for symbol in reader.read(label.convert("L"))]
    assert row.lot in codes
    assert {parse_internal_code(code).name for code in codes} == {"bag", "lot"}
    with Image.open(village.receipt_printer.printed[-1]) as receipt:
        codes = [symbol.text for symbol in reader.read(receipt.convert("L"))]
        assert [parse_internal_code(code).name for code in codes if not code.startswith("https://")] == ["receipt"]
        assert [parse_slip(code).slip.receipt.lot for code in codes if code.startswith("https://")] == [row.lot]

    village.scale.command("take")
    hand.tap("form[action='/finish'] button")
    hand.sees("home")


def test_a_non_member_with_a_sack_and_a_shot_of_the_goods(village: Village, hand: Hand) -> None:
    village.scale.command("put 20.000kg")
    hand.sees("who")
    hand.tap("form[action='/party'] button[value=non_member]")
    hand.sees("what")
    hand.tap("button[name=code][value=WALNUT]")
    hand.sees("agree")
    hand.weight("locked")
    hand.tap("a[href='/agree?ask=container']")
    hand.page.wait_for_selector("button[name=code][value=SACK]")
    hand.tap("button[name=code][value=SACK]")
    hand.agree()
    row = village.newest_intake()
    assert (row.gross_g, row.tare_g, row.net_g) == (20_000, 160, 19_840)
    hand.tap("form[action='/photo'] button")
    hand.page.wait_for_selector("img[src^='/photos/']", timeout=WAIT_MS)
    assert len(village.newest_photo()) == 64
    village.scale.command("take")
    hand.tap("form[action='/finish'] button")
    hand.sees("home")


def test_the_weight_goes_blank_when_the_cable_is_pulled_and_comes_back(village: Village, hand: Hand) -> None:
    hand.tap("form[action='/begin'] button")
    hand.sees("who")
    hand.tap("form[action='/party'] button[value=non_member]")
    hand.sees("what")
    village.scale.command("put 5.000kg")
    hand.weight("stable")
    village.scale.command("unplug")
    hand.weight("lost")
    assert "5.000" not in hand.page.locator("live-weight").inner_text()
    village.scale.command("replug")
    hand.weight("stable")
    village.scale.command("take")
    hand.weight("empty")
    hand.tap("a[href*=leave], form[action='/back'] button")
    hand.sees("who")
    hand.tap("form[action='/back'] button, form[action='/leave'] button")
    hand.sees("home")


def test_an_empty_roll_waits_and_goes_on_by_itself(village: Village, hand: Hand) -> None:
    labels = len(village.label_printer.printed)
    village.label_printer.command("paper-out")
    village.scanner.scan(CARD)
    hand.sees("what", "button[name=code][value=BADAM]")
    village.scale.command("put 3.000kg")
    hand.tap("button[name=code][value=BADAM]")
    hand.sees("agree")
    hand.agree()
    hand.page.wait_for_selector(".paper[data-state=waiting]", timeout=WAIT_MS)
    village.label_printer.command("paper-in")
    assert village.label_printer.wait_for(labels + 1, 60)
    village.scale.command("take")
    hand.tap("form[action='/finish'] button")
    hand.sees("home")
    assert len(village.label_printer.printed) == labels + 1
