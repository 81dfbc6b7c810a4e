"""The county's document: which one is in force, what waits, why the last one was refused, what is on a stick.

GET changes nothing. The post takes a document from a stick and answers 303; a refused one answers 409 with the reason.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from flask import Blueprint, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from kiosk.base.refused import Refused
from kiosk.station.service import StationService
from kiosk.store import StoreError
from kiosk.web.shared.roles import Need
from kiosk.web.shared.settings import WebSettings
from kiosk.web.shared.signs import local_times
from kiosk.web.technician.frame import draw

HOME: Final = "/technician/county"
NEEDS: Final = {"county.page": Need.TECHNICIAN, "county.act_take": Need.TECHNICIAN}
ROWS: Final = 4  # On the smallest panel
WAITS: Final = ("parts", "effective", "open_intake", "storage")  # For all that keeps the station busy: one sentence


def blueprint(station: StationService, settings: WebSettings) -> Blueprint:
    """Serve ``/technician/county``; where no county runs the station the page says so."""
    county = Blueprint("county", __name__)
    local = local_times(station.settings.zone)

    def moment(stored: str | None) -> str:
        found = local(stored)
        return found.strftime("%Y-%m-%d %H:%M") if found else "–"

    def refuse(text_id: str) -> tuple[str, int]:
        return draw(settings, "refused", "care", HOME, text_id=text_id), 409

    @county.get(HOME)
    def page() -> str | tuple[str, int]:
        found = station.county
        if not found.has_county:
            return draw(settings, "refused", "care", "/technician/goods", text_id="technician.county.none")
        waiting, refused = found.inbox.waiting, found.inbox.floor.last_refusal
        values = {
            "in_force": found.in_force(),
            "confirmed": found.prices_confirmed(),
            "by_hand": found.is_by_hand(),
            "waiting": waiting,
            "refused": refused,
            "sticks": found.candidates()[: ROWS - 1 - sum(row is not None for row in (waiting, refused))],
            "done": bool(request.args.get("done")),
        }
        return draw(settings, "county", "care", HOME, moment=moment, waits=WAITS, **values)

    @county.post(f"{HOME}/take")
    def act_take() -> AnyResponse:
        station.county.take(Path(request.form.get("folder", "")))
        return redirect(f"{HOME}?done=1", 303)

    county.register_error_handler(Refused, lambda error: refuse(f"technician.county.reason.{error.code}"))
    county.register_error_handler(StoreError, lambda error: refuse("technician.refused.store_failed"))
    county.register_error_handler(OSError, lambda error: refuse("technician.county.reason.storage"))
    return county
