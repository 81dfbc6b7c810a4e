"""Every page of the counter, measured by a browser: R2, R5, nothing cut off, axe.

`make torture` looks at every page in every language on either panel.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect

from kiosk.web.shared.settings import WebSettings
from tests.depth import TORTURE, looks
from tests.web import browsing
from tests.web.counter.scenes import SCENES, CounterScene, open_pages, show
from tests.web.pictures import PANELS, Scene, open_counter
from tests.web.test_browser_layout import MEASURE, gap, inside, screen_faults

LANGUAGES = ["ug", "zh", "en"]
COUNTER_PANELS = ("7in", "10in")
TARGET_MM, GAP_MM, CONTRAST = 12, 2, 4.5
"""R2 and R5 for clerks."""
SHELF_PX_7IN = 110
"""Cap height of the shelf code read from 1.5 m: 0.7 degrees are 134 px of type, and no carrier choice takes a fifth."""

# The longest name of a person ends in an ellipsis, between figures that are whole.
CUT_OFF = """
() => [...document.querySelectorAll('.counter *:not(.row-person)')].filter((element) => {
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


def scene_faults(page: Page, settings: WebSettings, scene: CounterScene, axe: browsing.Judge | None) -> Iterator[str]:
    if scene.public:
        yield from screen_faults(page.evaluate(MEASURE), settings, Scene(scene.name))
    else:
        yield from counter_faults(page, settings)
    if axe is not None:
        yield from axe(page)


def test_every_page_of_the_counter(browser: Browser, tmp_path: Path) -> None:
    """A day at one station, at whose counter stand two screens: each scene on both."""
    faults: list[str] = []
    said: list[str] = []
    axe = browsing.Axe()
    with open_counter([PANELS[name] for name in COUNTER_PANELS], tmp_path) as (shop, servers):
        screens = {
            panel: (server, *open_pages(browser, server, PANELS[panel], LANGUAGES[:1]).values())
            for panel, server in zip(COUNTER_PANELS, servers, strict=True)
        }
        for _, page in screens.values():
            page.on("console", lambda message: said.append(message.text))
            page.on("pageerror", lambda error: said.append(str(error)))
        for at, (scene, seen_on) in enumerate(looks(SCENES, COUNTER_PANELS, LANGUAGES)):
            judge = partial(axe.faults, contrast=TORTURE or at % 4 == 0)
            path = scene.step(shop)
            for number, (panel, language) in enumerate(seen_on):
                (server, page), settings = screens[panel], PANELS[panel]
                page.context.add_cookies([{"name": "lang", "value": language, "url": server.url}])
                show(page, server, shop, scene, path)
                # What axe looks for hangs on no size: once for each scene, in another language each time.
                judged = panel == COUNTER_PANELS[0] if TORTURE else number == 0
                found = scene_faults(page, settings, scene, judge if judged else None)
                faults += [f"{scene.name} {language} {panel}: {what}" for what in found]
                page.goto(server.url + browsing.STILL)  # or it would follow what happens in the next scene
            faults += [f"{scene.name}: {line}" for line in said if scene.name != "counter-denied" or "403" not in line]
            said.clear()
        for _, page in screens.values():
            page.context.close()
    assert not faults, json.dumps(faults, indent=1, ensure_ascii=False)


def test_a_list_of_two_pages_cuts_nothing_off(browser: Browser, tmp_path: Path) -> None:
    panel = PANELS[COUNTER_PANELS[0]]
    with open_counter([panel], tmp_path) as (shop, (server,)):
        for number in range(700, 712):
            shop.bring(number)
        for page in open_pages(browser, server, panel, LANGUAGES).values():
            for path in ("/counter/parcels", "/counter/parcels?state=waiting&page=2"):
                show(page, server, shop, CounterScene("", lambda shop: ""), path)
                expect(page.locator(".turn-one").first).to_be_visible()
                assert page.evaluate(CUT_OFF) == []
            page.context.close()


CUT = """
() => [...document.querySelectorAll('.chips .chip')].flatMap((chip) => {
  chip.querySelector('b bdi').textContent = '999';
  const box = chip.getBoundingClientRect();
  return [...chip.children].flatMap((part) => {
    const range = document.createRange();
    range.selectNodeContents(part);
    const ink = range.getBoundingClientRect();
    const out = Math.max(box.left - ink.left, ink.right - box.right);
    return out > 0 ? [`${part.textContent}: ${out}`] : [];
  });
})
"""


def test_the_counts_of_parcels_are_whole_up_to_999(browser: Browser, tmp_path: Path) -> None:
    for name in COUNTER_PANELS:
        (tmp_path / name).mkdir()
        with open_counter([PANELS[name]], tmp_path / name) as (shop, (server,)):
            for number in range(700, 712):
                shop.bring(number)
            for language, page in open_pages(browser, server, PANELS[name], LANGUAGES).items():
                show(page, server, shop, CounterScene("", lambda shop: ""), "/counter/parcels")
                assert page.locator(".chips .chip").count() == 5
                assert page.evaluate(CUT) == [], (name, language)


WHOLE = """
() => [...document.querySelectorAll('.intakes .row')].flatMap((row) => {
  const box = row.getBoundingClientRect();
  return [...row.querySelectorAll('bdi')].filter((part) => !part.closest('.row-person') && part.checkVisibility())
    .filter((part) => {
      const ink = part.getBoundingClientRect();
      return ink.left < box.left || ink.right > box.right || ink.bottom > box.bottom;
    }).map((part) => part.textContent);
})
"""


def test_the_figures_of_an_intake_are_whole_beside_the_longest_name(browser: Browser, tmp_path: Path) -> None:
    for name in COUNTER_PANELS:
        (tmp_path / name).mkdir()
        with open_counter([PANELS[name]], tmp_path / name) as (shop, (server,)):
            shop.unlock()
            shop.book(58_480, "BADAM", "04412")
            shop.book(58_480, "WALNUT", "00017")
            for language, page in open_pages(browser, server, PANELS[name], LANGUAGES).items():
                show(page, server, shop, CounterScene("", lambda shop: ""), "/counter/intakes")
                assert page.locator(".intakes .row").count() == 2
                assert page.evaluate(WHOLE) == [], (name, language)
