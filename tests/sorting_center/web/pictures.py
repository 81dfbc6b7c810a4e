"""Draws the pages of the sorting center and of buyers: ``python -m tests.sorting_center.web.snapshots var/pictures``.

Behind them is the county of the demo, sixty stations with a week of life. Whatever an administrator gets to by links is
drawn, one page of each kind, on a desk and on a telephone, in all languages.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from kiosk.app.demo import demo_access, published
from kiosk.simulators.county import County, CountyPlan
from kiosk.simulators.village import REGION, Village, VillagePlan, VillagePorts
from kiosk.texts import LANGUAGES
from tests.sorting_center.brokers import until
from tests.web import browsing
from tests.web.first_start.pictures import slim

SIZES: Final = (ViewportSize(width=1440, height=900), ViewportSize(width=360, height=740))
STATIONS, WEEKS, SEED = 60, 1, 1
LIVED_S: Final = 300.0
_LINKS: Final = "() => [...document.querySelectorAll('a[href^=\"/\"]')].map((link) => link.getAttribute('href'))"
_FILES: Final = re.compile(r"/exports/|\.(csv|tsv|xlsx|zip|jpg|json)$")
_NAMES: Final = re.compile(r"[A-Z]?\d[\w-]*|(?<=/)[a-z]+-\w{8,}")


def kind_of(address: str) -> str:
    """The same for the pages of two stations, two days, two receipts; questions count by their names."""
    parts = urlsplit(address)
    return "-".join([*_NAMES.sub("one", parts.path).strip("/").split("/"), *sorted(parse_qs(parts.query))])


def pages(page: Page, url: str, begin: str = "/") -> Iterator[str]:
    """Opens one page of each kind after the other; gives its kind."""
    waiting, seen = [begin], set[str]()
    while waiting:
        address = waiting.pop(0)
        kind = kind_of(address)
        if kind in seen or _FILES.search(urlsplit(address).path) or "lang=" in address:
            continue
        seen.add(kind)
        page.goto(url + address)
        browsing.painted(page)
        yield kind or "front"
        waiting += page.evaluate(_LINKS)


@contextmanager
def signed_in(browser: Browser, village: Village, language: str, size: ViewportSize) -> Iterator[Page]:
    """An administrator on the front page."""
    context = browser.new_context(viewport=size, reduced_motion="reduce")
    page = context.new_page()
    page.goto(f"{village.center_url}/?lang={language}")
    page.locator("[name=name]").fill(village.center_access.name)
    page.locator("[name=password]").fill(village.center_access.password)
    page.locator("[name=password]").press("Enter")
    page.wait_for_url(lambda now: "sign-in" not in now)
    yield page
    context.close()


def all_is_told(browser: Browser, village: Village) -> None:
    """What the county has written has arrived, and the pages know it: the copied card is noticed last.

    It is a twin, and a fork as well when its copy has lived longer than the card: that depends on the day of the week.
    """

    def copied() -> bool:
        page.goto(village.center_url)
        return page.locator("a.chip:is(.m-fork, .m-twin)").count() > 0

    with signed_in(browser, village, "en", SIZES[0]) as page:
        until(copied, LIVED_S)


def draw(browser: Browser, village: Village, folder: Path) -> None:
    """Every page, in each language and size."""
    for size in SIZES:
        for language in LANGUAGES:
            with signed_in(browser, village, language, size) as page:
                _draw_sites(page, village, folder, f"{language}-{size['width']}x{size['height']}")


def _draw_sites(page: Page, village: Village, folder: Path, ending: str) -> None:
    language = ending.partition("-")[0]
    sites = [("center", village.center_url, "/"), ("storefront", village.storefront_url or "", f"/{language}/")]
    for name, url, begin in sites:
        for kind in pages(page, url, begin):
            picture = folder / f"{name}-{kind}-{ending}.png"
            page.screenshot(path=picture)
            slim(picture)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    wanted = parser.parse_args()
    wanted.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data, ExitStack() as ends:
        plan = CountyPlan(Path(data) / "county", STATIONS, WEEKS, SEED, datetime.now(UTC), region=REGION)
        access = partial(demo_access, stations=plan.names)
        of_village = VillagePlan(VillagePorts(storefront=0), stocked=True, offers=True, access=access)
        village = ends.enter_context(published(partial(Village, Path(data), of_village)))
        county = ends.enter_context(
            County(replace(plan, broker_url=village.broker.url, photos_url=village.photos_url), 2, print)
        )
        until(county.lived.is_set, LIVED_S)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=browsing.OF_THE_STATION, args=["--no-sandbox"])
            all_is_told(browser, village)
            draw(browser, village, wanted.folder)
            browser.close()


if __name__ == "__main__":
    main()
