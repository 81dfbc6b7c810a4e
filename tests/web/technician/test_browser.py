"""The technician's pages in a browser: targets of 12 mm, nothing cut off, no trouble for axe, a live scale."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from kiosk.devices.scale.command import COMMANDS
from kiosk.domain.clerk import Role
from kiosk.station.scale.keys import ScaleKeys
from kiosk.store.database.migrate import migrate
from kiosk.texts import LANGUAGES
from kiosk.web.shared.settings import WebSettings
from tests.depth import TORTURE, looks
from tests.station.doctor.clinic import Clinic, reading
from tests.station.fakes import Rig
from tests.station.scale.test_keys import FakeScale
from tests.web import browsing
from tests.web.technician.screens import PAGES, app_of, shoot, telling_clinic

PANELS = (WebSettings(800, 480, 7.0), WebSettings(1366, 768, 15.6))
SMALLEST_MM = 12.0

MEASURE = """
() => {
  const shown = (e) => { const b = e.getBoundingClientRect(); return b.width > 0 && b.height > 0; };
  const targets = [...document.querySelectorAll('button, a[href]')].filter(shown).map((e) => {
    const b = e.getBoundingClientRect();
    const inside = b.right <= innerWidth + 1 && b.bottom <= innerHeight + 1;
    return [e.textContent.trim().slice(0, 20), Math.min(b.width, b.height), inside];
  });
  const main = document.querySelector('main');
  const wide = document.documentElement.scrollWidth > innerWidth;
  const cut = [...document.querySelectorAll('.card, .finding, .finding > *')].filter(shown)
    .some((e) => e.scrollHeight > e.clientHeight + 4 || e.scrollWidth > e.clientWidth + 2);
  const texts = [];
  const walk = document.createTreeWalker(main, NodeFilter.SHOW_TEXT);
  for (let text = walk.nextNode(); text; text = walk.nextNode()) {
    if (!text.data.trim() || !text.parentElement.checkVisibility() || text.parentElement.matches('textarea')) continue;
    const range = document.createRange();
    range.selectNodeContents(text);
    for (const box of range.getClientRects()) texts.push([text, box]);
  }
  const keys = [...main.querySelectorAll('button, a[href]')].filter(shown).map((e) => [e, e.getBoundingClientRect()]);
  const meet = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2 &&
    Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > (a.height + b.height) / 6;
  const over = texts.flatMap(([text, box], n) => [...texts.slice(n + 1), ...keys]
    .filter(([other, place]) => other !== text && !other.contains(text) && meet(box, place))
    .map(([other]) => `${text.data.trim().slice(0, 30)} lies over ${other.textContent.trim().slice(0, 30)}`));
  return { targets, over: [...new Set(over)], fits: main.scrollHeight <= main.clientHeight + 1 && !wide && !cut };
}
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "empty.sqlite"
    migrate(path)
    return path


@pytest.fixture
def clinic(tmp_path: Path, template: Path) -> Iterator[Clinic]:
    with telling_clinic(tmp_path, template) as clinic:
        yield clinic


@contextmanager
def served(clinic: Clinic, settings: WebSettings) -> Iterator[str]:
    with browsing.served(app_of(clinic, settings)) as url:
        yield f"{url}/technician"


def opened(
    browser: Browser, url: str, settings: WebSettings, language: str, **context: bool
) -> AbstractContextManager[tuple[Page, list[str]]]:
    return browsing.opened(browser, url, settings, {"lang": language}, **context)


@contextmanager
def answered_after(page: Page, act: str, clicks: int) -> Iterator[list[Route]]:
    """The posts that were sent. They wait until there were so many clicks, so that none meets the page that follows."""
    page.evaluate("() => document.addEventListener('click', () => console.debug('click'), { capture: true })")
    posts: list[Route] = []
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.route(act, lambda route: posts.append(route))
    yield posts
    for _ in range(3_000):
        if posts and said.count("click") == clicks:
            break
        page.wait_for_timeout(10)
    assert said.count("click") == clicks
    for post in posts:
        post.continue_()


def page_faults(page: Page, settings: WebSettings, *, axe: bool) -> Iterator[str]:
    found = page.evaluate(MEASURE)
    for name, size, inside in found["targets"]:
        if size < SMALLEST_MM * settings.px_per_mm - 1:
            yield f"{name}: {size} px"
        if not inside:
            yield f"{name}: outside the screen"
    yield from found["over"]
    if not found["fits"]:
        yield "does not fit"
    if axe:
        yield from browsing.axe_faults(page, kept=True)


