"""Draws the technician's pages in all languages: ``python -m tests.web.technician.pictures var/pictures``."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from kiosk.store.database.migrate import migrate
from kiosk.texts import LANGUAGES
from kiosk.web.shared.settings import WebSettings
from tests.station.doctor.clinic import Clinic
from tests.web import browsing
from tests.web.first_start.pictures import slim
from tests.web.technician.screens import PAGES, app_of, shoot, telling_clinic

PANEL = WebSettings(800, 480, 7.0)


def draw(browser: Browser, clinic: Clinic, path: str, folder: Path) -> None:
    """A picture of the page in each language."""
    name = "-".join(["technician", *path.strip("/").replace("?", "/").replace("=", "/").split("/")]).strip("-")
    with browsing.screen(browser, []) as screen:
        for language in LANGUAGES:
            app = app_of(clinic, PANEL)
            if path == "/shot":
                shoot(app)
            with screen.showing(app, PANEL, language):
                screen.page.goto(f"{screen.url}/technician{path}")
                browsing.painted(screen.page)
                picture = folder / f"{name}-{language}-{PANEL.width_px}x{PANEL.height_px}.png"
                screen.page.screenshot(path=picture)
                slim(picture)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="part of a page's address")
    wanted = parser.parse_args()
    wanted.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as data, sync_playwright() as playwright:
        template = Path(data) / "empty.sqlite"
        migrate(template)
        browser = playwright.chromium.launch(executable_path=browsing.OF_THE_STATION, args=["--no-sandbox"])
        with telling_clinic(Path(data), template) as clinic:
            for path in (path for path in PAGES if wanted.only in path):
                draw(browser, clinic, path, wanted.folder)
        browser.close()


if __name__ == "__main__":
    main()
