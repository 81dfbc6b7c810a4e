"""When something is refused, missing or broken: the same look, one clear sentence, one thing to do."""

from __future__ import annotations

import logging

from flask import Flask, request
from werkzeug.exceptions import HTTPException

from kiosk.station.clerk.refusals import CounterRefused
from kiosk.station.desk.view import DeskRefused
from kiosk.web.public.screens import Screens
from kiosk.web.public.sentences import Sentence, refusal
from kiosk.web.shared import roles
from kiosk.web.shared.ports import Station
from kiosk.web.shared.settings import WebSettings
from kiosk.web.shared.speech import speech_of

logger = logging.getLogger(__name__)

Answer = tuple[str, int]

_NOT_FOUND = Sentence("help.home", "help")
_FAULT = Sentence("problem.error", "attention")


_PUBLIC_HOME, _COUNTER_HOME = "/", "/counter"


def install(app: Flask, station: Station, screens: Screens, settings: WebSettings) -> None:
    """One handler for each kind of trouble; nothing leaves the program as a traceback."""

    def refused(error: DeskRefused) -> Answer:
        logger.info("refused at %s: %s", request.path, error.code)
        view = station.desk.view()
        texts = speech_of(request, settings.language).main
        return screens.step(view, refusal(error.code, view.step, texts)), 409

    def fault(sentence: Sentence) -> str:
        """Whoever is at the counter goes on there; a way to the public face would lock it."""
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


def _is_open(station: Station, token: str) -> bool:
    """Whether somebody has unlocked the counter with this; a store that cannot say so opens nothing."""
    try:
        return station.access.peek(token) is not None
    except CounterRefused:
        return False
