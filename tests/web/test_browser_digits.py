"""What must be read is never cut or covered: the digits of the weight above all, whatever words stand beside them."""

from __future__ import annotations

import json
from typing import Any

from playwright.sync_api import Browser, Page

from kiosk.domain.metrology.pan import NotBookableReason, PanState
from kiosk.web.factory import create_app
from kiosk.web.shared.speech import speech
from tests.depth import TORTURE
from tests.web import browsing
from tests.web.pictures import PANELS, Scene, show, stage
from tests.web.shop import Shop

LANGUAGES = ["ug", "zh", "en"]
SIZES = list(PANELS) if TORTURE else [next(iter(PANELS)), list(PANELS)[-1]]
TEXT_3, TEXT_2, TEXT_4 = 8.4, 6.73, 25.6
"""Type sizes in millimeters, as in tokens.css."""
STEPS = {"home": TEXT_3, "what": TEXT_4, "agree": TEXT_4, "take": TEXT_2}
"""Each screen with a weight, and the least size of its digits."""
LONGEST = "99.999"

DIGITS = """
({ states, least }) => {
  const card = document.querySelector('live-weight');
  const value = card.querySelector('[data-part=text]');
  const faults = [];
  const shared = (one, other) => [0, 1].map((side) => Math.min(one[side + 2], other[side + 2])
    - Math.max(one[side], other[side]));
  const boxOf = (element) => {
    const found = element.getBoundingClientRect();
    return [found.left, found.top, found.right, found.bottom];
  };
  for (const [state, text, word] of states) {
    card.show({ weight: { state, text, word } });
    const frame = card.getBoundingClientRect();
    const size = parseFloat(getComputedStyle(value).fontSize);
    if (size < least - 0.5) faults.push(`${state}: ${size} px`);
    // The line box of a digit is higher than its ink: 0.73 of the size stands on the base line.
    const range = document.createRange();
    const letters = value.firstChild;
    const others = [...card.querySelectorAll('.weight-word .main, .weight-shape img')].map((other) => {
      if (other.matches('img')) return boxOf(other);
      const words = document.createRange();
      words.selectNodeContents(other);
      const [whole, inked] = [boxOf(other), boxOf(words)];
      // What is cut off with an ellipsis is not on the screen.
      return [Math.max(whole[0], inked[0]), inked[1], Math.min(whole[2], inked[2]), inked[3]];
    }).filter(([left, , right]) => right > left);
    for (let at = 0; at < letters.length; at += 1) {
      range.setStart(letters, at);
      range.setEnd(letters, at + 1);
      const box = range.getBoundingClientRect();
      const middle = (box.top + box.bottom) / 2;
      const ink = [box.left, middle - 0.36 * size, box.right, middle + 0.36 * size];
      const name = `${state}: "${text[at]}" at ${at}`;
      const outside = Math.max(frame.left + card.clientLeft - ink[0], ink[2] - frame.left - card.clientLeft
        - card.clientWidth, frame.top - ink[1], ink[3] - frame.bottom);
      if (outside > 0.5) faults.push(`${name}: ${outside.toFixed(1)} px outside its card`);
      const met = others.some((other) => shared(ink, other).every((length) => length > 1));
      if (met) faults.push(`${name}: something stands on it`);
      for (const part of [0.1, 0.5, 0.9]) {
        const on = document.elementFromPoint(ink[0] + part * (ink[2] - ink[0]), middle);
        if (on !== value && !on?.contains(value)) faults.push(`${name}: covered by ${on?.className}`);
      }
    }
  }
  return faults;
}
"""

LEGIBLE = """
({ hints, least }) => {
  const stage = document.querySelector('main.stage');
  const faults = new Set();
  const meet = (one, other) => [0, 1].every((side) => Math.min(one[side + 2], other[side + 2])
    - Math.max(one[side], other[side]) > 1);
  const boxOf = (element) => {
    const found = element.getBoundingClientRect();
    return [found.left, found.top, found.right, found.bottom];
  };
  const look = (hint) => {
    const walker = document.createTreeWalker(stage, NodeFilter.SHOW_TEXT);
    const lines = [];
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const element = node.parentElement;
      // Digits as large as the weight's are measured by their ink: here, and the amount in test_browser_agree.py.
      if (element.closest('.weight-value, .money')) continue;
      if (!node.textContent.trim() || element.closest('.unseen, [hidden]') || !element.checkVisibility()) continue;
      const name = `${hint} ${element.lang} "${node.textContent.trim().slice(0, 40)}"`;
      const size = parseFloat(getComputedStyle(element).fontSize);
      if (!element.closest(SMALL) && size < least - 0.5) faults.add(`${name}: ${size} px, not ${least}`);
      const range = document.createRange();
      range.selectNodeContents(node);
      for (const line of range.getClientRects()) {
        const middle = (line.top + line.bottom) / 2;
        const ink = [line.left, middle - 0.45 * size, line.right, middle + 0.45 * size];
        let gone = false;
        for (let at = element; at !== document.documentElement; at = at.parentElement) {
          if (getComputedStyle(at).overflow === 'visible' && at !== document.body) continue;
          const [left, top, right, bottom] = boxOf(at);
          const out = Math.max(left - ink[0], top - ink[1], ink[2] - right, ink[3] - bottom);
          // The second language is left out where it has no room: the whole line, never a part of it.
          gone ||= element.closest('.second') !== null
            && (ink[0] > right - 1 || ink[2] < left + 1 || ink[1] > bottom - 1 || ink[3] < top + 1);
          if (out > 2 && !gone) faults.add(`${name}: ${out.toFixed(1)} px cut off by ${at.className}`);
        }
        if (!gone) lines.push({ name, ink, element });
      }
    }
    const targets = [...stage.querySelectorAll('button, a')];
    lines.forEach(({ name, ink, element }, place) => {
      for (const other of lines.slice(place + 1)) {
        if (other.element !== element && meet(ink, other.ink)) faults.add(`${name} and ${other.name}: on each other`);
      }
      for (const target of targets) {
        if (!target.contains(element) && meet(ink, boxOf(target))) faults.add(`${name}: under ${target.className}`);
      }
    });
  };
  for (const why of hints.length ? hints : [null]) {
    if (why !== null) document.querySelector('live-hint').show({ weight: { why } });
    look(why === null ? '' : why[0]);
  }
  return [...faults];
}
""".replace("SMALL", "'.second, .weight-word, .unit, .shot, .scale-sign, .terms:has(> .scale-sign) .main:lang(ug)'")
"""Sizes, and what is cut off, in each of the hints. Smaller may be: the second language, the word and the unit beside
the digits of a weight, the tile of the photograph, the sign of a scale that is worth less, and the longest sentence in
Uyghur beside that sign.
"""