def test_fingers_and_eyes(browser: Browser, clinic: Clinic) -> None:
    """Every page on the smaller panel, some on the larger one as well; `make torture` in every language on either."""
    faults: list[str] = []
    said: list[str] = []
    with browsing.screen(browser, said) as screen:
        for path, seen_on in looks(PAGES, PANELS, list(LANGUAGES)):
            for number, (panel, language) in enumerate(seen_on):
                app = app_of(clinic, panel)
                if path == "/shot":
                    shoot(app)
                with screen.showing(app, panel, language):
                    screen.page.goto(f"{screen.url}/technician{path}")
                    # What axe looks for hangs on no size: once for each page, in another language each time.
                    found = [*page_faults(screen.page, panel, axe=TORTURE or number == 0), *said]
                faults += [f"{path} {language} {panel.diagonal_in:g} in: {what}" for what in found]
                said.clear()
    assert not faults, "\n".join(faults)


def test_the_scale_is_live_and_never_shows_an_old_weight(browser: Browser, clinic: Clinic) -> None:
    settings = PANELS[0]
    with served(clinic, settings) as url, opened(browser, url, settings, "en") as (page, _):
        page.goto(f"{url}/scale")
        weight, raw = page.locator('[data-part="weight"]'), page.locator('[data-part="raw"]')
        expect(weight).to_have_text("12.450 kg")
        clinic.monotonic += 0.5
        clinic.equipment.scale.on_reading(reading(b"ww09.900kg"), clinic.monotonic)
        expect(raw).to_have_text("ww09.900kg")
        clinic.monotonic += 30
        expect(weight).to_have_text("– – –")


def test_a_touch_zeroes_the_scale_once(browser: Browser, clinic: Clinic) -> None:
    settings, scale, rig = PANELS[0], FakeScale(), Rig()
    rig.rest(0)
    clinic.equipment.scale_keys = ScaleKeys(scale, COMMANDS, 60_000, rig.desk.loads)
    with (
        served(clinic, settings) as url,
        opened(browser, url, settings, "en", has_touch=True) as (page, _),
    ):
        page.goto(f"{url}/scale")
        expect(page.get_by_role("button", name="Tare", exact=True)).to_have_count(0)
        key = page.get_by_role("button", name="Zero", exact=True)
        place = key.bounding_box()
        assert place is not None
        with answered_after(page, "**/scale/zero", clicks=2) as posts:
            for _ in range(2):
                page.touchscreen.tap(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
        page.wait_for_url("**told=zero_done")
        expect(page.get_by_role("status")).to_have_text("The scale is set to zero.")
        page.reload()
        expect(page.get_by_role("status")).to_be_visible()
        assert len(posts) == 1
        page.unroute("**/scale/zero")
        page.get_by_role("link", name="Continue reading").tap()
        expect(page.get_by_role("status")).to_have_count(0)
        rig.rest(30_000)
        page.get_by_role("button", name="Zero", exact=True).tap()
        expect(page.get_by_role("alert")).to_contain_text("Empty it")
    assert scale.sent == ["zero"]


def test_somebody_is_taken_on_by_touch(browser: Browser, clinic: Clinic) -> None:
    settings = PANELS[0]
    with served(clinic, settings) as url, opened(browser, url, settings, "en", has_touch=True) as (page, said):
        page.goto(f"{url}/people/new")
        go_on = page.get_by_role("button", name="Go on")
        expect(go_on).to_be_disabled()
        for letter in "ALIM":
            page.locator(f'[data-key="{letter}"]').tap()
        page.get_by_text("Technician", exact=True).tap()
        go_on.tap()
        page.wait_for_url("**/people/pin")
        for digit in "408172" * 2:
            expect(page.get_by_role("button", name="Save")).to_be_disabled()
            page.locator(f'[data-key="{digit}"]').tap()
        assert page.locator(".slot").all_inner_texts() == ["•"] * 12
        page.get_by_role("button", name="Save").tap()
        page.wait_for_url("**/people?done=1")
        assert "408172" not in page.url
        assert not said
    person = clinic.store.clerks.everyone()[-1]
    assert (person.name, person.role) == ("ALIM", Role.TECHNICIAN)


def test_a_form_is_sent_once(browser: Browser, clinic: Clinic) -> None:
    settings = PANELS[0]
    with served(clinic, settings) as url, opened(browser, url, settings, "en") as (page, _):
        page.goto(f"{url}/tests")
        with answered_after(page, "**/print", clicks=2) as posts:
            page.locator('button[value="label"]').dblclick(no_wait_after=True)
        page.wait_for_url("**printed=1")
        expect(page.locator(".told")).to_be_visible()
        assert len(posts) == 1
    assert clinic.woken == 1
