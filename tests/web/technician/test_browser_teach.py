"""Teach me this scale in a browser: a reversed "=" ends with the right profile; every step fits a small panel."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from playwright.sync_api import Browser, Page, expect

from kiosk.config.station import load
from kiosk.simulators.scale.simulator import ScaleSimulator
from kiosk.station.doctor import environment as doctor_place
from kiosk.station.scale.teach import Teach
from kiosk.store.database.migrate import migrate
from kiosk.texts import LANGUAGES
from kiosk.web.shared import roles
from kiosk.web.shared.settings import WebSettings
from tests.depth import TORTURE
from tests.station.doctor.clinic import Clinic
from tests.web import browsing
from tests.web.technician.teach_rig import Pace, app_of, settings_file, taught

PANEL = WebSettings(800, 480, 7.0)


def looked_at(walk: int) -> Sequence[str]:
    """Each walk in another language: together they are seen in all. `make torture` walks each in every one."""
    languages = list(LANGUAGES)
    return languages if TORTURE else [languages[walk % len(languages)]]


SMALLEST_MM = 12.0
MEASURE = """
() => {
  const shown = (e) => { const b = e.getBoundingClientRect(); return b.width > 0 && b.height > 0; };
  const targets = [...document.querySelectorAll('button, a[href]')].filter(shown).map((e) => {
    const b = e.getBoundingClientRect();
    const inside = b.right <= innerWidth + 1 && b.bottom <= innerHeight + 1 && b.left >= -1 && b.top >= -1;
    return [e.textContent.trim().slice(0, 20), Math.min(b.width, b.height), inside];
  });
  const cut = [...document.querySelectorAll('main, main p, main li, main section, main .teach-say')].filter(shown)
    .filter((e) => e.scrollHeight > e.clientHeight + 2 && getComputedStyle(e).display !== 'inline')
    .map((e) => [e.tagName, e.className, e.textContent.trim().slice(0, 40), e.scrollHeight, e.clientHeight]);
  return { targets, cut, wide: document.documentElement.scrollWidth > innerWidth };
}
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "empty.sqlite"
    migrate(path)
    return path


@pytest.fixture
def clinic(tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clinic]:
    monkeypatch.setattr("kiosk.base.systemd.MARK", tmp_path / "none")
    monkeypatch.setattr(doctor_place, "disk_of", str)
    monkeypatch.setattr(doctor_place, "uuid_of", lambda folder: "")
    clinic = Clinic(tmp_path, template)
    clinic.cure()
    yield clinic
    clinic.store.close()


@contextmanager
def opened(browser: Browser, clinic: Clinic, language: str, can_teach: Teach) -> Iterator[tuple[Page, list[str]]]:
    """The page at its first step, and what its console complained about."""
    cookies = {"lang": language, roles.COOKIE: "technician"}
    with (
        browsing.served(app_of(clinic, PANEL, can_teach)) as url,
        browsing.opened(browser, url, PANEL, cookies) as (page, troubles),
    ):
        page.goto(f"{url}/technician/teach")
        yield page, troubles


def fits(page: Page) -> None:
    """Fingers and eyes, once the page and its style sheets are there."""
    browsing.painted(page)
    found = page.evaluate(MEASURE)
    small = [row for row in found["targets"] if row[1] < SMALLEST_MM * PANEL.px_per_mm - 1]
    assert small == []
    assert all(inside for *_, inside in found["targets"]), found["targets"]
    assert (found["cut"], found["wide"]) == ([], False)
    assert list(browsing.axe_faults(page)) == []


def at(page: Page, step: str) -> None:
    expect(page.locator(f'teach-step[data-step="{step}"]')).to_be_visible(timeout=60_000)


def post(page: Page, name: str) -> None:
    page.locator(f'form[action$="/teach/{name}"] button').click()


def type_weight(page: Page, text: str) -> None:
    for key in text:
        page.locator(f'[data-key="{key}"]').click()
    page.locator("[data-go]").click()


