"""Draws the screens of the first start in all languages: ``python -m tests.web.first_start.pictures var/pictures``."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import get_args

from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from kiosk.web.first_start import create_first_start_app
from kiosk.web.shared.settings import WebSettings
from tests.web import browsing
from tests.web.first_start.bench import Bench
from tests.web.first_start.scenes import PANEL, Language, SetupScene, draft_at, setup_scenes


@contextmanager
def open_page(browser: Browser, panel: WebSettings = PANEL) -> Iterator[Page]:
    """A touch screen."""
    viewport: ViewportSize = {"width": panel.width_px, "height": panel.height_px}
    context = browser.new_context(viewport=viewport, has_touch=True, reduced_motion="reduce")
    try:
        yield context.new_page()
    finally:
        context.close()


@contextmanager
def show(
    screen: browsing.Screen, bench: Bench, scene: SetupScene, language: Language, panel: WebSettings = PANEL
) -> Iterator[Page]:
    """The scene on the screen, its pictures loaded."""
    wizard = bench.begin(draft_at(bench, scene.question, language, panel))
    with closing(wizard), screen.showing(create_first_start_app(wizard, WebSettings()), panel):
        screen.page.goto(screen.url)
        scene.act(bench, screen.page)
        browsing.painted(screen.page)
        yield screen.page


def slim(picture: Path) -> None:
    """Flat drawings need no millions of colors."""
    with Image.open(picture) as image:
        few = image.convert("RGB").quantize(128, dither=Image.Dither.NONE)
    few.save(picture, optimize=True)


def draw(browser: Browser, scene: SetupScene, language: Language, picture: Path) -> None:
    """One picture file."""
    with tempfile.TemporaryDirectory() as folder, Bench(Path(folder)) as bench:
        with browsing.screen(browser, []) as screen, show(screen, bench, scene, language) as page:
            page.screenshot(path=picture)
        slim(picture)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", default="", help="part of a scene's name")
    wanted = parser.parse_args()
    wanted.folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for scene in (scene for scene in setup_scenes() if wanted.only in scene.name):
            for language in get_args(Language):
                picture = wanted.folder / f"setup-{scene.name}-{language}-{PANEL.width_px}x{PANEL.height_px}.png"
                draw(browser, scene, language, picture)
        browser.close()


if __name__ == "__main__":
    main()
