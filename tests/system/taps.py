"""The tap that books, as people make it who look at the screen again when it has changed under their finger."""

from __future__ import annotations

import time
from collections.abc import Callable
from http import HTTPStatus

from kiosk.simulators.station_client import Form, StationClient, VisitedPage

WAIT_S = 60.0


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