@pytest.mark.parametrize("language", looked_at(0))
def test_a_reversed_equals_sign_ends_with_the_right_profile(
    browser: Browser, clinic: Clinic, tmp_path: Path, language: str
) -> None:
    file = settings_file(tmp_path)
    with ScaleSimulator("xk3190_eq_reversed", hz=80, settle_s=0) as scale:
        scale.command("put 2kg")
        with (
            taught(clinic, lambda: (scale.path,), file) as can_teach,
            opened(browser, clinic, language, can_teach) as (page, troubles),
        ):
            fits(page)
            page.locator(".teach-port").click()
            at(page, "heard")
            names = page.locator(".proposal-name")
            expect(names).to_have_count(2)
            expect(page.locator(".proposal-reads").first).not_to_have_text("– – –")
            assert {name.strip() for name in names.all_text_contents()} == {"xk3190_eq_reversed", "xk3190_eq_forward"}
            fits(page)
            scale.command("take")
            expect(page.locator(".proposal-reads").first).to_have_text("0.000")
            post(page, "emptied")
            at(page, "known")
            fits(page)
            scale.command("put 5kg")
            type_weight(page, "5")
            at(page, "offer")
            lines = page.locator(".teach-lines")
            expect(lines).to_contain_text('protocol = "xk3190_eq_reversed"')
            expect(lines).to_contain_text('unit = "kg"')
            expect(lines).to_contain_text("e_g = 5")
            fits(page)
            post(page, "write")
            expect(page.locator(".told")).to_be_visible()
            fits(page)
        assert troubles == []
    written = load(file).scale
    assert written is not None
    assert (written.protocol, written.port, written.e_g, written.max_g) == (
        "xk3190_eq_reversed",
        scale_port(file),
        5,
        60_000,
    )
    text = file.read_text("utf-8")
    assert "# from the plate" in text
    assert "# the scale on the long table" in text
    assert cast(Any, clinic).teach_paused.told == ["pause", "resume"]


def scale_port(file: Path) -> str:
    """What the file says; it is the simulated scale's own, not the old one."""
    port = str(tomllib.loads(file.read_text("utf-8"))["scale"]["port"])
    assert port.startswith("/dev/pts/")
    return port


@pytest.mark.parametrize("language", looked_at(1))
def test_nothing_heard_then_asked(browser: Browser, clinic: Clinic, language: str) -> None:
    pace = Pace()
    with ScaleSimulator("mt_sics", settle_s=0) as scale:
        with (
            taught(clinic, lambda: (scale.path,), asked=scale, pace=pace) as can_teach,
            opened(browser, clinic, language, can_teach) as (page, troubles),
        ):
            page.locator(".teach-port").click()
            at(page, "nothing")
            fits(page)
            pace.go.clear()
            post(page, "begin")
            at(page, "listening")
            fits(page)
            pace.go.set()
            at(page, "heard")
            expect(page.locator(".proposal-name")).to_have_text("mt_sics")
            post(page, "emptied")
            at(page, "emptied")
            fits(page)
            pace.looked()
            at(page, "known")
            type_weight(page, "2.5")
            at(page, "loaded")
            pace.looked()
            at(page, "unclear")
            fits(page)
            post(page, "end")
            at(page, "ports")
        assert troubles == []


@pytest.mark.parametrize("language", looked_at(2))
def test_the_cable_is_pulled(browser: Browser, clinic: Clinic, language: str) -> None:
    spare = "/dev/serial/by-id/usb-1a86_USB2.0-Serial-if00-port0"
    with (
        ScaleSimulator("xk3190_tf0", hz=80) as scale,
        taught(clinic, lambda: (scale.path, spare)) as can_teach,
        opened(browser, clinic, language, can_teach) as (page, troubles),
    ):
        fits(page)
        page.locator(".teach-port").first.click()
        at(page, "heard")
        scale.command("unplug")
        at(page, "failed")
        fits(page)
    assert troubles == []
