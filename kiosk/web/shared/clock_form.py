"""The pad for date and time, and the large date that one agrees to: the same at the public screen and the technician's.

``at`` in an address or a form is what was typed, ``202612011435``, in the zone of the village.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import request

from kiosk.base.refused import Refused
from kiosk.station.service import StationService
from kiosk.station.shared.clock_setting import TYPED_DIGITS, judge, typed_time


def clock_values(station: StationService, refused: str = "", *, forward: bool) -> Mapping[str, Any]:
    """What the templates need: ``typed`` is a good time that was typed, or None; ``refused`` the id of a sentence."""
    at, moment = request.args.get("at", ""), station.stamp().moment
    typed: datetime | None = None
    if at and not refused:
        try:
            typed = typed_time(at, moment.zone)
            word = judge(typed, moment.utc, forward=forward)
            if word:
                raise Refused(f"clock_{word}")
        except Refused as error:
            refused, typed = sentence(error), None
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


def set_clock(station: StationService, *, forward: bool) -> None:
    """To what the form holds. Raises Refused."""
    moment = station.stamp().moment
    station.clock_setter.set(typed_time(request.form.get("at", ""), moment.zone), moment, forward=forward)


def sentence(error: Refused) -> str:
    return f"clock.refused.{error.code.removeprefix('clock_')}"
