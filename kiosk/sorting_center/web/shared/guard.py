"""Under which names the pages answer, from where a form may come, and what a browser may do with an answer."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from typing import Any, Final
from urllib.parse import urlsplit

from flask import Flask, Response, abort, request

from kiosk.sorting_center.web.shared.settings import is_address

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_PORTS: Final = {"http": 80, "https": 443}
_OWN_SITES: Final = frozenset({"same-origin", "none"})

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

# Not under the name of loopback: it would be for every port, and other programs there have no TLS.
_HSTS: Final = f"max-age={365 * 24 * 3600}"


class Hosts:
    """Loopback names and ``address``, where the pages are served, on its own port; and ``names`` on any.

    ``names`` are those in requests to a reverse proxy. When listening on all addresses (0.0.0.0, ::), any address is
    accepted: a browser that requests an address was not led here by a name.
    """

    def __init__(self, address: str = "", names: Iterable[str] = ()) -> None:
        self._own = _LOOPBACK | {address.lower()} - {""}
        self._names = frozenset(name.lower() for name in names)
        self._takes_addresses = is_address(address) and ipaddress.ip_address(address).is_unspecified

    def is_allowed(self, host: str, port: int, scheme: str) -> bool:
        """Return whether a Host header is one of this server, on ``port``, where the request came in."""
        try:
            parts = urlsplit(f"//{host}")
            name, requested_port = parts.hostname, parts.port or _PORTS[scheme]
        except ValueError:
            return False
        if name is None or parts.path or parts.query or parts.fragment or parts.username is not None:
            return False
        if name in self._names:
            return True
        return requested_port == port and (name in self._own or (self._takes_addresses and is_address(name)))


def install(app: Flask, hosts: Hosts) -> None:

    def check() -> None:
        if not hosts.is_allowed(request.host, int(request.environ["SERVER_PORT"]), request.scheme):
            abort(403)
        if request.method not in ("GET", "HEAD") and not _is_own_origin():
            abort(403)

    app.before_request(check)
    app.after_request(_add_security_headers)


def _add_security_headers(response: Response) -> Response:
    response.headers.update(HEADERS)
    if request.is_secure and not request.host.lower().startswith("localhost"):
        response.headers["Strict-Transport-Security"] = _HSTS
    response.headers["Cache-Control"] = "no-cache" if request.endpoint == "static" else "no-store"
    return response


def _is_own_origin() -> bool:
    """Return whether a form comes from these pages.

    Sent under ``no-referrer`` it has the origin ``null`` (Fetch standard, "append a request Origin header"). Then
    ``Sec-Fetch-Site`` decides, which a page cannot set. A program that is no browser has neither header.
    """
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None and site not in _OWN_SITES:
        return False
    if origin is None:
        return True
    if origin == "null":
        return site == "same-origin"
    return origin == f"{request.scheme}://{request.host}"


class TrustedProxy:
    """What the proxy at ``address`` states about the client is believed; such headers of any other sender are removed.

    Only the last hop counts: any sender may have written what was in the headers before. Headers are X-Forwarded-For,
    -Proto and -Host.
    """

    def __init__(self, app: Callable[..., Any], address: str | None) -> None:
        self._app, self._address = app, address

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        forwarded = {name: environ.pop(f"HTTP_X_FORWARDED_{name}", "") for name in ("FOR", "PROTO", "HOST")}
        last = {name: text.rpartition(",")[2].strip() for name, text in forwarded.items()}
        if self._address is not None and environ.get("REMOTE_ADDR") == self._address:
            environ["REMOTE_ADDR"] = last["FOR"] if is_address(last["FOR"]) else "unknown"
            if last["PROTO"] in _PORTS:
                environ["wsgi.url_scheme"] = last["PROTO"]
            if last["HOST"]:
                environ["HTTP_HOST"] = last["HOST"]
        return self._app(environ, start_response)
