"""When something is refused, missing, broken or closed: the same look, one clear sentence, one thing to do."""

from __future__ import annotations

import logging
from typing import Final

from flask import Flask, request
from werkzeug.exceptions import HTTPException
from werkzeug.test import EnvironBuilder, run_wsgi_app

from kiosk.station.clerk.refusals import CounterRefused
from kiosk.station.desk.view import DeskRefused
from kiosk.station.service import StationService
from kiosk.station.update.updates import Gate
from kiosk.web.public.screens import Screens
from kiosk.web.public.sentences import Sentence, refusal
from kiosk.web.shared import roles
from kiosk.web.shared.settings import WebSettings
from kiosk.web.shared.speech import speech_of

logger = logging.getLogger(__name__)


Answer = tuple[str, int]

_NOT_FOUND = Sentence("help.home", "help")
_FAULT = Sentence("problem.error", "attention")


_PUBLIC_HOME, _COUNTER_HOME = "/", "/counter"


def install(app: Flask, station: StationService, screens: Screens, settings: WebSettings) -> None:
    """Install one handler for each kind of error; no traceback leaves the program."""

    def refused(error: DeskRefused) -> Answer:
        logger.info("refused at %s: %s", request.path, error.code)
        view = station.desk.view()
        texts = speech_of(request, settings.language).main
        return screens.step(view, refusal(error.code, view.step, texts)), 409

    def fault(sentence: Sentence) -> str:
        """Lead staff back to the counter; a link to the public face would lock it."""
        stays = roles.is_staff_address(request.path) and _is_open(station, request.cookies.get(roles.COOKIE, ""))
        return screens.bare("fault.html", sentence=sentence, onward=_COUNTER_HOME if stays else _PUBLIC_HOME)

    def http(error: HTTPException) -> Answer:
        code = error.code or 500
        return fault(_NOT_FOUND if code in (404, 405) else _FAULT), code

    def unexpected(error: Exception) -> Answer:
        logger.error("%s %s failed", request.method, request.path, exc_info=error)
        return fault(_FAULT), 500

    app.register_error_handler(DeskRefused, refused)
    app.register_error_handler(HTTPException, http)
    app.register_error_handler(Exception, unexpected)


def _is_open(station: StationService, token: str) -> bool:
    """Return whether this token has unlocked the counter; False when the store cannot say so."""
    try:
        return station.access.peek(token) is not None
    except CounterRefused:
        return False


_TRIAL: Final = "kiosk.trial"  # A key that no header can set: those begin with HTTP_
# What the closed page itself needs, and signs of life: a browser that is restarted mends nothing now.
_OPEN_WHILE_CLOSED: Final = frozenset({"static", "technical.health", "technical.page_alive", "technical.station_css"})


def install_gate(app: Flask, gate: Gate, station: StationService, settings: WebSettings) -> None:
    """Answer 503 while ``gate`` is closed. Install it last: a foreign page is refused before and learns nothing."""
    screens = Screens(station, settings)

    @app.before_request
    def closed() -> tuple[str, int] | None:
        if not gate.closed or request.endpoint in _OPEN_WHILE_CLOSED or _TRIAL in request.environ:
            return None
        return screens.bare("updating.html"), 503


def draw_behind_gate(app: Flask, url: str, path: str) -> int:
    """Return the status of a page as the trial sees it: drawn whole, behind the closed gate."""
    environ = EnvironBuilder(path, url, environ_overrides={_TRIAL: True}).get_environ()
    body, status, _ = run_wsgi_app(app, environ, buffered=True)
    for _ in body:
        pass
    return int(status.partition(" ")[0])
