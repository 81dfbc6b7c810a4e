"""The mat on the screen while goods are laid on it: the newest small picture, for the page that asks for the shot.

200  the picture; ``Lights`` names what is not as it should be yet
204  no picture: no camera, no mat, no look yet, or no shot is asked for any more: a page that is being left still asks,
     and a browser would complain of 404 on its console
404  there is no such intake
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Final

from flask import Blueprint, Response, abort

from kiosk.station.clerk.access import CounterSession
from kiosk.station.clerk.refusals import CounterRefused
from kiosk.station.desk.view import PHOTO_REQUEST_STATES, DeskStep
from kiosk.station.photos.photographer import PreviewRequest
from kiosk.station.service import StationService
from kiosk.web.shared import roles
from kiosk.web.shared.roles import Need

NEEDS = {"mat_view.take": Need.OPEN, "mat_view.intake": Need.CLERK}
# Endpoints that a page asks for by itself, again and again: they must not keep the counter open.
WATCHED: Final = frozenset({"mat_view.intake"})


def blueprint(station: StationService) -> Blueprint:
    mat_view = Blueprint("mat_view", __name__)

    @mat_view.get("/mat.jpg")
    def take() -> Response:
        view = station.desk.view()
        if view.step is not DeskStep.TAKE or view.result is None or view.photo.state not in PHOTO_REQUEST_STATES:
            return Response(status=204)
        lot = view.result.lot
        return _newest(station, PreviewRequest(lot, partial(station.desk.result_screen.photo_when_still, lot)))

    @mat_view.get("/counter/intakes/<about>/mat.jpg")
    def intake(about: str) -> Response:
        session = roles.session()
        row = station.store.intakes.confirmed(about)
        if row is None:
            abort(404)
        if row.voided:
            return Response(status=204)
        return _newest(station, PreviewRequest(row.lot, partial(_shoot, station, session, about)))

    return mat_view


def _shoot(station: StationService, session: CounterSession, receipt: str) -> None:
    with suppress(CounterRefused):  # the counter was locked meanwhile, or a tap was quicker
        station.counter.lot_shots.take_when_still(session, receipt)


def _newest(station: StationService, watch: PreviewRequest) -> Response:
    preview = station.live_view.ask(watch)
    if preview is None or preview.picture is None:
        return Response(status=204)
    return Response(preview.picture.jpeg, mimetype="image/jpeg", headers={"Lights": " ".join(preview.lights)})
