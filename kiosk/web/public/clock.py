"""Setting a clock that nobody has set: before anybody unlocks the counter, and forward only."""

from __future__ import annotations

from flask import Blueprint, redirect
from werkzeug.wrappers import Response as AnyResponse

from kiosk.base.refused import Refused
from kiosk.domain.moment import ClockQuality
from kiosk.station.service import StationService
from kiosk.web.public.screens import Screens
from kiosk.web.shared.clock_form import clock_values, sentence, set_clock
from kiosk.web.shared.roles import Need

HOME = "/clock"
NEEDS = {"clock.page": Need.PUBLIC, "clock.act_set": Need.PUBLIC}


def blueprint(station: StationService, screens: Screens) -> Blueprint:
    clock = Blueprint("clock", __name__)

    def draw(refused: str = "") -> str:
        values = clock_values(station, refused, forward=True)
        return screens.bare("clock.html", here=HOME, back="/", **values)

    @clock.get(HOME)
    def page() -> str | AnyResponse:
        return draw() if _unset(station) else redirect("/", 303)

    @clock.post(HOME)
    def act_set() -> tuple[str, int] | AnyResponse:
        try:
            if not _unset(station):
                raise Refused("clock_set_already", "the public screen sets a clock that nobody has set, and no other")
            set_clock(station, forward=True)
        except Refused as error:
            return draw(sentence(error)), 409
        return redirect("/", 303)

    return clock


def _unset(station: StationService) -> bool:
    return station.stamp().moment.quality is ClockQuality.UNSET
