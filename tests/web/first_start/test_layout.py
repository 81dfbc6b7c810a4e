"""Every screen of the first start, measured by a browser: targets, gaps, contrast, overflow, axe."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Browser, Page

from kiosk.web.shared.settings import WebSettings
from tests.depth import TORTURE
from tests.web import browsing
from tests.web.first_start.bench import Bench
from tests.web.first_start.pictures import PANEL, show
from tests.web.first_start.scenes import Language, SetupScene, setup_scenes

TARGET_MM, GAP_MM, CONTRAST = 12.0, 2.0, 4.5
"""R2 and R5 for clerks and technicians."""
LANGUAGES: tuple[Language, ...] = ("ug", "zh", "en")
PANELS = (PANEL, WebSettings(1280, 800, 10.1), WebSettings(1920, 1080, 15.6))
ON_PURPOSE = {
    "recovery-refused": "409",
    "recovery_wait": "404",
    "recovery_wait-refused": "404",
    "identity_code-refused": "409",
    "clerk_pin-refused": "409",
    "goods-refused": "409",
    "done": "404",
    "done-no_backup": "404",
}
"""What the browser's console says about a refusal, and about the station that is not there yet."""

MEASURE = """
() => {
  const top = document.querySelector('.scrim') ?? document.body;
  const seen = (element) => {
    const box = element.getBoundingClientRect();
    return box.width > 0 && box.height > 0 && getComputedStyle(element).visibility !== 'hidden';
  };
  const channel = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.length < 4 || color[3] === 1) return color.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const seenThrough = (element, below) => {  // letters as they look: with the alpha of their color, and faded
    const color = parse(getComputedStyle(element).color);
    let alpha = color[3] ?? 1;
    for (let at = element; at; at = at.parentElement) alpha *= Number(getComputedStyle(at).opacity);
    return below.map((value, number) => alpha * color[number] + (1 - alpha) * value);
  };
  const box = (item) => { const r = item.getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom]; };
  const texts = [];
  const walker = document.createTreeWalker(top, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.textContent.trim() || !seen(element)) continue;
    const style = getComputedStyle(element);
    const range = document.createRange();
    range.selectNodeContents(node);
    const below = ground(element);
    const [a, b] = [light(seenThrough(element, below)), light(below)].sort((x, y) => y - x);
    const holder = element.closest('button, a, .field, .bar, .notice, .body, .foot') ?? top;
    texts.push({ text: node.textContent.trim().slice(0, 30), contrast: (a + 0.05) / (b + 0.05),
      size: parseFloat(style.fontSize), box: box(range), holder: box(holder),
      cut: element.closest('.what') !== null });
  }
  const targets = [...top.querySelectorAll('button, a[href]')].filter(seen).map((element) => ({
    name: element.getAttribute('aria-label') ?? element.textContent.trim().slice(0, 20), box: box(element) }));
  const root = document.documentElement;
  return { texts, targets, primary: [...top.querySelectorAll('.primary')].filter(seen).length,
    scroll: [root.scrollWidth > innerWidth, root.scrollHeight > innerHeight], view: [innerWidth, innerHeight] };
}
"""


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with Bench(tmp_path_factory.mktemp("bench")) as bench:
        yield bench


def inside(inner: list[float], outer: list[float], slack: float) -> bool:
    return (
        inner[0] >= outer[0] - slack
        and inner[1] >= outer[1] - slack
        and inner[2] <= outer[2] + slack
        and inner[3] <= outer[3] + slack
    )


