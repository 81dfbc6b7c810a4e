"""Every page of the counter in every language on two panels, measured by a browser: R2, R5, nothing cut off, axe."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from kiosk.web.settings import WebSettings
from tests.web.counter.scenes import SCENES, CounterScene, open_pages, show
from tests.web.pictures import PANELS, Scene, open_counter
from tests.web.test_browser_layout import MEASURE, axe_faults, gap, inside, screen_faults

LANGUAGES = ["ug", "zh", "en"]
TARGET_MM, GAP_MM, CONTRAST = 12, 2, 4.5
"""R2 and R5 for clerks."""
SHELF_PX_7IN = 110
"""Cap height of the shelf code read from 1.5 m: 0.7 degrees are 134 px of type, and no carrier choice takes a fifth."""

CUT_OFF = """
() => [...document.querySelectorAll('.counter *')].filter((element) => {
  const style = getComputedStyle(element);
  return style.overflowX !== 'visible' && element.clientHeight > 1 && !element.classList.contains('unseen')
    && (element.scrollHeight > element.clientHeight + 2 || element.scrollWidth > element.clientWidth + 2);
}).map((element) => `${element.className}: ${element.textContent.trim().replace(/\\s+/g, ' ').slice(0, 40)}`)
"""
SHELF = """
() => [...document.querySelectorAll('.shelf-huge')].map((element) => parseFloat(getComputedStyle(element).fontSize))
"""


def target_faults(found: dict[str, Any], settings: WebSettings) -> Iterator[str]:
    mm, view = settings.px_per_mm, [0.0, 0.0, *map(float, found["view"])]
    for number, one in enumerate(found["targets"]):
        left, top, right, bottom = one["box"]
        if min(right - left, bottom - top) < TARGET_MM * mm - 0.6:
            yield f"{one['name']}: {(right - left) / mm:.1f} x {(bottom - top) / mm:.1f} mm"
        if not inside(one["box"], view, 0.5):
            yield f"{one['name']}: outside the screen {one['box']}"
        for other in found["targets"][number + 1 :]:
            if gap(one["box"], other["box"]) < GAP_MM * mm - 0.6:
                yield f"{one['name']} and {other['name']}: {gap(one['box'], other['box']) / mm:.1f} mm apart"


def text_faults(found: dict[str, Any]) -> Iterator[str]:
    view = [0.0, 0.0, *map(float, found["view"])]
    for text in found["texts"]:
        if text["contrast"] < CONTRAST:
            yield f"{text['text']}: contrast {text['contrast']:.1f}"
        if not inside(text["box"], view, text["size"] * 0.35):
            yield f"{text['text']}: outside the screen {text['box']}"
        if not inside(text["box"], text["holder"], text["size"] * 0.35):
            yield f"{text['text']}: runs out of its button {text['box']} {text['holder']}"
        if text["second"]:
            yield f"{text['text']}: a second language"


def counter_faults(page: Page, settings: WebSettings) -> Iterator[str]:
    found = page.evaluate(MEASURE)
    assert found["texts"]
    assert found["targets"]
    if any(found["scroll"]):
        yield f"scrolls {found['scroll']}"
    if found["primary"] > 1:
        yield f"{found['primary']} primary buttons"
    for size in page.evaluate(SHELF):
        if size < SHELF_PX_7IN / 5.25 * settings.px_per_mm:
            yield f"shelf code {size} px"
    yield from target_faults(found, settings)
    yield from text_faults(found)
    yield from (f"cut off: {what}" for what in page.evaluate(CUT_OFF))


def scene_faults(page: Page, settings: WebSettings, scene: CounterScene) -> Iterator[str]:
    if scene.public:
        yield from screen_faults(page.evaluate(MEASURE), settings, Scene(scene.name))
    else:
        yield from counter_faults(page, settings)
    if settings is PANELS["7in"]:  # what axe looks for does not hang on the size of the panel
        yield from axe_faults(page)


@pytest.mark.parametrize("panel", ["7in", "10in"])
def test_every_page_of_the_counter(browser: Browser, tmp_path: Path, panel: str) -> None:
    settings, faults = PANELS[panel], []
    with open_counter(settings, tmp_path) as (shop, server):
        pages = open_pages(browser, server, settings, LANGUAGES)
        said: list[str] = []
        for page in pages.values():
            page.on("console", lambda message: said.append(message.text))
            page.on("pageerror", lambda error: said.append(str(error)))
        for scene in SCENES:
            path = scene.step(shop)
            for language, page in pages.items():
                show(page, server, shop, scene, path)
                faults += [f"{scene.name} {language}: {what}" for what in scene_faults(page, settings, scene)]
            faults += [f"{scene.name}: {line}" for line in said if scene.name != "counter-denied" or "403" not in line]
            said.clear()
        for page in pages.values():
            page.context.close()
    assert not faults, json.dumps(faults, indent=1, ensure_ascii=False)
