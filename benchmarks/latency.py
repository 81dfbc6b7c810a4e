"""From the frame on the pseudo-terminal to an HTTP client, and to the painted number."""

from __future__ import annotations

import json
import os
import pty
import random
import socket
import threading
import time
import tty
from collections.abc import Callable
from pathlib import Path

from benchmarks.measure import Row, percentile
from kiosk.simulators.village import Village, VillagePlan

CHANGES = 500


class Stream:
    """Reads the live stream on a thread and notes when each weight text came."""

    def __init__(self, url: str) -> None:
        host, port = url.removeprefix("http://").split(":")
        self._socket = socket.create_connection((host, int(port)))
        self._socket.sendall(b"GET /live HTTP/1.1\r\nHost: " + f"{host}:{port}".encode() + b"\r\n\r\n")
        self._condition = threading.Condition()
        self._seen: dict[str, float] = {}
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with self._socket.makefile("rb") as lines:
            for line in lines:
                at = time.monotonic()
                start = line.find(b"data: {")
                if start < 0:
                    continue
                text = json.loads(line[start + 6 :])["weight"]["text"]
                with self._condition:
                    self._seen.setdefault(text, at)
                    self._condition.notify_all()

    def wait(self, text: str) -> float:
        with self._condition:
            if not self._condition.wait_for(lambda: text in self._seen, 5):
                raise RuntimeError(f"{text} never came")
            return self._seen.pop(text)

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()


def _changes() -> list[int]:
    dice = random.Random(7)
    grams, last = [], 0
    for _ in range(CHANGES):
        last = 5 * dice.choice([n for n in (dice.randrange(20, 9_900), dice.randrange(20, 9_900)) if 5 * n != last])
        grams.append(last)
    return grams


def _each_change(act: Callable[[int], float]) -> list[float]:
    """Milliseconds from writing to seeing, a little more than a tenth of a second apart."""
    dice, took = random.Random(8), []
    for grams in _changes():
        took.append(act(grams))
        time.sleep(0.11 + dice.random() * 0.05)
    return took


def bare_pipe() -> list[float]:
    """Baseline: the same bytes through a pseudo-terminal and one thread to a TCP client, and nothing else."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    server = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(server.getsockname())
    far, _ = server.accept()

    def carry() -> None:
        while data := os.read(slave, 4096):
            if data == b"end":
                return
            far.sendall(data)

    thread = threading.Thread(target=carry)
    thread.start()

    def act(grams: int) -> float:
        frame = f"ST,GS,{grams / 1000:+09.3f}kg\r\n".encode()
        start = time.monotonic()
        os.write(master, frame)
        got = b""
        while len(got) < len(frame):
            got += client.recv(4096)
        return (time.monotonic() - start) * 1000

    took = _each_change(act)
    os.write(master, b"end")
    thread.join()
    for one in (client, far, server):
        one.close()
    os.close(master)
    os.close(slave)
    return took


def run(folder: Path) -> list[Row]:
    """Both latencies over 500 changes each."""
    base = bare_pipe()
    with Village(folder, VillagePlan(hz=0)) as village:
        stream = Stream(village.station_url)

        def act(grams: int) -> float:
            start = time.monotonic()
            village.scale.write_now(grams)
            return (stream.wait(f"{grams / 1000:,.3f}") - start) * 1000

        village.scale.write_now(0)
        took = _each_change(act)
        stream.close()
        painted = _paint(village)
    return [
        Row("frame → HTTP client, p50", percentile(took, 0.5), "ms", 3, percentile(base, 0.5), "bare pty → TCP"),
        Row("frame → HTTP client, p99", percentile(took, 0.99), "ms", 10, percentile(base, 0.99), "bare pty → TCP"),
        Row("frame → painted, p50", percentile(painted, 0.5), "ms", 15, percentile(took, 0.5), "HTTP client"),
        Row("frame → painted, p99", percentile(painted, 0.99), "ms", 80, percentile(took, 0.99), "HTTP client"),
    ]


WATCH = """
() => {
  const seen = [];
  window.__seen = seen;
  const part = document.querySelector('live-weight [data-part=text]');
  new MutationObserver(() => {
    const text = part.textContent;
    requestAnimationFrame(() => {
      const channel = new MessageChannel();
      channel.port1.onmessage = () => seen.push([text, performance.timeOrigin + performance.now()]);
      channel.port2.postMessage(0);
    });
  }).observe(part, {characterData: true, childList: true, subtree: true});
}
"""


def _paint(village: Village) -> list[float]:
    from playwright.sync_api import sync_playwright

    written: list[tuple[str, float]] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 800, "height": 480})
        page.goto(village.station_url + "/")
        village.scale.write_now(0)
        page.wait_for_selector("live-weight:not([data-state=lost])")
        page.evaluate(WATCH)

        def act(grams: int) -> float:
            written.append((f"{grams / 1000:,.3f}", time.time() * 1000))
            village.scale.write_now(grams)
            return 0.0

        _each_change(act)
        page.wait_for_timeout(500)
        seen: list[tuple[str, float]] = page.evaluate("() => window.__seen")
        browser.close()
    took: list[float] = []
    place = 0
    for text, at in written:
        while place < len(seen) and not (seen[place][0] == text and seen[place][1] >= at):
            place += 1
        if place == len(seen):
            raise RuntimeError(f"{text} was never painted: {len(took)} of {len(written)} seen")
        took.append(seen[place][1] - at)
    return took