def target_faults(found: dict[str, Any], panel: WebSettings) -> Iterator[str]:
    mm, view = panel.px_per_mm, [0.0, 0.0, *map(float, found["view"])]
    for target in found["targets"]:
        left, top, right, bottom = target["box"]
        if min(right - left, bottom - top) < TARGET_MM * mm - 0.6:
            yield f"{target['name']}: {(right - left) / mm:.1f} x {(bottom - top) / mm:.1f} mm"
        if not inside(target["box"], view, 0.5):
            yield f"{target['name']}: outside the screen {target['box']}"
    for number, one in enumerate(found["targets"]):
        for other in found["targets"][number + 1 :]:
            (a, b), across = (one["box"], other["box"]), 0.0
            across = max(a[0] - b[2], b[0] - a[2])
            down = max(a[1] - b[3], b[1] - a[3])
            if max(across, down) < GAP_MM * mm - 0.6:
                yield f"{one['name']} and {other['name']}: {max(across, down) / mm:.1f} mm apart"


def text_faults(found: dict[str, Any]) -> Iterator[str]:
    view = [0.0, 0.0, *map(float, found["view"])]
    for text in found["texts"]:
        if text["contrast"] < CONTRAST:
            yield f"{text['text']}: contrast {text['contrast']:.1f}"
        if text["cut"]:
            continue  # the last page's device names end in an ellipsis
        if not inside(text["box"], view, text["size"] * 0.35):
            yield f"{text['text']}: outside the screen {text['box']}"
        if not inside(text["box"], text["holder"], text["size"] * 0.35):
            yield f"{text['text']}: runs out of its place {text['box']} {text['holder']}"


def screen_faults(page: Page, panel: WebSettings) -> Iterator[str]:
    found = page.evaluate(MEASURE)
    assert found["texts"]
    if any(found["scroll"]):
        yield f"scrolls {found['scroll']}"
    if found["primary"] > 1:
        yield f"{found['primary']} primary buttons"
    yield from target_faults(found, panel)
    yield from text_faults(found)


def scene_faults(
    screen: browsing.Screen,
    bench: Bench,
    scene: SetupScene,
    language: Language,
    panel: WebSettings,
    axe: browsing.Judge,
) -> Iterator[str]:
    with show(screen, bench, scene, language, panel) as page:
        yield from screen_faults(page, panel)
        if panel is PANELS[0]:  # what axe looks for hangs on no size
            yield from axe(page)


def seen_on(number: int) -> list[tuple[WebSettings, Language]]:
    """Every screen on the smallest panel, one in twelve of them on each of the others: that shows how a panel fills.

    The language is another one from screen to screen; `make torture` looks at every screen in every language.
    """
    if TORTURE:
        return [(panel, language) for panel in PANELS for language in LANGUAGES]
    larger = [(PANELS[at], LANGUAGES[(number // 12 + at) % 3]) for at in (1, 2) if number % 12 == 6 * at - 6]
    return [(PANELS[0], LANGUAGES[number % 3]), *larger]


def test_every_screen(browser: Browser, bench: Bench) -> None:
    faults: list[str] = []
    said: list[str] = []
    axe = browsing.Axe()
    with browsing.screen(browser, said) as screen:
        for number, scene in enumerate(setup_scenes()):
            judge = partial(axe.faults, contrast=TORTURE or number % 4 == 0)
            expected = ON_PURPOSE.get(scene.name)
            for panel, language in seen_on(number):
                found = list(scene_faults(screen, bench, scene, language, panel, judge))
                found += [f"console: {line}" for line in said if expected is None or expected not in line]
                faults += [f"{scene.name} {language} {panel.diagonal_in:g} in: {fault}" for fault in found]
                said.clear()
                bench.reset()
    assert not faults, json.dumps(faults, indent=1, ensure_ascii=False)


def test_the_codes_can_be_read_from_the_screen(browser: Browser, bench: Bench) -> None:
    scene = next(scene for scene in setup_scenes() if scene.name == "scanner_test")
    with browsing.screen(browser, []) as screen, show(screen, bench, scene, "en") as page:
        text = page.locator(".codes bdi").inner_text()
        with Image.open(io.BytesIO(page.screenshot())) as picture:
            read = {str(code.format): code.text for code in zxingcpp.read_barcodes(picture)}
    assert set(read.values()) == {text}
    assert len(read) == 2
