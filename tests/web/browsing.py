"""What the browser tests share: one Chromium, the real server, a page that tells its troubles."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT  # type: ignore[import-untyped]
from flask import Flask, Response
from playwright.sync_api import Browser, Page, Playwright

from kiosk.web.factory import ServedApp
from kiosk.web.first_start.app import NoStreams
from kiosk.web.server import serve
from kiosk.web.shared.settings import WebSettings
from tests.depth import TORTURE

AXE_RULES = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}
_WITHOUT_CONTRAST = {**AXE_RULES, "rules": {"color-contrast": {"enabled": False}}}
"""Half of what axe costs."""
_RUN_AXE = """
(rules) => axe.run(rules).then(({ passes, violations }) => ({
  passed: passes.length,
  broken: violations.map(({ id, nodes }) => `axe ${id}: ${nodes.map((node) => node.html.slice(0, 120)).join(' ')}`),
}))
"""
"""Only what is read comes out of the browser: the whole answer of axe costs as much again on its way to Python."""

AXE = "/static/axe.js"
STILL = "/static/drawings/back.svg"
"""A document of the pages' own site that does nothing. ``about:blank`` is of no site: the way there and back would be a
new process of the browser each time, and nothing it has compiled would be left.
"""

OF_THE_STATION = "/usr/bin/chromium"
HEADLESS = "/usr/bin/chromium-headless-shell"
"""Chromium's engine without its window, of the same source package: the same layout for half the work. What is told
about the browser of a station itself (tests/lock, tests/system, benchmarks, pictures) is seen in the station's own.
"""


class Browsers:
    """Browsers that many files use one after the other: each is started by the first, and stays to the end."""

    def __init__(self, driver: Playwright) -> None:
        self._driver = driver
        self._running: dict[str, Browser] = {}

    @contextmanager
    def one(self, program: str = HEADLESS) -> Iterator[Browser]:
        """As good as new: nobody else's page is in it, nor will one of this user's be. One that broke is replaced."""
        browser = self._running.get(program)
        if browser is None or not browser.is_connected():
            browser = self._driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
            self._running[program] = browser
        try:
            yield browser
        finally:
            for context in browser.contexts:
                context.close()

    def close(self) -> None:
        for browser in self._running.values():
            browser.close()


_ALL_THERE = """
() => Promise.all([
  document.fonts.ready,
  ...[...document.images].filter((image) => !image.complete)
    .map((image) => new Promise((done) => { image.onload = image.onerror = done; })),
])
"""


def painted(page: Page) -> None:
    """Wait until the page on the screen has its style sheets, pictures and letters: before that, nothing is measured.

    One promise, not a polled expression: the policy of a page refuses an expression that is evaluated a second time.
    """
    page.wait_for_load_state("load")
    page.evaluate(_ALL_THERE)


SILENCE, PATIENCE = "const SILENCE_MS = 1500;", "const SILENCE_MS = 60_000;"


def patient(app: ServedApp) -> ServedApp:
    """The same pages, except that a stream may be silent for a minute before they believe nothing any more.

    A machine that has much to do lets a heartbeat come late, and the page says so at once. What happens then has tests
    of its own; in all others it would be told of the machine and not of the page.
    """
    plain, script = app.view_functions["static"], Path(app.static_folder or "") / "js/live.js"
    text = script.read_text(encoding="utf-8")
    assert text.count(SILENCE) == 1

    def static(filename: str) -> Any:
        if filename != "js/live.js":
            return plain(filename=filename)
        return Response(text.replace(SILENCE, PATIENCE), mimetype="text/javascript")

    app.view_functions["static"] = static
    return app


def kept(app: ServedApp) -> ServedApp:
    """The same pages, except that the browser keeps style sheets, scripts and drawings instead of asking again.

    For those who look at page after page; that it asks again each time is a promise with a test of its own. What
    `axe_faults` runs in a page lies beside them: a script that the browser keeps is compiled once, also what it does.
    """
    plain = app.view_functions["static"]

    def static(filename: str) -> Any:
        if filename != AXE.rpartition("/")[2]:
            return plain(filename=filename)
        return Response(AXE_SCRIPT, mimetype="text/javascript", headers={"Cache-Control": "max-age=86400"})

    def keep(response: Response) -> Response:
        if response.headers.get("Cache-Control") == "no-cache":
            response.headers["Cache-Control"] = "max-age=86400"
        return response

    app.view_functions["static"] = static
    app.after_request_funcs.setdefault(None, []).insert(0, keep)  # the first in the list comes last
    return app


def axe_faults(page: Page, *, kept: bool = False, contrast: bool = True) -> Iterator[str]:
    """What the rules of accessibility say about the page on the screen. ``kept``: of an application that went through
    `kept`. Without ``contrast`` where every text's contrast is measured, by a stricter bound, as well.
    """
    if kept:
        page.add_script_tag(url=AXE)
    else:
        page.evaluate(AXE_SCRIPT)
    answer = page.evaluate(_RUN_AXE, AXE_RULES if contrast else _WITHOUT_CONTRAST)
    assert answer["passed"] > 10
    yield from answer["broken"]


_KINDS = """
() => {
  const kind = (one) => one && [one.localName, one.getAttribute('role'), !!one.textContent.trim(),
    ...one.getAttributeNames().filter((name) => !/^(class|style|id|value|data-.*)$/.test(name))
      .map((name) => one.getAttribute(name) ? name : `${name} empty`).sort()].join(' ');
  const all = [...document.querySelectorAll('*')];
  const order = all.filter((one) => one.matches('h1, h2, h3, h4, main, nav, header, footer, aside, section, [role]'));
  return [...new Set(all.map((one) => `${kind(one.parentElement)} > ${kind(one)}`)),
    order.map((one) => one.getAttribute('role') ?? one.localName).join(' ')];
}
"""
"""What the rules of axe ask about, without words and looks: which element with which attributes stands in which, and
the order of headings and landmarks.
"""


_TWICE = """
() => {
  const ids = [...document.querySelectorAll('[id]')].map((one) => one.id);
  return ids.filter((id, place) => ids.indexOf(id) !== place);
}
"""


class Axe:
    """Judges page after page of one site, and those alone in which something is new to it; `make torture` each.

    An id that stands twice is no kind of element, so it is asked of every page.
    """

    def __init__(self) -> None:
        self._known: set[str] = set()

    def faults(self, page: Page, *, contrast: bool) -> Iterator[str]:
        """As `axe_faults` of a site that went through `kept`. ``contrast``: in any case, and with every color."""
        new = set(page.evaluate(_KINDS)) - self._known
        self._known |= new
        yield from (f"{page.url}: the id {twice} stands twice" for twice in page.evaluate(_TWICE))
        if new or contrast or TORTURE:
            yield from axe_faults(page, kept=True, contrast=contrast)


Judge = Callable[[Page], Iterator[str]]


def stand_still(page: Page) -> None:
    """From the next address on the page's time passes by ``page.clock.run_for`` alone, however slow the machine is."""
    page.clock.install(time=0)
    page.clock.pause_at(1)


