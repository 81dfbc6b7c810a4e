"""A day at the station: 200 intakes through the pages; how fast, how much memory, how much written to the card."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from benchmarks.measure import Row, cpu_share, percentile, pss_mb, write_bytes
from kiosk.simulators.station_client import StationClient
from kiosk.simulators.village import Village, VillagePlan

INTAKES = 200
BLANKS = 10
STARTS = 5


def run(folder: Path) -> list[Row]:
    """All figures that need a station at work."""
    with Village(folder, VillagePlan(settle_s=0.1)) as village:
        rows = [*_idle(village), *_blank(village), *_intakes(village)]
        station, relay = village.station.pid, village.relay.pid
        assert station and relay
        rows += [
            Row("station memory after 200 intakes", pss_mb(station), "MB PSS", 90),
            Row("relay memory after 200 intakes", pss_mb(relay), "MB PSS", 45),
        ]
        rows += _cold_starts(village)
    return rows


def _idle(village: Village) -> list[Row]:
    from playwright.sync_api import sync_playwright

    pid = village.station.pid
    assert pid
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 800, "height": 480})
        page.goto(village.station_url + "/")
        page.wait_for_selector("live-weight[data-state=empty]")
        time.sleep(2)
        share = cpu_share(pid, 30)
        browser.close()
    baseline = subprocess.run([sys.executable, "-c", _BUSY], capture_output=True, text=True, check=True).stdout
    return [Row("idle CPU, 10 frames/s, page open", share, "% of a core", 1.5, float(baseline), "bare pyserial loop")]


_BUSY = """
import os, pty, threading, time, tty, serial
master, slave = pty.openpty(); tty.setraw(slave)
port = serial.Serial(os.ttyname(slave), timeout=1)
def feed():
    for _ in range(100):
        os.write(master, b"ST,GS,+00.000kg\\r\\n"); time.sleep(0.1)
thread = threading.Thread(target=feed); before = time.process_time(); start = time.monotonic(); thread.start()
for _ in range(100): port.readline()
thread.join()
print(100 * (time.process_time() - before) / (time.monotonic() - start))
"""


def _blank(village: Village) -> list[Row]:
    """Seconds from the last frame to the blank, at the client of the stream; the page paints it at once."""
    took = []
    visitor = StationClient(village.station_url)
    for _ in range(BLANKS):
        village.scale.command("put 2.480kg")
        visitor.wait_live("a weight", {"weight": {"state": "stable"}})
        village.scale.command("silent")
        last = time.monotonic()
        visitor.wait_live("the blank", {"weight": {"state": "lost", "text": ""}}, 5)
        took.append(time.monotonic() - last)
        village.scale.command("take")
        village.scale.command("replug")
        visitor.wait_live("weights again", {"weight": {"state": "empty"}})
        if visitor.get("/").path == "/who":
            visitor.press("/who", "/back")
    visitor.close()
    return [Row("scale silent → blank, worst of 10", max(took), "s", 1.0)]


def _intakes(village: Village) -> list[Row]:
    station, relay = village.station.pid, village.relay.pid
    assert station and relay
    visitor = StationClient(village.station_url)
    before = write_bytes(station) + write_bytes(relay)
    took = []
    for number in range(INTAKES):
        visitor.wait_live("an empty pan", {"weight": {"state": "empty"}, "step": "home"})
        village.scale.command(f"put {2 + number % 40}.480kg")
        visitor.wait_live("the question who", {"step": "who"})
        visitor.press("/who", "/party", party="non_member")
        visitor.press("/what", "/product", code="BADAM")
        visitor.wait_live("a locked weight", {"weight": {"state": "locked"}})
        form = visitor.get("/agree").form("/agree")
        jobs = len(village.label_printer.first_byte_at)
        tapped = time.monotonic()
        visitor.post(form)
        while len(village.label_printer.first_byte_at) == jobs:
            time.sleep(0.001)
        took.append((village.label_printer.first_byte_at[-1] - tapped) * 1000)
        visitor.wait_live("both papers", {"prints": ["printed", "printed"]})
        village.scale.command("take")
        visitor.press("/take", "/finish")
    visitor.wait_live("all acknowledged", {"pending": 0}, 60)
    written = write_bytes(station) + write_bytes(relay) - before
    visitor.close()
    fsync = _one_commit(village.folder)
    return [
        Row("agree → first byte at the printer, p50", percentile(took, 0.5), "ms", None, fsync, "one durable commit"),
        Row("agree → first byte at the printer, p99", percentile(took, 0.99), "ms", 200, fsync, "one durable commit"),
        Row("written to disk an intake, station + relay", written / INTAKES / 1024, "KB", 128),
    ]


def _one_commit(folder: Path) -> float:
    """Baseline: milliseconds of one durable one-row commit on the same disk (median of 50)."""
    took = []
    with closing(sqlite3.connect(folder / "baseline.db")) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE t (body TEXT)")
        for _ in range(50):
            start = time.monotonic()
            with connection:
                connection.execute("INSERT INTO t VALUES (?)", (json.dumps({"x": "y" * 400}),))
            took.append((time.monotonic() - start) * 1000)
    return percentile(took, 0.5)


def _cold_starts(village: Village) -> list[Row]:
    took = []
    for _ in range(STARTS):
        village.station.stop()
        start = time.monotonic()
        village.station.start()
        page = StationClient(village.station_url)
        page.get("/")
        took.append(time.monotonic() - start)
        page.close()
    start = time.monotonic()
    subprocess.run([sys.executable, "-c", "import flask, sqlalchemy, PIL.Image"], check=True)
    bare = time.monotonic() - start
    return [
        Row("cold start → first page, median of 5", percentile(took, 0.5), "s", 1.2, bare, "importing the libraries")
    ]
