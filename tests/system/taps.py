"""The tap that books, as people make it who look at the screen again when it has changed under their finger."""

from __future__ import annotations

import time
from collections.abc import Callable
from http import HTTPStatus

from playwright.sync_api import Page

from kiosk.simulators.station_client import Form, StationClient, VisitedPage

WAIT_S = 60.0
MAX_REFUSED = 5


def taken(
    visitor: StationClient, form: Form, tap: Callable[[Form], list[VisitedPage]]
) -> tuple[Form, list[VisitedPage]]:
    """Let ``tap`` send the form of the screen; returns the form that was taken, and what came of its taps.

    The weight on a screen holds for a second after the scale was heard last. A machine that stood still for longer
    shows a new one, and every tap on the old one is refused: then the new one is looked at, and tapped.
    """
    deadline = time.monotonic() + WAIT_S
    pages = tap(form)
    while all(page.status == HTTPStatus.CONFLICT for page in pages) and time.monotonic() < deadline:
        visitor.wait_live("a locked weight again", {"step": "agree", "weight": {"state": "locked"}}, WAIT_S)
        form = visitor.get("/agree").form("/agree")
        pages = tap(form)
    return form, pages


def agree(visitor: StationClient, form: Form) -> VisitedPage:
    """One tap on agree."""
    _, (page,) = taken(visitor, form, lambda shown: [visitor.post(shown)])
    return page


def agree_on_screen(page: Page, tap: Callable[[str], None]) -> int:
    """One tap on agree in a browser, and one more for each that was refused as above; returns how many were."""
    taken, refused = "screen-follow[data-step=take] main", "screen-follow[data-step=agree] a[data-dismiss]"
    for count in range(MAX_REFUSED):
        page.wait_for_selector("live-weight[data-state=locked]", timeout=WAIT_S * 1000)
        tap("form[action='/agree'] button:not([disabled])")
        page.wait_for_selector(f"{taken}, {refused}", timeout=WAIT_S * 1000)
        if page.locator(taken).count():
            return count
        page.locator(refused).tap()
    raise AssertionError(f"refused {MAX_REFUSED} times")
