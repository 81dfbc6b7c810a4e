"""While an update wants the station quiet, and while a new release is on trial: one page, whatever was asked for."""

from __future__ import annotations

from typing import Final

from flask import Flask, request
from werkzeug.test import EnvironBuilder, run_wsgi_app

from kiosk.station.update.updates import Gate
from kiosk.web.public.screens import Screens
from kiosk.web.shared.ports import Station
from kiosk.web.shared.settings import WebSettings

_TRIAL: Final = "kiosk.trial"  # A key that no header can set: those begin with HTTP_
# What the closed page itself needs, and signs of life: a browser that is restarted mends nothing now.
_OPEN: Final = frozenset({"static", "technical.health", "technical.page_alive", "technical.station_css"})


def install(app: Flask, gate: Gate, station: Station, settings: WebSettings) -> None:
    """Behind everything else that looks at a request: a strange page learns nothing."""
    screens = Screens(station, settings)

    @app.before_request
    def closed() -> tuple[str, int] | None:
        if not gate.closed or request.endpoint in _OPEN or _TRIAL in request.environ:
            return None
        return screens.bare("updating.html"), 503


def draw(app: Flask, url: str, path: str) -> int:
    """The status of a page as the trial sees it: drawn whole, behind the closed gate."""
    environ = EnvironBuilder(path, url, environ_overrides={_TRIAL: True}).get_environ()
    body, status, _ = run_wsgi_app(app, environ, buffered=True)
    for _ in body:
        pass
    return int(status.partition(" ")[0])