def brought(shop: Shop, step: str) -> None:
    """The station, with something on the pan, at this step."""
    {"home": lambda: shop.rest(12_480), "what": shop.at_what, "agree": shop.at_agree, "take": shop.at_take}[step]()


def weights(language: str) -> list[tuple[str, str, tuple[str, str]]]:
    """Each state with the longest weight it can have and its word."""
    words = speech(language)
    signs = {PanState.NEGATIVE: "-"}
    return [(one.value, signs.get(one, "") + LONGEST, words.pair(f"weight.{one.value}")) for one in PanState]


def hints_of(language: str) -> list[tuple[str, str]]:
    """All that *Agree* may ask to do about the pan."""
    words = speech(language)
    asked = ["agree.waiting_stable", "agree.next_bag_off", "agree.next_bag_on", "what.put_on", "agree.fill_container"]
    refused = [f"reason.{one.value}" for one in NotBookableReason]
    return [words.pair(one) for one in [*asked, *refused] if one in words.main]


def settled(page: Page, url: str) -> None:
    page.goto(url)
    page.locator("live-weight:not([data-state=lost])").wait_for()
    browsing.painted(page)


def test_no_word_takes_a_digit_of_the_weight(browser: Browser, tmp_path: Any) -> None:
    """`make torture` looks at it on every panel."""
    faults: dict[str, list[str]] = {}
    with browsing.screen(browser, []) as screen:
        for step, least_mm in STEPS.items():
            (tmp_path / step).mkdir()
            shop = Shop(tmp_path / step)
            brought(shop, step)
            for panel in SIZES:
                settings = PANELS[panel]
                for language in LANGUAGES:
                    with screen.showing(browsing.patient(create_app(shop, settings)), settings, language):
                        settled(screen.page, screen.url)
                        seen = {"states": weights(language), "least": least_mm * settings.px_per_mm}
                        faults[f"{step} {language} {panel}"] = screen.page.evaluate(DIGITS, seen)
    assert not any(faults.values()), json.dumps({k: v for k, v in faults.items() if v}, indent=1, ensure_ascii=False)


READ = (
    *(Scene(name) for name in ("agree", "agree-sale", "agree-bags", "agree-bags-certificate", "agree-own")),
    *(Scene(name) for name in ("take", "take-done", "take-unknown")),
    Scene("take-paper-out"),
    *(Scene(name) for name in ("agree-check-failed", "agree-sale-not-for-trade", "take-done-check-failed")),
)


def test_what_has_to_be_read_is_large_and_whole(browser: Browser, tmp_path: Any) -> None:
    """*Agree* with every hint, *Take* with every state of its papers: capitals of 4.8 mm, and nothing on anything."""
    faults: dict[str, list[str]] = {}
    with browsing.screen(browser, []) as screen:
        for scene in READ:
            (tmp_path / scene.name).mkdir()
            shop = Shop(tmp_path / scene.name)
            stage(shop, scene.name)
            for panel in SIZES:
                settings = PANELS[panel]
                for language in LANGUAGES:
                    with screen.showing(browsing.patient(create_app(shop, settings)), settings, language):
                        show(screen.page, shop, screen.url, scene)
                        hints = hints_of(language) if scene.name in ("agree", "agree-bags") else []
                        seen = {"hints": hints, "least": TEXT_2 * settings.px_per_mm}
                        faults[f"{scene.name} {language} {panel}"] = screen.page.evaluate(LEGIBLE, seen)
    assert not any(faults.values()), json.dumps({k: v for k, v in faults.items() if v}, indent=1, ensure_ascii=False)


def test_who_it_is_is_not_cut_in_the_rail(browser: Browser, tmp_path: Any) -> None:
    shop = Shop(tmp_path)
    shop.at_who()
    shop.desk.choices.choose_party("non_member")
    shop.rest(12_480)
    # In English the smallest panel has no room for it at all: two buttons of full height stand in the rail.
    cut = "(one) => one.clientHeight > 2 && (one.clientHeight < 20 || one.scrollWidth > one.clientWidth)"
    with browsing.screen(browser, []) as screen:
        for panel in SIZES:
            for language in LANGUAGES:
                settings = PANELS[panel]
                with screen.showing(browsing.patient(create_app(shop, settings)), settings, language):
                    settled(screen.page, screen.url)
                    assert not screen.page.locator(".person").evaluate(cut), (panel, language)
