"""Under which names the dashboard answers: a name that was rebound to this machine's address is none of them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from flask import Flask, abort, request

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_HTTP_PORT = 80


class Hosts:
    """Loopback names and ``address``, where the dashboard listens, on its own port; and ``names`` on any.

    ``names`` are what a reverse proxy is asked under. Listening on all addresses (0.0.0.0, ::), any address will do: a
    browser that names one was not led here by a name.
    """

    def __init__(self, address: str = "", names: Iterable[str] = ()) -> None:
        self._own = LOOPBACK | {address.lower()} - {""}
        self._names = frozenset(name.lower() for name in names)
        self._takes_addresses = _is_any(address)

    def allow(self, host: str, port: int) -> bool:
        """Whether a Host header is one of this dashboard, on ``port``, where the request came in."""
        try:
            parts = urlsplit(f"//{host}")
            name, asked = parts.hostname, parts.port or _HTTP_PORT
        except ValueError:
            return False
        if name is None or parts.path or parts.query or parts.fragment or parts.username is not None:
            return False
        if name in self._names:
            return True
        return asked == port and (name in self._own or (self._takes_addresses and _is_address(name)))


def install(app: Flask, hosts: Hosts) -> None:
    """Check every request before anything else."""

    def check() -> None:
        if not hosts.allow(request.host, int(request.environ["SERVER_PORT"])):
            abort(403)

    app.before_request(check)


def _is_any(address: str) -> bool:
    return _is_address(address) and ipaddress.ip_address(address).is_unspecified


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
