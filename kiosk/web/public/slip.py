"""*Check a receipt*: the screen that asks for one under the scanner, and what the check found. It is gone after half a
minute, or at a touch; nothing of it stands in an address."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from flask import Blueprint, redirect
from werkzeug.wrappers import Response as AnyResponse

from kiosk.station.desk.view import DeskStep
from kiosk.station.service import StationService
from kiosk.web.public.payload import PATHS
from kiosk.web.public.screens import Screens
from kiosk.web.shared.roles import Need
from kiosk.web.shared.slip_card import slip_card

_ACTS = ("check", "time_up", "done")
NEEDS = {f"slip.{name}": Need.PUBLIC for name in ("page", *_ACTS)}


def blueprint(station: StationService, screens: Screens) -> Blueprint:
    slip, slips = Blueprint("slip", __name__), station.slips

    @slip.get("/slip")
    def page() -> str | AnyResponse:
        view, screen = station.desk.view(), slips.screen()
        if view.step is not DeskStep.HOME or screen is None:
            return redirect(PATHS[view.step], 303)
        checked, left_ms = screen
        card = slip_card(station, checked, left_ms) if checked is not None else None
        return screens.page("slip.html", view, card=card, left_ms=left_ms)

    for name, act in zip(_ACTS, (slips.hold, slips.time_up, slips.done), strict=True):
        slip.add_url_rule(f"/slip/{name}", name, partial(_post, act), methods=["POST"])
    return slip


def _post(act: Callable[[], None]) -> AnyResponse:
    act()
    return redirect("/slip", 303)
