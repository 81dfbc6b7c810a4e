"""*Check a receipt*: the screen that asks for one under the scanner, and what the check found. It is gone after half a
minute, or at a touch; nothing of it stands in an address."""

from __future__ import annotations

from flask import Blueprint, redirect
from werkzeug.wrappers import Response as AnyResponse

from kiosk.station.desk.view import DeskStep
from kiosk.station.service import StationService
from kiosk.web.public.payload import PATHS
from kiosk.web.public.screens import Screens
from kiosk.web.shared.roles import Need
from kiosk.web.shared.slip_card import slip_card

NEEDS = {"slip.page": Need.PUBLIC, "slip.act": Need.PUBLIC}


def blueprint(station: StationService, screens: Screens) -> Blueprint:
    slip, slips = Blueprint("slip", __name__), station.slips
    acts = {"check": slips.hold, "time_up": slips.time_up, "done": slips.done}

    @slip.get("/slip")
    def page() -> str | AnyResponse:
        view, screen = station.desk.view(), slips.screen()
        if view.step is not DeskStep.HOME or screen is None:
            return redirect(PATHS[view.step], 303)
        checked, left_ms = screen
        card = slip_card(station, checked, left_ms) if checked is not None else None
        return screens.page("slip.html", view, card=card, left_ms=left_ms)

    @slip.post("/slip/<any(check, time_up, done):name>")
    def act(name: str) -> AnyResponse:
        acts[name]()
        return redirect("/slip", 303)

    return slip
