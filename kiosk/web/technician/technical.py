"""What is not for villagers: which software this is, whether it lives, the screen's sizes, the picture of the goods."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, abort, jsonify, request, send_file
from werkzeug.wrappers import Response as AnyResponse

from kiosk.station.desk.live import OK
from kiosk.station.desk.view import DeskStep
from kiosk.station.service import StationService
from kiosk.web.public.screens import Screens
from kiosk.web.shared.roles import Need
from kiosk.web.shared.settings import WebSettings

_NO_PAGES = ("health", "station_css", "photo", "page_alive")
NEEDS = {"technical.about": Need.PUBLIC, **{f"technical.{name}": Need.OPEN for name in _NO_PAGES}}


def ignore_alive() -> None: ...


def blueprint(
    station: StationService, settings: WebSettings, screens: Screens, alive: Callable[[], None] = ignore_alive
) -> Blueprint:
    technical = Blueprint("technical", __name__)

    @technical.get("/about")
    def about() -> str:
        return screens.page("about.html", station.desk.view(), rows=_rows(station, settings))

    @technical.get("/health")
    def health() -> AnyResponse:
        snapshot = station.board.snapshot()
        marks = snapshot.marks
        return jsonify(
            ok=marks.store == OK,
            software=station.software,
            scale=marks.scale,
            printer=marks.printer,
            link=marks.link,
            store=marks.store,
            pending=snapshot.pending,
        )

    @technical.post("/alive")
    def page_alive() -> tuple[str, int]:
        alive()
        return "", 204

    @technical.get("/station.css")
    def station_css() -> AnyResponse:
        return Response(
            f":root{{--mm:{settings.px_per_mm:.2f}px;--room:{settings.roominess:.2f};--columns:{settings.columns};"
            f"--rows:{settings.tiles // settings.columns};--ring:{settings.ring_s:g}s}}\n",
            mimetype="text/css",
        )

    @technical.get("/photos/<sha256>.jpg")
    def photo(sha256: str) -> AnyResponse:
        view = station.desk.view()
        current = view.photo.sha256 if view.step is DeskStep.TAKE else None
        path = station.photo_folder.path(sha256) if sha256 == current else None
        if path is None:
            abort(404)
        return send_file(path, mimetype="image/jpeg", max_age=0, conditional=False, etag=False)

    return technical


def _rows(station: StationService, settings: WebSettings) -> list[tuple[str, str]]:
    """Return what a technician needs on the telephone; no secrets and no personal data."""
    own = station.settings
    return [
        ("Software", station.software),
        ("Metrology", station.metrology),
        ("Station", own.station),
        ("Region", own.region),
        ("Village", own.village),
        ("Time zone", own.zone),
        ("Panel", f"{settings.width_px} x {settings.height_px}, {settings.diagonal_in:g} in"),
        ("Pixels per mm", f"{settings.px_per_mm:.2f}"),
        ("Address", request.host),
    ]
