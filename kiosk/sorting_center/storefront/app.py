"""The web application of the storefront: for everybody, and of nothing but what is published."""

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
from kiosk.sorting_center.desk.shared.errors import DeskError
from kiosk.sorting_center.storefront.pages import LOG_INTERVAL_S, StorefrontSources, render_page, storefront
from kiosk.sorting_center.web.shared.guard import HEADERS, Hosts
from kiosk.texts import html

# No script at all. JSON-LD is in a script element of a type that no browser runs: a data block, to which this policy
# does not apply (HTML standard, "prepare the script element": the type is checked first). Programs that judge a page
# read robots.txt from inside it: `connect-src`.
_CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
# The page of receipts has a script, which cannot send anything.
_SLIP_POLICY: Final = _CONTENT_SECURITY_POLICY.replace("connect-src 'self'", "script-src 'self'")
_HSTS: Final = f"max-age={365 * 24 * 3600}"
_RETRY_AFTER_S: Final = 30
_STATIC_MAX_AGE_S: Final = 24 * 3600  # As long as a telephone checks receipts without a line
_SLIP_ENDPOINT: Final = "storefront.slip"
_ERROR_TEXT_IDS: Final = {404: "not_found", 410: "gone", 503: "unavailable"}
# Endpoints of people; all others are requested by programs.
_HTML_ENDPOINTS: Final = frozenset(
    {None, _SLIP_ENDPOINT, *(f"storefront.{name}" for name in ("front", "everything", "lots", "one", "way"))}
)

_log = RateLimitedLog(logging.getLogger(__name__), time.monotonic, LOG_INTERVAL_S)


def create_app(sources: StorefrontSources, hosts: Hosts) -> Flask:
    app = Flask(__name__)
    app.extensions["storefront"] = sources
    if sources.public is not None:
        app.wsgi_app = _PathPrefixMiddleware(app.wsgi_app, urlsplit(sources.public.base).path)  # type: ignore[method-assign]
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    filters = {"kg": html.bdi_kg, "money": html.bdi_money, "price": html.bdi_price, "number": html.bdi_number}
    app.jinja_env.globals.update(filters, code=html.bdi_code, name=html.bdi_name, pack=html.bdi_pack_weight)

    def check() -> None:
        if not hosts.is_allowed(request.host, int(request.environ["SERVER_PORT"]), request.scheme):
            abort(403)

    app.before_request(check)
    app.after_request(_add_security_headers)
    app.register_error_handler(DeskError, _handle_desk_error)
    app.register_error_handler(HTTPException, _handle_http_error)
    app.register_blueprint(storefront)
    return app


def _add_security_headers(answer: Response) -> Response:
    for name, value in HEADERS.items():
        answer.headers.setdefault(name, value)
    is_slip = request.endpoint == _SLIP_ENDPOINT
    answer.headers["Content-Security-Policy"] = _SLIP_POLICY if is_slip else _CONTENT_SECURITY_POLICY
    if request.is_secure and not request.host.lower().startswith("localhost"):
        answer.headers["Strict-Transport-Security"] = _HSTS
    if answer.status_code >= 400:
        answer.headers["Cache-Control"] = "no-store"
    elif request.endpoint == "static":
        answer.headers["Cache-Control"] = f"public, max-age={_STATIC_MAX_AGE_S}"
    else:
        answer.headers.setdefault("Cache-Control", "public, no-cache")
    return answer


def _handle_desk_error(error: DeskError) -> Response:
    _log.write(str(error))
    answer = _error_response(503)
    answer.headers["Retry-After"] = str(_RETRY_AFTER_S)
    return answer


def _handle_http_error(error: HTTPException) -> Response:
    status = error.code or 500
    return error.get_response() if status < 400 else _error_response(status)


def _error_response(status: int) -> Response:
    if request.endpoint not in _HTML_ENDPOINTS or status == 403:
        return Response(f"{status}\n", status, mimetype="text/plain")
    is_slip = request.endpoint == _SLIP_ENDPOINT and status == 503
    text_id = "slip_unavailable" if is_slip else _ERROR_TEXT_IDS.get(status, "not_possible")
    return Response(render_page("message.html", text_id=text_id), status, mimetype="text/html")


class _PathPrefixMiddleware:
    """What is public below a path of its host, whether a reverse proxy leaves that path on or takes it away."""

    def __init__(self, app: Callable[..., Any], path: str) -> None:
        self._app, self._path = app, path

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        path = environ.get("PATH_INFO", "")
        if self._path and (path == self._path or path.startswith(f"{self._path}/")):
            environ["PATH_INFO"] = path.removeprefix(self._path) or "/"
        environ["SCRIPT_NAME"] = self._path
        return self._app(environ, start_response)
