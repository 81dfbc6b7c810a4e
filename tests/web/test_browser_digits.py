"""What must be read is never cut or covered: the digits of the weight above all, whatever words stand beside them."""

from __future__ import annotations

import json
from typing import Any

from playwright.sync_api import Browser, Page

from kiosk.domain.metrology.pan import PanState
from kiosk.web.factory import create_app
from kiosk.web.speech import speech
from tests.depth import TORTURE
from tests.web import browsing
from tests.web.pictures import PANELS
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


def brought(shop: Shop, step: str) -> None:
    """The station, with something on the pan, at this step."""
    {"home": lambda: shop.rest(12_480), "what": shop.at_what, "agree": shop.at_agree, "take": shop.at_take}[step]()


def weights(language: str) -> list[tuple[str, str, tuple[str, str]]]:
    """Each state with the longest weight it can have and its word."""
    words = speech(language)
    signs = {PanState.NEGATIVE: "-"}
    return [(one.value, signs.get(one, "") + LONGEST, words.pair(f"weight.{one.value}")) for one in PanState]


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
