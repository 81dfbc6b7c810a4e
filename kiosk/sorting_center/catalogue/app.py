"""The web application of the catalogue: for everybody, and of nothing but what is published."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

from flask import Flask, abort, request
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from kiosk.domain.rate_limited_log import RateLimitedLog
from kiosk.sorting_center.catalogue.pages import SAID_EVERY_S, Sources, catalogue, shown
from kiosk.sorting_center.desk.errors import DeskError
from kiosk.sorting_center.web.guard import HEADERS, Hosts
from kiosk.texts import html

_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""No script at all. JSON-LD stands in a script element of a type that no browser runs: a data block, which this policy
has no say in (HTML standard, "prepare the script element": the type is looked at first).
"""
_ONLY_TLS: Final = f"max-age={365 * 24 * 3600}"
_COME_BACK_S: Final = 30
_STATIC_KEPT_S: Final = 3600
_SAID: Final = {404: "not_found", 410: "gone", 503: "unavailable"}
_WITH_WORDS: Final = frozenset({None, "catalogue.front", "catalogue.everything", "catalogue.one"})
"""Endpoints of people; all others are asked by programs."""

_log = RateLimitedLog(logging.getLogger(__name__), time.monotonic, SAID_EVERY_S)


def create_app(sources: Sources, hosts: Hosts) -> Flask:
    """The WSGI application. ``hosts`` are the names it answers under."""
    app = Flask(__name__)
    app.extensions["catalogue"] = sources
    if sources.public is not None:
        app.wsgi_app = _BelowPath(app.wsgi_app, urlsplit(sources.public.base).path)  # type: ignore[method-assign]
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    filters = {"kg": html.bdi_kg, "money": html.bdi_money, "price": html.bdi_price, "number": html.bdi_number}
    app.jinja_env.globals.update(filters, code=html.bdi_code)

    def check() -> None:
        if not hosts.allow(request.host, int(request.environ["SERVER_PORT"]), request.scheme):
            abort(403)

    app.before_request(check)
    app.after_request(_harden)
    app.register_error_handler(DeskError, _unavailable)
    app.register_error_handler(HTTPException, _other)
    app.register_blueprint(catalogue)
    return app


def _harden(answer: Response) -> Response:
    for name, value in HEADERS.items():
        answer.headers.setdefault(name, value)
    answer.headers["Content-Security-Policy"] = _POLICY
    if request.is_secure and not request.host.lower().startswith("localhost"):
        answer.headers["Strict-Transport-Security"] = _ONLY_TLS
    if answer.status_code >= 400:
        answer.headers["Cache-Control"] = "no-store"
    elif request.endpoint == "static":
        answer.headers["Cache-Control"] = f"public, max-age={_STATIC_KEPT_S}"
    else:
        answer.headers.setdefault("Cache-Control", "public, no-cache")
    return answer


def _unavailable(error: DeskError) -> Response:
    _log.write(str(error))
    answer = _refusal(503)
    answer.headers["Retry-After"] = str(_COME_BACK_S)
    return answer


def _other(error: HTTPException) -> Response:
    status = error.code or 500
    return error.get_response() if status < 400 else _refusal(status)


def _refusal(status: int) -> Response:
    if request.endpoint not in _WITH_WORDS or status == 403:
        return Response(f"{status}\n", status, mimetype="text/plain")
    return Response(shown("message.html", text_id=_SAID.get(status, "not_possible")), status, mimetype="text/html")


class _BelowPath:
    """What is public below a path of its host, whether a reverse proxy leaves that path on or takes it away."""

    def __init__(self, app: Callable[..., Any], path: str) -> None:
        self._app, self._path = app, path

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        asked = environ.get("PATH_INFO", "")
        if self._path and (asked == self._path or asked.startswith(f"{self._path}/")):
            environ["PATH_INFO"] = asked.removeprefix(self._path) or "/"
        environ["SCRIPT_NAME"] = self._path
        return self._app(environ, start_response)
