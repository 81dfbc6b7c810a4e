"""The clock on the technician's page: what it shows, how far it may be believed, and another time in its place.

Here it may also go back: who set it wrong by a year must be able to mend it.
"""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, request

from kiosk.station.service import StationService
from kiosk.web.shared.clock_form import clock_blueprint
from kiosk.web.shared.roles import Need
from kiosk.web.shared.settings import WebSettings
from kiosk.web.technician.frame import draw

HOME: Final = "/technician/clock"
NEEDS: Final = {"clock_care.page": Need.TECHNICIAN, "clock_care.act_set": Need.TECHNICIAN}


def blueprint(station: StationService, settings: WebSettings) -> Blueprint:
    def page(**values: Any) -> str:
        done = bool(request.args.get("done"))
        return draw(settings, "clock", "about", HOME, back="/technician/about", done=done, **values)

    return clock_blueprint("clock_care", HOME, station, page, forward=False)
