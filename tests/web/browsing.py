"""What the browser tests share: one Chromium, the real server, a page that tells its troubles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask import Response
from playwright.sync_api import Browser, Page, sync_playwright

from kiosk.web.factory import ServedApp
from kiosk.web.server import serve
from kiosk.web.settings import WebSettings

AXE_RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa", "best-practice"]}


OF_THE_STATION = "/usr/bin/chromium"
HEADLESS = "/usr/bin/chromium-headless-shell"
"""Chromium's engine without its window, of the same source package: the same layout for half the work. What is told
about the browser of a station itself (tests/lock, tests/system, benchmarks, pictures) is seen in the station's own.
"""


@contextmanager
def chromium(program: str = HEADLESS) -> Iterator[Browser]:
    """One browser for many pages."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
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
