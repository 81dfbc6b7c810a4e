"""Setting a clock that is not set: before the counter is unlocked, and forward only."""

from __future__ import annotations

from functools import partial

from flask import Blueprint

from kiosk.station.service import StationService
from kiosk.web.public.screens import Screens
from kiosk.web.shared.clock_form import clock_blueprint
from kiosk.web.shared.roles import Need

HOME = "/clock"
NEEDS = {"clock.page": Need.PUBLIC, "clock.act_set": Need.PUBLIC}


def blueprint(station: StationService, screens: Screens) -> Blueprint:
    draw = partial(screens.bare, "clock.html", here=HOME, back="/")
    return clock_blueprint("clock", HOME, station, draw, forward=True)
