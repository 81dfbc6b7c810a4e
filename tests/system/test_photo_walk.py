"""A photograph's way from a villager's hand to a buyer's screen, with the real programs and a line that breaks."""

from __future__ import annotations

import csv
import hashlib
import io
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from PIL import Image
from playwright.sync_api import Browser, Error, Page, expect

from kiosk.app.demo import demo_access
from kiosk.protocols.barcodes import reader
from kiosk.simulators.village import Village, VillagePlan, VillagePorts
from tests.system.taps import agree_on_screen
from tests.system.test_counter_flow import Clerk, employ

WAIT_S: Final = 30.0
PATIENCE_MS: Final = 30_000
OPERATOR: Final = "operator"


@pytest.fixture
def village(tmp_path: Path) -> Iterator[Village]:
    with Village(tmp_path, VillagePlan(VillagePorts(storefront=0), access=demo_access)) as running:
        yield running


@pytest.fixture
def page(browser: Browser, village: Village) -> Iterator[Page]:
    """English, and nothing may be complained of on any page."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, has_touch=True, locale="en-US")
    context.add_cookies([{"name": "lang", "value": "en", "url": village.station_url}])
    context.set_default_timeout(PATIENCE_MS)
    page, trouble = context.new_page(), list[str]()
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("console", lambda message: trouble.append(message.text) if message.type == "error" else None)
    yield page
    context.close()
    # Chromium says so of the answer to who publishes too early, which is looked at below.
    assert [text for text in trouble if " 409 " not in text] == []


def test_from_a_blurred_shot_to_a_buyer_over_a_line_that_breaks(village: Village, page: Page) -> None:
    employ(village)
    clerk = Clerk(village, page)
    somebody_brings_almonds(village, clerk)
    master = a_blurred_shot_is_taken_again(village, clerk)
    lot = village.newest_intake().lot
    assert lot == read_label(village)
    a_clerk_offers_them_for_sale(village, clerk, lot)
    the_center_waits_for_the_picture(village, page, lot)
    it_comes_although_both_ends_are_killed(village, master)
    it_is_reviewed_and_published(page)
    a_shop_is_told(page, village, lot, master)
    a_buyer_sees_it(page, village, master)


def somebody_brings_almonds(village: Village, clerk: Clerk) -> None:
    clerk.page.goto(village.station_url)
    # Nothing is weighed before the pan was seen empty: what lies there at the start may have been booked before.
    clerk.page.locator("live-weight[data-state=empty]").wait_for(timeout=PATIENCE_MS)
    village.scale.command("put 5.000kg")
    clerk.tap("form[action='/party'] button[value=non_member]")
    clerk.tap("button[name=code][value=BADAM]")
    agree_on_screen(clerk.page, clerk.tap)


def a_blurred_shot_is_taken_again(village: Village, clerk: Clerk) -> str:
    """The SHA-256 of what is kept of the second. The line is down before there is anything to send."""
    page = clerk.page
    expect(page.locator("form[action='/photo'] img[src$='/shot-good.svg']")).to_be_visible()
    village.command("camera", "blur")
    clerk.tap("form[action='/photo'] button")
    expect(page.locator(".shot-retake .advice-pic[src$='/shot-blur.svg']")).to_be_visible()
    assert page.locator("img[src^='/photos/']").count() == 0
    village.command("camera", "scene badam")
    village.photos_link.command("down")
    clerk.tap(".shot-retake form[action='/photo'] button")
    shown = page.locator(".shot-done img[src^='/photos/']")
    expect(shown).to_be_visible()
    assert village.newest_photo() in str(shown.get_attribute("src"))
    village.scale.command("take")
    clerk.tap("form[action='/finish'] button")
    return village.newest_photo()


def read_label(village: Village) -> str:
    assert village.label_printer.wait_for(1, WAIT_S)
    with Image.open(village.label_printer.printed[-1]) as label:
        (lot,) = [symbol.text for symbol in reader.read(label.convert("L")) if symbol.text.startswith("Y1L")]
    return lot


def a_clerk_offers_them_for_sale(village: Village, clerk: Clerk, lot: str) -> None:
    clerk.unlock()
    village.scanner.scan(lot)
    clerk.tap("a.act[href$='/listing']")
    expect(clerk.page.locator(".picture-seen")).to_have_count(2)  # Cut out, and on the mat with a bar
    clerk.tap("[href$='/review']")
    clerk.tap("form[action$='/submit'] button:not([disabled])")
    expect(clerk.page.locator(".verdict")).to_contain_text("Offered for sale")


def the_center_waits_for_the_picture(village: Village, page: Page, lot: str) -> None:
    (operator,) = (person for person in village.center_access.people if person.name == OPERATOR)
    page.goto(f"{village.center_url}/listings")
    page.get_by_label("Name").fill(operator.name)
    page.get_by_label("Password").fill(operator.password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator(".me")).to_contain_text(operator.name)

    def offered() -> bool:
        page.goto(f"{village.center_url}/listings")
        return page.locator(f"a[href*='{lot}']").count() > 0

    until(offered, "the offer at the sorting center")
    page.locator(f"a[href*='{lot}']").first.click()
    expect(page.locator(".listing-head")).to_contain_text("photo pending")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_role("alert")).to_contain_text("photo")
    expect(page.locator(".listing-head")).to_have_class("panel listing-head is-review")


def it_comes_although_both_ends_are_killed(village: Village, master: str) -> None:
    """The sender in the middle of a picture, then the receiver in the middle of the rest."""
    village.photos_link.command("slow 128kbit")
    until(lambda: sizes(village), "the first bytes of a picture")
    village.relay.kill()
    village.relay.start()
    before = sizes(village)
    until(lambda: sizes(village) != before, "more bytes of it")
    village.center.kill()
    village.photos_link.command("down")
    village.center.start()
    village.photos_link.command("up")

    def here() -> bool:
        hashes = {path.stem for path in arrived(village)}
        return master in hashes and len(hashes) == 2

    until(here, "both pictures at the sorting center")
    for path in arrived(village):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.stem


def arrived(village: Village) -> list[Path]:
    return sorted((village.folder / "photos").rglob("*.jpg"))


def sizes(village: Village) -> list[int]:
    """Of what is here, whole or in part."""
    here = sorted((village.folder / "photos").rglob("*.part"))
    return [path.stat().st_size for path in (*here, *arrived(village)) if path.exists() and path.stat().st_size]


def it_is_reviewed_and_published(page: Page) -> None:
    address = page.url.removesuffix("/publish")

    def answers() -> bool:
        try:
            page.goto(address)
        except Error:
            return False
        return True

    until(answers, "the pages of the sorting center, which has just started again")
    expect(page.locator(".listing-head")).not_to_contain_text("photo pending")
    page.get_by_role("button", name="Publish").click()
    expect(page.locator(".listing-head")).to_have_class("panel listing-head is-published")


def a_shop_is_told(page: Page, village: Village, lot: str, master: str) -> None:
    told = page.request.get(f"{village.center_url}/listings/exports/merchant-en.tsv")
    assert told.ok
    (row,) = csv.DictReader(io.StringIO(told.text()), delimiter="\t", quoting=csv.QUOTE_NONE)
    assert lot in row["link"]
    assert row["image_link"] == f"{village.storefront_url}/pictures/{master}.jpg"
    assert page.request.get(row["link"]).ok


def a_buyer_sees_it(page: Page, village: Village, master: str) -> None:
    page.goto(str(village.storefront_url))
    page.locator(".card a").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("lmond")
    picture = page.locator(f"img[src*='/pictures/{master}.jpg']")
    expect(picture).to_have_js_property("complete", True)
    whole = page.request.get(f"{village.storefront_url}/pictures/{master}.jpg").body()
    with Image.open(io.BytesIO(whole)) as opened:
        assert 800 <= opened.width == opened.height <= 1600


def until(done: Callable[[], object], what: str) -> None:
    """Another process does it: there is nothing to wait on but its files and pages."""
    deadline = time.monotonic() + WAIT_S
    while not done():
        assert time.monotonic() < deadline, f"no sign of {what}"
        time.sleep(0.05)
