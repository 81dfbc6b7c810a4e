"""A PDF as paper: drawn by the station's browser, which has a PDF program of its own, and measured in millimeters."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from playwright.sync_api import Browser, Page, Playwright

PROGRAM = "/usr/bin/chromium"
_ARGUMENTS = ["--headless=new", "--no-sandbox", "--disable-gpu"]
_VIEWPORT = {"width": 1400, "height": 1000}
_FINE = 2.0
_AROUND = 80
"""Lighter is the paper: the viewer's own background is 40, and darker where the paper throws a shadow on it."""


@dataclass(frozen=True)
class Paper:
    """One page as gray levels. The scale is that of its edges, so it does not depend on the viewer's zoom."""

    grey: np.ndarray
    width_mm: float

    @property
    def px_per_mm(self) -> float:
        return self.grey.shape[1] / self.width_mm

    def mm(self, pixels: np.ndarray) -> np.ndarray:
        """Places in pixels, of pixels' middles, as millimeters from the top left edge."""
        return (pixels + 0.5) / self.px_per_mm


@contextmanager
def viewer(driver: Playwright) -> Iterator[Browser]:
    """The engine without a window (chromium-headless-shell) has no PDF viewer."""
    browser = driver.chromium.launch(executable_path=PROGRAM, headless=False, args=_ARGUMENTS)
    try:
        yield browser
    finally:
        browser.close()


def drawn(browser: Browser, document: Path, number: int, size_mm: tuple[float, float]) -> Paper:
    """A page of a document, counted from 1."""
    page = browser.new_page(viewport=_VIEWPORT, device_scale_factor=_FINE)  # type: ignore[arg-type]
    try:
        page.goto(f"{document.as_uri()}#toolbar=0&navpanes=0&page={number}&view=Fit")
        return _cut_out(page, size_mm)
    finally:
        page.close()


def _cut_out(page: Page, size_mm: tuple[float, float]) -> Paper:
    """The viewer tells nobody when it has drawn: it has when the screen shows a sheet of this shape twice alike."""
    before = b""
    for _ in range(100):
        data = page.screenshot()
        if data == before:
            screen = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
            assert screen is not None
            there = screen.min(axis=2) > _AROUND
            rows, columns = _longest(there.mean(axis=1) > 0.3), _longest(there.mean(axis=0) > 0.3)
            height, width = rows.stop - rows.start, columns.stop - columns.start
            if height > 1000 and abs(width / height - size_mm[0] / size_mm[1]) < 0.003:
                return Paper(cv2.cvtColor(screen[rows, columns], cv2.COLOR_BGR2GRAY), size_mm[0])
        before = data
        page.wait_for_timeout(100)
    raise AssertionError("the viewer shows no page")


def _longest(there: np.ndarray) -> slice:
    """The longest stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], there, [False]))))
    starts, stops = edges[::2], edges[1::2]
    if not len(starts):
        return slice(0, 0)
    longest = int(np.argmax(stops - starts))
    return slice(int(starts[longest]), int(stops[longest]))
