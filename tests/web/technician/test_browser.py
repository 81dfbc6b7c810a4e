"""The technician's pages in a browser: targets of 12 mm, nothing cut off, no trouble for axe, a live scale."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from jinja2 import StrictUndefined
from playwright.sync_api import Browser, Page, Route, expect

from kiosk.devices.ports import PrinterFault
from kiosk.devices.scale.command import COMMANDS
from kiosk.domain.clerk import Role
from kiosk.domain.lens import LensRefusal, LensRefused
from kiosk.station.clerk.access import Session
from kiosk.station.clerk.people import Person
from kiosk.station.doctor import environment as doctor_place
from kiosk.station.photos.lens_calibration import SHOTS, LensCalibration
from kiosk.station.photos.lens_file import LensFile
from kiosk.station.scale.keys import ScaleKeys
from kiosk.station.update.updates import Updates
from kiosk.store.database.migrate import migrate
from kiosk.texts import LANGUAGES
from kiosk.web import guard, roles
from kiosk.web.factory import _FILTERS, ServedApp
from kiosk.web.first_start.app import NoStreams
from kiosk.web.settings import WebSettings
from kiosk.web.technician import layouts, technical, update
from kiosk.web.technician import lens as lens_pages
from kiosk.web.technician import routes as technician
from tests.depth import TORTURE, looks
from tests.station.doctor.clinic import Clinic, reading
from tests.station.fakes import Rig
from tests.station.photos.test_lens import FakeLensCamera
from tests.station.scale.test_keys import FakeScale
from tests.station.update.test_station_side import FakeJournal, FakeQuiet, FullShelf
from tests.web import browsing
from tests.web.scale_worth import LONGEST, give_scale

PANELS = (WebSettings(800, 480, 7.0), WebSettings(1366, 768, 15.6))
LENS = ("/lens", "/lens?shot", "/lens?refused", "/lens?kept", "/lens?failed")
"""The same page; what stands behind the mark says how far the calibration is, see ``calibrate``."""
PAGES = (
    *("", "/tests", "/scale", "/scale?told=unconfirmed", "/shot", *LENS),
    *("/lamps", "/care", "/layouts", "/events", "/epoch", "/about", "/update"),
)
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
  const cut = [...document.querySelectorAll('.card')].some((e) => e.scrollHeight > e.clientHeight + 2);
  return { targets, fits: main.scrollHeight <= main.clientHeight + 1 && !wide && !cut };
}
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "empty.sqlite"
    migrate(path)
    return path


@pytest.fixture
def clinic(tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clinic]:
    monkeypatch.setattr(doctor_place, "_SYSTEMD", tmp_path / "none")
    monkeypatch.setattr("kiosk.station.doctor.bundle.bundle._SYSTEMD", tmp_path / "none")
    monkeypatch.setattr(doctor_place, "disk_of", str)
    monkeypatch.setattr(doctor_place, "uuid_of", lambda folder: "")
    clinic = Clinic(tmp_path, template)
    clinic.cure()
    clinic.printers["receipt"].says(PrinterFault.PAPER_OUT)
    clinic.store.outbox.acknowledge(clinic.store.outbox.counts().last_seq, (2, 3))
    give_scale(clinic, LONGEST)
    rig = Rig()
    rig.rest(0)
    clinic.equipment.scale_keys = ScaleKeys(FakeScale(), COMMANDS, 60_000, rig.desk.loads)
    clinic.equipment.updates = Updates(FullShelf(), FakeJournal(), FakeQuiet())
    clinic.config.relay = replace(clinic.config.relay, updates="http://127.0.0.1:8843")
    yield clinic
    clinic.store.close()


def calibrate(clinic: Clinic, page: str) -> None:
    """Bring the calibration of the lens to where a page of LENS shows it."""
    camera = FakeLensCamera()
    clinic.equipment.lens = lens = LensCalibration(
        camera, LensFile(clinic.settings.data, clinic.config.camera), lambda: "2026-11-28"
    )
    lens.forget()
    if page in LENS[1:]:
        lens.begin()
    if page == "/lens?refused":
        camera.faults = [LensRefused(LensRefusal.MAT)]
        lens.shoot(1)
    if page == "/lens?failed":
        camera.fit = LensRefused(LensRefusal.COVERAGE)
    if page in LENS[3:]:
        for number in range(1, SHOTS + 1):
            lens.shoot(number)


def app_of(clinic: Clinic, settings: WebSettings) -> ServedApp:
    app = ServedApp("kiosk.web", NoStreams())
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.filters.update(_FILTERS)
    guard.install(app)
    person = Person("01", "Reyhan", Role.TECHNICIAN)
    roles.install(
        app,
        roles.merge([technician.NEEDS, technical.NEEDS, lens_pages.NEEDS, layouts.NEEDS, update.NEEDS]),
        lambda token: Session(token, person),
    )
    app.register_blueprint(technical.blueprint(cast(Any, clinic), settings, cast(Any, None)))
    app.register_blueprint(technician.blueprint(cast(Any, clinic), settings, clinic.doctor))
    app.register_blueprint(lens_pages.blueprint(settings, clinic.doctor))
    app.register_blueprint(layouts.blueprint(settings, clinic.doctor))
    app.register_blueprint(update.blueprint(settings, clinic.doctor))
    return app


def shoot(app: ServedApp) -> None:
    """A shot of the technician's, which is shown once."""
    client = app.test_client()
    client.set_cookie(roles.COOKIE, "any")
    assert client.post("/technician/shoot").status_code == 303


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
            calibrate(clinic, path)
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
        page.get_by_role("link", name="Read on").tap()
        expect(page.get_by_role("status")).to_have_count(0)
        rig.rest(30_000)
        page.get_by_role("button", name="Zero", exact=True).tap()
        expect(page.get_by_role("alert")).to_contain_text("Empty it")
    assert scale.sent == ["zero"]


def test_a_layout_is_drawn_while_it_is_typed(browser: Browser, clinic: Clinic) -> None:
    """One question at a time, the last rows last; what is broken says why and leaves the last good picture."""
    settings = PANELS[0]
    with served(clinic, settings) as url, opened(browser, url, settings, "en") as (page, _):
        page.clock.install()
        page.goto(f"{url}/layouts")
        rows, picture, why = page.locator(".layout-text"), page.locator(".layout-picture"), page.get_by_role("alert")
        shipped, asked = rows.input_value(), list[Route]()

        def pause_after(*widths: str) -> None:
            for width in widths:
                rows.fill(shipped.replace("width = 60", f"width = {width}"))
            page.clock.run_for(300)

        def hold_the_first(route: Route) -> None:
            asked.append(route)
            if len(asked) > 1:
                route.continue_()

        page.route("**/layouts/draw", hold_the_first)
        with page.expect_request("**/layouts/draw"):
            pause_after("6", "61")
        pause_after("", "6", "6x")
        pause_after("62")
        assert len(asked) == 1
        with page.expect_request("**/layouts/draw") as last:
            asked[0].continue_()
        assert "width+%3D+62" in (last.value.post_data or "")
        expect(picture).to_have_js_property("naturalWidth", 62 * 8)
        expect(picture).to_have_class("layout-picture")
        assert len(asked) == 2
        expect(page.get_by_role("status")).to_contain_text("Not kept yet")
        expect(why).to_have_count(0)
        pause_after("6")
        expect(why).to_contain_text("reaches over the edge of the label")
        expect(picture).to_have_js_property("naturalWidth", 62 * 8)
        pause_after("60")
        expect(why).to_have_count(0)
        expect(picture).to_have_js_property("naturalWidth", 480)


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