@contextmanager
def served(app: ServedApp) -> Iterator[str]:
    """The address of some pages behind the station's own server: leaving one while it loads leaves no file open."""
    server = serve(app, "127.0.0.1", 0)
    server.start()
    try:
        yield server.url
    finally:
        server.stop()


class Dispatcher(ServedApp):
    """One address for application after application."""

    def __init__(self) -> None:
        super().__init__(__name__, NoStreams())
        self._shown: Flask = self
        self._at_work = 0
        self._rest = threading.Condition()

    def wsgi_app(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        """Hand on to the application that is shown."""
        with self._rest:
            shown = self._shown
            self._at_work += 1
        try:
            return super().wsgi_app(environ, start_response) if shown is self else shown(environ, start_response)
        finally:
            with self._rest:
                self._at_work -= 1
                self._rest.notify_all()

    @contextmanager
    def showing(self, app: ServedApp) -> Iterator[None]:
        """Until the end, when its streams end and nobody works in it any more; then there is no page at all."""
        self._shown = app
        try:
            yield
        finally:
            self._shown = self
            app.streams.stop()
            with self._rest:
                assert self._rest.wait_for(lambda: self._at_work == 0, 60)


@dataclass(frozen=True)
class Screen:
    """A touch screen that is shown one application after another, on a panel of any size."""

    page: Page
    url: str
    dispatcher: Dispatcher

    @contextmanager
    def showing(self, app: ServedApp, settings: WebSettings, language: str = "") -> Iterator[None]:
        """Nobody has gone anywhere yet; at the end the page has left the application."""
        self.page.set_viewport_size({"width": settings.width_px, "height": settings.height_px})
        if language:
            self.page.context.add_cookies([{"name": "lang", "value": language, "url": self.url}])
        with self.dispatcher.showing(kept(app)):
            yield
            self.page.goto(self.url + STILL)


@contextmanager
def screen(browser: Browser, said: list[str]) -> Iterator[Screen]:
    """``said`` collects what the console complains about: a breach of the security policy, a script that fails."""
    dispatcher = Dispatcher()
    with served(dispatcher) as url:
        context = browser.new_context(has_touch=True, reduced_motion="reduce")
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        try:
            yield Screen(page, url, dispatcher)
        finally:
            context.close()


@contextmanager
def opened(
    browser: Browser, url: str, settings: WebSettings, cookies: Mapping[str, str], **context: Any
) -> Iterator[tuple[Page, list[str]]]:
    """A page that nobody has sent anywhere, and what its console will complain about."""
    view = browser.new_context(viewport={"width": settings.width_px, "height": settings.height_px}, **context)
    view.add_cookies([{"name": name, "value": value, "url": url} for name, value in cookies.items()])
    page, troubles = view.new_page(), list[str]()
    page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    try:
        yield page, troubles
    finally:
        view.close()


def cut_tables(page: Page) -> list[str]:
    """The tables of which a part has to be scrolled to on a desk of 1440 px."""
    before = page.viewport_size
    page.set_viewport_size({"width": 1440, "height": 900})
    cut: list[str] = page.evaluate(
        """() => [...document.querySelectorAll(".wide")].filter((one) => one.scrollWidth > one.clientWidth)
            .map((one) => `${one.getAttribute("aria-labelledby")} has ${one.scrollWidth} px in ${one.clientWidth}`)"""
    )
    if before is not None:
        page.set_viewport_size(before)
    return cut
