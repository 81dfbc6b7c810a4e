"""A clerk with a scanner: from the key strokes to the shelf code on the screen, 200 parcels in a row."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from benchmarks.measure import Row, percentile, pss_mb
from kiosk.simulators.village import Village, VillagePlan

SCANS = 200
APART_S = 0.3
"""From one scan to the next: as fast as a hand with the parcels in a row, and no faster than is promised."""
SHELVES = '\n[parcels]\nshelves = ["A-1:80", "A-2:80", "A-3:80"]\n'
PIN = "480317"
FETCHES = 50
FETCHED = "fetching the page"

WATCH = """
() => {
  const seen = {};
  window.__seen = seen;
  new MutationObserver(() => {
    const shelf = document.querySelector(".result .shelf-huge");
    const of = document.querySelector(".result .result-of");
    if (!shelf || !of) return;
    const waybill = of.textContent.trim().slice(-4);
    if (waybill in seen) return;
    seen[waybill] = null;
    requestAnimationFrame(() => {
      const channel = new MessageChannel();
      channel.port1.onmessage = () => { seen[waybill] = performance.timeOrigin + performance.now(); };
      channel.port2.postMessage(0);
    });
  }).observe(document, {childList: true, subtree: true, characterData: true});
}
"""
FETCH = """
async (times) => {
  const took = [];
  for (let n = 0; n < times; n += 1) {
    const start = performance.now();
    await (await fetch("/counter")).text();
    took.push(performance.now() - start);
  }
  return took;
}
"""


def run(folder: Path) -> list[Row]:
    """Scan to shelf code, and what the station holds in memory after so many parcels."""
    with Village(folder, VillagePlan(more_settings=SHELVES)) as village, _clerk(village) as page:
        base = percentile(page.evaluate(FETCH, FETCHES), 0.5)
        page.evaluate(WATCH)
        scanned = _scan(village)
        page.wait_for_timeout(1000)
        seen: dict[str, float] = page.evaluate("() => window.__seen")
        took = [seen[waybill[-4:]] - at for waybill, at in scanned.items() if waybill[-4:] in seen]
        if _shelved(village) != SCANS:
            raise RuntimeError(f"{_shelved(village)} of {SCANS} parcels have a shelf")
        pid = village.station.pid
        assert pid
        return [
            Row("parcel scanned → shelf code painted, p50", percentile(took, 0.5), "ms", None, base, FETCHED),
            Row("parcel scanned → shelf code painted, p99", percentile(took, 0.99), "ms", 150, base, FETCHED),
            Row("of 200 scans 0.3 s apart not shown", SCANS - len(took), "scans", 0),
            Row("station memory after 200 parcels", pss_mb(pid), "MB PSS", 90),
        ]


@contextmanager
def _clerk(village: Village) -> Iterator[Page]:
    command = [sys.executable, "-m", "kiosk.cli.kiosk", "clerk", "add", "Patigul", "--config", str(village.config)]
    subprocess.run(command, input=f"{PIN}\n{PIN}\n", capture_output=True, text=True, check=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_context(viewport={"width": 800, "height": 480}, has_touch=True).new_page()
        page.goto(f"{village.station_url}/counter")
        page.locator(".person-chip:has(input[value='01'])").tap()
        for digit in PIN:
            page.locator(f"[data-key='{digit}']").tap()
        page.locator("[data-go]:enabled").tap()
        page.locator(".modes-switch").wait_for()
        page.goto(f"{village.station_url}/counter")
        mode_in = page.locator("form[action='/counter/mode'] button:nth-of-type(1)")
        if mode_in.get_attribute("aria-pressed") != "true":
            mode_in.tap()
        page.locator("form[action='/counter/mode'] button[aria-pressed=true]:nth-of-type(1)").wait_for()
        yield page
        browser.close()


def _scan(village: Village) -> dict[str, float]:
    """Waybill → when its first key went down, in milliseconds."""
    at = {}
    begin = time.monotonic()
    for number in range(SCANS):
        time.sleep(max(0.0, begin + number * APART_S - time.monotonic()))
        waybill = f"YT{7_300_000_000_000 + number}"
        at[waybill] = time.time() * 1000
        village.scanner.scan(waybill)
    return at


def _shelved(village: Village) -> int:
    with closing(sqlite3.connect(f"file:{village.database}?mode=ro", uri=True)) as db:
        return int(db.execute("SELECT count(*) FROM parcel WHERE shelf IS NOT NULL").fetchone()[0])
