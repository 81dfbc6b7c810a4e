"""The tap that books, as people make it who look at the screen again when it has changed under their finger."""

from __future__ import annotations

import time
from collections.abc import Callable
from http import HTTPStatus

from kiosk.simulators.visitor import Form, Page, Visitor

WAIT_S = 60.0


def taken(visitor: Visitor, form: Form, tap: Callable[[Form], list[Page]]) -> tuple[Form, list[Page]]:
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


def agree(visitor: Visitor, form: Form) -> Page:
    """One tap on agree."""
    _, (page,) = taken(visitor, form, lambda shown: [visitor.post(shown)])
    return page
