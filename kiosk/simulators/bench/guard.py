"""Who may use the bench: its own page in a browser on this machine, and nobody's frame around it."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from flask import Flask, Response, abort, request

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # With "no-referrer" a browser would send a form's origin as "null", and nobody could tell whose form it is.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_NAMES: Final = frozenset({"127.0.0.1", "localhost", "::1"})


def install(app: Flask) -> None:
    """Check every request before anything else, and put the headers on every answer."""
    app.before_request(_check)
    app.after_request(_harden)


def _check() -> None:
    if not _here(request.host, int(request.environ["SERVER_PORT"])):
        abort(403, "This is not an address of the bench.")
    if request.method in ("GET", "HEAD"):
        return
    # A browser names the origin of every post; a program on this machine that names none is welcome.
    if request.headers.get("Origin", own := f"http://{request.host}") != own:
        abort(403, "Another page may not use the bench.")


def _here(host: str, port: int) -> bool:
    """Whether a Host header names loopback and this port; a rebound name of an attacker does not."""
    try:
        parts = urlsplit(f"//{host}")
        return parts.hostname in _NAMES and (parts.port or 80) == port and not parts.path and not parts.username
    except ValueError:
        return False


def _harden(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers[name] = value
    return response
