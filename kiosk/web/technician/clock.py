"""The clock on the technician's page: what it shows, how far it may be believed, and another time in its place.

Here it may also go back: who set it wrong by a year must be able to mend it.
"""

from __future__ import annotations

import logging
from typing import Final

from flask import Blueprint, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from kiosk.base.refused import Refused
from kiosk.station.service import StationService
from kiosk.web.shared.clock_form import clock_values, sentence, set_clock
from kiosk.web.shared.roles import Need, session
from kiosk.web.shared.settings import WebSettings
from kiosk.web.technician.frame import draw

logger = logging.getLogger(__name__)

HOME: Final = "/technician/clock"
NEEDS: Final = {"clock_care.page": Need.TECHNICIAN, "clock_care.act_set": Need.TECHNICIAN}


def blueprint(station: StationService, settings: WebSettings) -> Blueprint:
    clock = Blueprint("clock_care", __name__)

    def shown(refused: str = "") -> str:
        values = clock_values(station, refused, forward=False)
        done = bool(request.args.get("done"))
        return draw(settings, "clock", "about", HOME, back="/technician/about", done=done, **values)

    @clock.get(HOME)
    def page() -> str:
        return shown()

    @clock.post(HOME)
    def act_set() -> tuple[str, int] | AnyResponse:
        try:
            set_clock(station, forward=False)
        except Refused as error:
            return shown(sentence(error)), 409
        logger.info("%s has set the clock", session().person.actor)
        return redirect(f"{HOME}?done=1", 303)

    return clock
