"""A receipt under the scanner as a villager meets it: the tile, the ring, the verdict, its sound, and nothing left."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from kiosk.devices.scanner.reader import ScannerReader
from kiosk.devices.scanner.report import ScanReporter
from kiosk.devices.scanner.serial import SerialDevice
from kiosk.devices.scanner.settings import ScannerSettings
from kiosk.simulators.scanner.simulator import ScannerSimulator
from tests.station.hardware import Heard
from tests.station.papers_signed import OTHER, changed, elsewhere
from tests.web.counter.shop import CounterShop
from tests.web.counter.test_browser import TYPE
from tests.web.shop import Shop
from tests.web.test_browser_sound import Ear, listening

VERDICT, HOLD = ".slip-verdict", ".slip-hold"


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


@pytest.fixture
def ear(browser: Browser, shop: Shop) -> Iterator[Ear]:
    with listening(browser, shop) as ear:
        ear.page.goto(ear.url)
        ear.page.locator("live-weight[data-state=lost]").wait_for()
        yield ear


@contextmanager
def scanner(shop: CounterShop, folder: Path) -> Iterator[ScannerSimulator]:
    """A scanner on a serial line before the villagers' screen."""
    with ScannerSimulator(folder / "scanner") as simulator:
        states = Heard()
        report = ScanReporter(shop.router.on_scan, states, lambda: 0.0, 0.0, shop.router.on_refused)
        reader = ScannerReader(SerialDevice(ScannerSettings(str(folder / "scanner")), report), report)
        reader.start()
        try:
            states.wait(lambda told: told == ["ok"])
            yield simulator
        finally:
            reader.stop(30.0)


def hold(page: Page) -> None:
    page.locator("form[action='/slip/check'] button").tap()
    page.locator(HOLD).wait_for()


def test_from_the_tile_to_the_verdict(browser: Browser, tmp_path: Path) -> None:
    """Held, checked, another one before the first is gone, and half of a code."""
    shop = CounterShop(tmp_path)
    troubles: list[str] = []
    try:
        shop.access.sign_out(shop.session.token)
        with scanner(shop, tmp_path) as simulator, listening_in_public(browser, shop) as ear:
            ear.page.on("pageerror", lambda error: troubles.append(str(error)))
            hold(ear.page)
            simulator.scan(f"]Q1{elsewhere(bags=3)}")
            expect(ear.page.locator(VERDICT)).to_contain_text("The receipt is right")
            expect(ear.page.locator(".slip-figures")).to_contain_text("0201-A-000007")
            ear.hears("ok")
            ear.forget()
            simulator.scan(changed(elsewhere()))
            expect(ear.page.locator(VERDICT)).to_contain_text("This receipt was changed")
            expect(ear.page.locator("main")).not_to_contain_text("12.320")
            ear.hears("error")
            ear.forget()
            simulator.scan(elsewhere()[:201])
            expect(ear.page.locator(VERDICT)).to_contain_text("could not be read")
            ear.hears("attention")
            ear.page.locator(".slip-foot .primary").tap()
            ear.page.locator(".stage-home").wait_for()
            simulator.scan(elsewhere(copy_no=1))
            expect(ear.page.locator(".slip-figures")).to_contain_text("Copy 1")
    finally:
        shop.close()
    assert troubles == []


@contextmanager
def listening_in_public(browser: Browser, shop: CounterShop) -> Iterator[Ear]:
    """No clerk has unlocked the counter."""
    with listening(browser, shop) as ear:
        shop.access.sign_out(shop.session.token)
        ear.page.goto(ear.url)
        ear.page.locator("live-weight").wait_for()
        yield ear


def test_silence_is_seen_and_heard(ear: Ear) -> None:
    page = ear.page
    before = time.monotonic()
    hold(page)
    expect(page.locator(VERDICT)).to_contain_text("could not be read")
    assert time.monotonic() - before >= 3
    ear.hears("attention")
    page.reload()
    page.locator(VERDICT).wait_for()
    page.wait_for_timeout(300)
    assert ear.names() == [], "a page that is loaded again repeats nothing"


def test_a_checked_receipt_does_not_stay(ear: Ear, shop: Shop) -> None:
    page = ear.page
    shop.slips.scanned(elsewhere())
    expect(page.locator(".slip-figures")).to_contain_text("12.320")
    shop.slip_clock = lambda: time.monotonic() + 29
    page.reload()
    page.locator(".slip-figures").wait_for()
    page.locator(".stage-home").wait_for()
    assert page.url == f"{ear.url}/"
    assert str(OTHER) not in page.content()


def test_a_station_that_was_away_is_asked_again(ear: Ear, shop: Shop) -> None:
    page, away = ear.page, [True]

    def answer(route: object) -> None:
        with suppress(IndexError):
            away.pop()
            route.abort()  # type: ignore[attr-defined]
            return
        route.continue_()  # type: ignore[attr-defined]

    page.route("**/slip/time_up", answer)
    hold(page)
    expect(page.locator(VERDICT)).to_contain_text("could not be read")


def test_a_clerk_who_is_called_takes_its_place(ear: Ear, shop: Shop) -> None:
    shop.slips.scanned(elsewhere())
    ear.page.locator(".slip-figures").wait_for()
    shop.board.notify("clerk_called")
    expect(ear.page.locator(".stage-answer")).to_contain_text("The clerk is called")
    assert str(OTHER) not in ear.page.content()


def test_goods_on_the_pan_take_its_place(ear: Ear, shop: Shop) -> None:
    hold(ear.page)
    shop.at_what()
    ear.page.locator(".stage-what").wait_for()
    ear.page.wait_for_timeout(3_200)
    ear.page.locator(".stage-what").wait_for()
    assert shop.board.snapshot().notice.word == "slip.hold", "nobody hears that nothing was read"


def test_the_clerk_sees_and_hears_it_at_the_counter(browser: Browser, tmp_path: Path) -> None:
    shop = CounterShop(tmp_path)
    try:
        assert shop.session
        with listening(browser, shop) as ear:
            ear.page.goto(f"{ear.url}/counter")
            ear.page.locator(".work-home").wait_for()
            shop.router.on_scan(changed(elsewhere()))
            expect(ear.page.locator(VERDICT)).to_contain_text("This receipt was changed")
            ear.hears("error")
            ear.forget()
            ear.page.evaluate(f"(text) => ({TYPE})(text)", elsewhere())
            expect(ear.page.locator(VERDICT)).to_contain_text("The receipt is right")
            ear.hears("ok")
    finally:
        shop.close()
