"""The bench page in a browser, beside the real programs: what is done to the hardware there is seen at the kiosk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from kiosk.app.demo import demo_access
from kiosk.simulators.bench.app import BenchServer, create_bench
from kiosk.simulators.station_client import StationClient
from kiosk.simulators.village import Village, VillagePlan
from tests.simulators.bench.test_bench import STOCK
from tests.simulators.bench.village import PaperVillage
from tests.web.browsing import Browsers, axe_faults

WAIT_MS = 60_000


@pytest.fixture(scope="module")
def browser(browsers: Browsers) -> Iterator[Browser]:
    with browsers.one() as browser:
        yield browser


def say(bench: Page, device: str, word: str, argument: str = "") -> None:
    chip = bench.locator(f"[data-device={device}] [data-word={word}]")
    if argument:
        chip.locator("input[name=argument]").fill(argument)
    chip.locator("button").click()


def agree_to_almonds(village: Village) -> None:
    """Somebody at the screen; over HTTP, because to the kiosk taps as fast as a browser's are a trembling finger."""
    with closing(StationClient(village.station_url, WAIT_MS / 1000)) as visitor:
        visitor.press("/what", "/product", code="BADAM")
        visitor.wait_live("a locked weight", {"weight": {"state": "locked"}}, WAIT_MS / 1000)
        visitor.press("/agree", "/agree")


def test_goods_put_on_the_bench_open_the_kiosk_and_the_ledger_fills_up(browser: Browser, tmp_path: Path) -> None:
    with (
        Village(tmp_path, VillagePlan(access=demo_access)) as village,
        closing(BenchServer(create_bench(village), "127.0.0.1", 0)) as server,
    ):
        trouble: list[str] = []
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        context.set_default_timeout(WAIT_MS)
        bench, kiosk = context.new_page(), context.new_page()
        bench.on("pageerror", lambda error: trouble.append(str(error)))
        bench.on("console", lambda message: trouble.append(message.text) if message.type == "error" else None)
        kiosk.goto(village.station_url)
        kiosk.wait_for_selector("live-weight[data-state=empty]", timeout=WAIT_MS)
        bench.goto(server.url)
        expect(bench.locator("#load")).to_have_text("0.000", timeout=WAIT_MS)
        expect(bench.locator("[data-node=center]")).to_have_attribute("data-state", "good", timeout=WAIT_MS)

        bench.get_by_role("button", name="Sack").click()
        kiosk.wait_for_url("**/who", timeout=WAIT_MS)
        expect(bench.locator("#load")).to_have_text("12.480", timeout=WAIT_MS)
        expect(bench.locator("#goods")).to_have_attribute("src", "/drawings/sack.svg", timeout=WAIT_MS)

        say(bench, "link", "down")
        expect(bench.locator("[data-node=link]")).to_have_attribute("data-state", "bad", timeout=WAIT_MS)
        bench.locator(".card").first.click()
        kiosk.wait_for_url("**/what", timeout=WAIT_MS)
        agree_to_almonds(village)
        kiosk.wait_for_url("**/take", timeout=WAIT_MS)
        expect(bench.locator("[data-papers=label] .slip")).to_have_count(1, timeout=WAIT_MS)
        expect(bench.locator("[data-papers=receipt] .slip")).to_have_count(1, timeout=WAIT_MS)
        expect(bench.locator("#waiting")).to_contain_text("waiting to be acknowledged", timeout=WAIT_MS)
        expect(bench.locator("#rows .what")).to_have_count(0, timeout=WAIT_MS)

        say(bench, "link", "up")
        expect(bench.locator("#rows .what").first).to_contain_text(village.newest_intake().receipt, timeout=WAIT_MS)
        expect(bench.locator("#waiting")).to_have_attribute("data-state", "good", timeout=WAIT_MS)
        bench.get_by_role("button", name="Take off").click()
        expect(bench.locator("#load")).to_have_text("0.000", timeout=WAIT_MS)
        assert trouble == []

        say(bench, "scale", "unit", "<b>stone</b>")
        expect(bench.locator("#notice")).to_contain_text("no unit '<b>stone</b>'", timeout=WAIT_MS)
        assert bench.locator("#notice b").count() == 0
        context.close()


def test_a_county_fits_on_the_page(browser: Browser, tmp_path: Path) -> None:
    village = PaperVillage(tmp_path, counter_stock=STOCK, county_news="county: 12 of 40 stations, <b>9821</b> intakes")
    app = create_bench(village)
    with app.test_client() as client:
        state = client.get("/state.json").get_json()
    state["center"] = {"answers": True, "events": "1,204,450", "intakes": "309,821", "net": "1,601,144.255 kg"}
    state["center"] |= {"amount": "¥9,765,432.10", "rows": []}
    with closing(BenchServer(app, "127.0.0.1", 0)) as server:
        for width in (360, 1024, 1100, 1440):
            context = browser.new_context(viewport={"width": width, "height": 800})
            page = context.new_page()
            page.route("**/state.json", lambda route: route.fulfill(json=state))
            page.goto(server.url)
            expect(page.locator("#county")).to_have_text(village.county_news, timeout=WAIT_MS)
            expect(page.locator("[data-sum=net]")).to_have_text("1,601,144.255 kg")
            assert page.evaluate("document.documentElement.scrollWidth") == width
            sign_in = page.locator(".sign-in").bounding_box()
            assert sign_in is not None
            assert width < 1000 or sign_in["y"] + sign_in["height"] < 768, "they stand on the first screen"
            assert page.locator(".sign-in dd").all_inner_texts() == [
                one.password for one in village.center_access.people
            ]
            assert list(axe_faults(page)) == []
            context.close()
