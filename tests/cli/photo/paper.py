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
_VIEWPORT = {"width": 1700, "height": 1240}
_FINE = 3
PX_PER_MM = _FINE * 1123 / 297.0
"""At a zoom of 100 percent, whatever the document says of its size: 96 / 25.4 a millimeter, and a page is rounded up to
whole pixels of style sheets, which makes 1123 of 1122.5."""
_AROUND = 80
"""Lighter is the paper: the viewer's own background is 40, and darker where the paper throws a shadow on it."""
_SHADE_PX = 12
"""The shadow lies on the rim of the paper too, alike on all sides: its middle is known better than its edge."""


@dataclass(frozen=True)
class Paper:
    """One page as gray levels, to scale."""

    grey: np.ndarray

    def mm(self, pixels: np.ndarray) -> np.ndarray:
        """Places in pixels, of pixels' middles, as millimeters from the top left edge."""
        return (pixels + 0.5) / PX_PER_MM


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
        page.goto(f"{document.as_uri()}#toolbar=0&navpanes=0&page={number}&zoom=100")
        return _cut_out(page, size_mm)
    finally:
        page.close()


def _cut_out(page: Page, size_mm: tuple[float, float]) -> Paper:
    """The viewer tells nobody when it has drawn: it has when the screen shows a sheet of this size twice alike."""
    width, height = (round(side * PX_PER_MM) for side in size_mm)
    before = b""
    for _ in range(50):
        data = page.screenshot()
        if data == before:
            screen = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
            assert screen is not None
            there = screen > _AROUND
            rows, columns = _longest(there.mean(axis=1) > 0.1), _longest(there.mean(axis=0) > 0.1)
            off = max(abs(rows.stop - rows.start - height), abs(columns.stop - columns.start - width))
            if off <= _SHADE_PX:
                top, left = (rows.start + rows.stop - height) // 2, (columns.start + columns.stop - width) // 2
                return Paper(screen[top : top + height, left : left + width])
        before = data
        page.wait_for_timeout(100)
    raise AssertionError(f"the viewer shows no page of {size_mm} mm at 100 percent")


def _longest(there: np.ndarray) -> slice:
    """The longest stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], there, [False]))))
    starts, stops = edges[::2], edges[1::2]
    if not len(starts):
        return slice(0, 0)
    longest = int(np.argmax(stops - starts))
    return slice(int(starts[longest]), int(stops[longest]))
