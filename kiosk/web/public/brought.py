"""*What I brought here*: opened from the help of the screen that asks for goods, by the member's card or by the code
that a clerk printed. It ends with the visit: nothing of it is in an address or a cookie.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from flask import Blueprint, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from kiosk.station.clerk.refusals import CounterRefused
from kiosk.station.desk.view import DeskRefused, DeskStep, DeskView
from kiosk.station.service import StationService
from kiosk.web.public.payload import PATHS
from kiosk.web.public.screens import Screens
from kiosk.web.shared.paging import Page, number_of
from kiosk.web.shared.roles import Need

NEEDS = {"brought.page": Need.PUBLIC, "brought.code": Need.PUBLIC, "brought.print_strip": Need.PUBLIC}

HOME: Final = "/brought"
ROWS: Final = 4


def blueprint(station: StationService, screens: Screens) -> Blueprint:
    brought = Blueprint("brought", __name__)

    @brought.get(HOME)
    def page() -> str | AnyResponse:
        view = station.desk.view()
        member = _member(view)
        if not member:
            return redirect(PATHS[view.step], 303)
        if not view.by_card:
            return screens.page("brought.html", view, found=None)
        number, members = number_of(request.args.get("page")), station.counter.members
        with _at_desk():
            found = members.brought(member, ROWS, (number - 1) * ROWS)
            rows, total = members.rows(found), found.sums.receipts + found.sums.voids
        shown = Page(rows, number, max(1, -(-total // ROWS)))
        paper = {"printed": request.args.get("printed") == "1", "printer": members.has_printer}
        return screens.page("brought.html", view, found=found, year=members.year(), page=shown, **paper)

    @brought.post(f"{HOME}/code")
    def code() -> AnyResponse:
        member = _member(station.desk.view())
        with _at_desk():
            station.counter.members.prove(member, request.form.get("code", ""))
        station.desk.choices.prove_member(member)
        return redirect(HOME, 303)

    @brought.post(f"{HOME}/print")
    def print_strip() -> AnyResponse:
        view = station.desk.view()
        if not view.by_card:
            raise DeskRefused("stale_page", "nobody has proven to be a member")
        with _at_desk():
            station.counter.members.print(_member(view))
        return redirect(f"{HOME}?printed=1", 303)

    return brought


def _member(view: DeskView) -> str:
    return (view.party.member or "") if view.step is DeskStep.WHAT and view.party is not None else ""


@contextmanager
def _at_desk() -> Iterator[None]:
    """Turn a refusal of the counter into one of the desk, which is where the person is."""
    try:
        yield
    except CounterRefused as error:
        raise DeskRefused(error.code, str(error)) from error
