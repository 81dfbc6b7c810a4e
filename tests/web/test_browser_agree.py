"""*Agree*: the amount is as large as the weight where there is room, no digit is cut, and the mode is no button."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from playwright.sync_api import Browser

from kiosk.web.factory import create_app
from kiosk.web.shared.settings import WebSettings
from tests.web import browsing
from tests.web.pictures import PANELS, Scene, show, stage
from tests.web.shop import Shop

SIZES: Mapping[str, WebSettings] = {**PANELS, "15in-wide": WebSettings(1920, 1080, 15.6)}
SCENES = ("agree", "agree-sale", "agree-bags-certificate", "agree-waiting", "agree-seal-expired")
TAP_MM = 20
TEXT_2, TEXT_3, TEXT_4 = 6.73, 8.4, 25.6

# The longest of each that is usual, and what only the dearest goods come to: those digits are smaller, and none is cut.
LONGEST = {
    ".net .figure:nth-of-type(1)": ("99.999 kg", "99.999 kg"),
    ".net .figure:nth-of-type(2)": ("¥999.99/kg", "¥9,999.00/kg"),
    ".money .figure": ("≈ ¥9,999.90", "≈ ¥999,979.99"),
    ".container .figure": ("2.500 kg", "10.000 kg"),
}

SIZE = "(one) => parseFloat(getComputedStyle(one).fontSize)"

FAULTS = """
({ longest, mm, amount, figures, tap }) => {
  const faults = [];
  const stage = document.querySelector('.stage-agree');
  const boxOf = (element) => {
    const found = element.getBoundingClientRect();
    return [found.left, found.top, found.right, found.bottom];
  };
  const meet = (one, other) => [0, 1].every((side) => Math.min(one[side + 2], other[side + 2])
    - Math.max(one[side], other[side]) > 1);
  const sizeOf = (name) => parseFloat(getComputedStyle(stage.querySelector(name)).fontSize);
  if (sizeOf('.money .figure') < amount * mm - 0.5) faults.push(`amount: ${sizeOf('.money .figure')} px`);
  if (sizeOf('.net .figure') < figures * mm - 0.5) faults.push(`net: ${sizeOf('.net .figure')} px`);
  const mode = stage.querySelector('.mode');
  if (mode && getComputedStyle(mode).backgroundColor !== 'rgba(0, 0, 0, 0)') faults.push('the mode is a box');
  if (mode && !mode.querySelector('img')) faults.push('the mode has no drawing');
  const parts = [...stage.querySelectorAll('.container, .net, .money')];
  for (const dear of [0, 1]) {
    for (const [name, texts] of Object.entries(longest)) {
      const figure = stage.querySelector(name);
      figure.classList.toggle('long', dear === 1 && figure.matches('.net :nth-child(3), .money *'));
      const digits = document.createElement('bdi');
      digits.dir = 'ltr';
      digits.textContent = texts[dear];
      const about = digits.firstChild.splitText(digits.textContent.startsWith('≈') ? 1 : 0).previousSibling;
      if (about?.length) {
        const sign = document.createElement('span');
        sign.className = 'about';
        about.replaceWith(sign);
        sign.append(about);
      }
      figure.replaceChildren(digits);
    }
    const inks = Object.keys(longest).map((name) => {
      const figure = stage.querySelector(name);
      const size = parseFloat(getComputedStyle(figure).fontSize);
      const box = boxOf(figure.firstChild);
      const middle = (box[1] + box[3]) / 2;
      const ink = [box[0], middle - 0.36 * size, box[2], middle + 0.36 * size];
      const card = boxOf(figure.closest('.container, .net, .money'));
      const out = Math.max(card[0] - ink[0], card[1] - ink[1], ink[2] - card[2], ink[3] - card[3]);
      if (out > 0.5) faults.push(`${name}: ${out.toFixed(1)} px outside its card`);
      return [name, ink];
    });
    inks.forEach(([name, ink], place) => {
      for (const [other, second] of inks.slice(place + 1)) if (meet(ink, second)) faults.push(`${name} on ${other}`);
      for (const picture of stage.querySelectorAll('.sum img')) {
        if (meet(ink, boxOf(picture))) faults.push(`${name} on ${picture.className}`);
      }
    });
  }
  const rows = [...stage.children].filter((one) => !one.matches('.unseen')).map((one) => [one.className, boxOf(one)]);
  rows.forEach(([name, box], place) => {
    for (const [other, second] of rows.slice(place + 1)) if (meet(box, second)) faults.push(`${name} on ${other}`);
    if (box[3] > innerHeight || box[2] > innerWidth || box[0] < 0) faults.push(`${name} is outside the screen`);
  });
  for (const part of parts) {
    const [left, top, right, bottom] = boxOf(part);
    const out = boxOf(part.closest('.sum'));
    const cut = Math.max(out[0] - left, out[1] - top, right - out[2], bottom - out[3]);
    if (cut > 1) faults.push(`${part.className} is cut`);
  }
  for (const target of stage.querySelectorAll('a, button')) {
    const [left, top, right, bottom] = boxOf(target);
    const side = Math.min(right - left, bottom - top);
    if (side < tap * mm - 1) faults.push(`${target.className}: ${side / mm} mm`);
  }
  return faults;
}
"""


def test_the_amount_has_the_room_and_no_digit_is_cut(browser: Browser, tmp_path: Any) -> None:
    faults: dict[str, list[str]] = {}
    with browsing.screen(browser, []) as screen:
        for scene in SCENES:
            (tmp_path / scene).mkdir()
            shop = Shop(tmp_path / scene)
            stage(shop, scene)
            for panel, settings in SIZES.items():
                roomy = settings.diagonal_in >= 10
                for language in ("ug", "zh", "en"):
                    with screen.showing(browsing.patient(create_app(shop, settings)), settings, language):
                        show(screen.page, shop, screen.url, Scene(scene))
                        seen = {
                            "longest": LONGEST,
                            "mm": settings.px_per_mm,
                            "amount": TEXT_4 if roomy else TEXT_3,
                            "figures": TEXT_2,
                            "tap": TAP_MM,
                        }
                        faults[f"{scene} {language} {panel}"] = screen.page.evaluate(FAULTS, seen)
    assert not any(faults.values()), json.dumps({k: v for k, v in faults.items() if v}, indent=1, ensure_ascii=False)


def test_a_window_larger_than_the_panel_shows_what_a_large_panel_would(browser: Browser, tmp_path: Any) -> None:
    """A station that is set up for 7 inches, in the browser of a desk."""
    shop = Shop(tmp_path)
    shop.at_agree()
    window = WebSettings(1440, 900, 15.6)
    app = browsing.patient(create_app(shop, WebSettings()))
    with browsing.screen(browser, []) as screen, screen.showing(app, window, "en"):
        show(screen.page, shop, screen.url, Scene("agree"))
        tap = screen.page.locator(".corner").first.bounding_box()
        amount = screen.page.locator(".money .figure").evaluate(SIZE)
        digits = screen.page.locator(".weight-value").evaluate(SIZE)
    assert tap and tap["width"] > 1.2 * TAP_MM * WebSettings().px_per_mm
    assert amount == digits
