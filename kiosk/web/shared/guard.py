"""Who may talk to the station, and what a browser may do with its pages.

The server listens on loopback only. The remaining threat is another page in the same browser: a rebound host name
(Host), a form posted from elsewhere (Origin, Sec-Fetch-Site), a frame around the screen (CSP, COOP, CORP).
"""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, Response, abort, request

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src 'self'; "
    "connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), usb=(), serial=(), payment=()",
}
_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})
_OWN_SITES = frozenset({"same-origin", "none"})
_HTTP_PORT = 80


def install(app: Flask) -> None:
    app.before_request(check_request)
    app.after_request(add_headers)


def check_request() -> None:
    """Refuse with 403 what did not come from the station's own pages."""
    if not host_allowed(request.host, int(request.environ["SERVER_PORT"])):
        abort(403)
    site = request.headers.get("Sec-Fetch-Site")
    acts = request.method not in ("GET", "HEAD")
    if (acts or request.path.endswith("/live")) and site is not None and site not in _OWN_SITES:
        abort(403)
    if acts and not _own_origin(request.headers.get("Origin"), site):
        abort(403)


def host_allowed(host: str, port: int) -> bool:
    """Return whether a Host header names this machine's loopback and the port the request came in on."""
    try:
        parts = urlsplit(f"//{host}")
        return parts.hostname in _NAMES and (parts.port or _HTTP_PORT) == port and not parts.path and not parts.username
    except ValueError:
        return False


def _own_origin(origin: str | None, site: str | None) -> bool:
    """Return whether the origin is ours. A form sent under ``no-referrer`` has the origin ``null`` (Fetch standard,
    "append a request Origin header"); then ``Sec-Fetch-Site`` decides, which a page cannot set.
    """
    if origin is None:
        return True
    if origin == "null":
        return site == "same-origin"
    return origin == f"http://{request.host}"


def add_headers(response: Response) -> Response:
    """Forbid the browser to keep anything but static files, and have it ask for those again each time."""
    for name, value in HEADERS.items():
        response.headers[name] = value
    static = request.endpoint == "static" and response.status_code in (200, 304)
    response.headers["Cache-Control"] = "no-cache" if static else "no-store"
    return response
