"""The pad for date and time, and the large date that one agrees to: the same at the public screen and the technician's.

``at`` in an address or a form is what was typed, ``202612011435``, in the zone of the village.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import Blueprint, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from kiosk.base.refused import Refused
from kiosk.domain.moment import ClockQuality
from kiosk.station.service import StationService
from kiosk.station.shared.clock_setting import TYPED_DIGITS, judge, typed_time
from kiosk.web.shared.roles import session

logger = logging.getLogger(__name__)


def clock_blueprint(
    name: str, home: str, station: StationService, draw: Callable[..., str], *, forward: bool
) -> Blueprint:
    """Build the routes. ``draw`` gets what the templates need. ``forward``: at the public screen, which sets only a
    clock that is not set, and only forward.
    """
    clock = Blueprint(name, __name__)

    @clock.get(home)
    def page() -> str | AnyResponse:
        return redirect("/", 303) if forward and not _is_unset(station) else draw(**_values(station, "", forward))

    @clock.post(home)
    def act_set() -> tuple[str, int] | AnyResponse:
        moment = station.stamp().moment
        try:
            if forward and not _is_unset(station):
                raise Refused("clock_set_already", "the public screen sets a clock that nobody has set, and no other")
            station.clock_setter.set(typed_time(request.form.get("at", ""), moment.zone), moment, forward=forward)
        except Refused as error:
            return draw(**_values(station, _sentence(error), forward)), 409
        if forward:
            return redirect("/", 303)
        logger.info("%s has set the clock", session().person.actor)
        return redirect(f"{home}?done=1", 303)

    return clock


def _values(station: StationService, refused: str, forward: bool) -> Mapping[str, Any]:
    """Return what the templates need: ``typed`` is a good time that was typed, or None; ``refused`` a sentence's id."""
    at, moment = request.args.get("at", ""), station.stamp().moment
    typed: datetime | None = None
    if at and not refused:
        try:
            typed = typed_time(at, moment.zone)
            word = judge(typed, moment.utc, forward=forward)
            if word:
                raise Refused(f"clock_{word}")
        except Refused as error:
            refused, typed = _sentence(error), None
    zone = ZoneInfo(moment.zone)
    return {
        "at": at,
        "typed": typed.astimezone(zone) if typed else None,
        "clock_now": moment.local,
        "clock_quality": moment.quality.value,
        "clock_refused": refused,
        "clock_possible": station.clock_setter.possible,
        "typed_digits": TYPED_DIGITS,
    }


def _is_unset(station: StationService) -> bool:
    return station.stamp().moment.quality is ClockQuality.UNSET


def _sentence(error: Refused) -> str:
    return f"clock.refused.{error.code.removeprefix('clock_')}"
