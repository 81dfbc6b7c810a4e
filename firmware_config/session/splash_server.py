"""The page that is always there: the browser starts on it and goes to the station as soon as that answers.

Standard library only, one small process, loopback only: it must not fail for anything the station fails for. With no
station it shows the splash; ``/state`` says whether the station answers, so that the page need not ask another origin,
what is missing when kiosk-data.service has waited for the data partition too long, and whether an update holds it;
``/`` sends the browser on at once when it does. On a new box the first start answers in the place of the station.
"""

from __future__ import annotations

import argparse
import json
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

PORT = 8079
STATION = "http://127.0.0.1:8080/"
PAGES = Path(__file__).with_name("splash")
MISSING = Path("/run/kiosk-data/missing")
"""Made by kiosk-data.service: there is no data partition, and nothing can be kept."""
HELD = Path("/run/kiosk-update/station-held")
"""Made by kiosk-update.service: an update keeps the station from starting."""
PROBE_S = 2.0
"""A station that needs longer for its health page would show a villager a frozen screen."""

TYPES = {
    "index.html": "text/html; charset=utf-8",
    "splash.css": "text/css; charset=utf-8",
    "splash.js": "text/javascript; charset=utf-8",
    "key-guard.js": "text/javascript; charset=utf-8",
    "scale.svg": "image/svg+xml",
}
"""Every file that is served; no other path is looked up."""

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_HOSTS = {"127.0.0.1", "localhost"}


def answers(station: str) -> bool:
    """Whether there is a page to go to: a station in good health, or the first start of a new box.

    The first start has no health page on purpose: its own last page waits there for the station.
    """
    health = _status(station, "/health")
    if health == HTTPStatus.NOT_FOUND:
        return _status(station, "/setup") == HTTPStatus.OK
    return health == HTTPStatus.OK


def _status(station: str, path: str) -> int | None:
    """What a page answers within two seconds."""
    parts = urlsplit(station)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=PROBE_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()


class Splash(BaseHTTPRequestHandler):
    """One request. ``station``, ``missing`` and ``held`` are set by ``make_server``."""

    station = STATION
    missing = MISSING
    held = HELD
    timeout = 10
    server_version = "splash"
    sys_version = ""

    def do_GET(self) -> None:
        """The splash, its few files, ``/state``; anything else is not found."""
        name = urlsplit(self.path).path.lstrip("/") or "index.html"
        if (urlsplit(f"//{self.headers.get('Host', '')}").hostname or "") not in _HOSTS:
            self._send(HTTPStatus.FORBIDDEN, "text/plain", b"")
        elif name == "state":
            self._send(HTTPStatus.OK, "application/json", json.dumps(self._state()).encode())
        elif name == "index.html" and answers(self.station):
            self._send(HTTPStatus.FOUND, "text/plain", b"", self.station)
        elif name in TYPES:
            self._send(HTTPStatus.OK, TYPES[name], (PAGES / name).read_bytes())
        else:
            self._send(HTTPStatus.NOT_FOUND, "text/plain", b"")

    def _state(self) -> dict[str, str | None]:
        state = {"station": self.station if answers(self.station) else None}
        if self.missing.exists():
            return {**state, "missing": "data"}
        return {**state, "held": "update"} if self.held.exists() else state

    def _send(self, status: HTTPStatus, media: str, body: bytes, location: str = "") -> None:
        self.send_response(status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Type", media)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Two questions a second are not worth a journal."""


class Server(ThreadingHTTPServer):
    """Loopback; a browser that is killed in the middle of an answer is no error."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A broken connection ends its own thread and nothing else."""


def make_server(port: int = PORT, station: str = STATION, missing: Path = MISSING, held: Path = HELD) -> Server:
    """Bind the splash server to ``port`` (0: any) for the station at ``station``."""
    bound = {"station": station, "missing": missing, "held": held}
    return Server(("127.0.0.1", port), type("BoundSplash", (Splash,), bound))


def main() -> None:
    """Serve until killed."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--port", type=int, default=PORT)
    options.add_argument("--station", default=STATION, help="where to send the browser")
    chosen = options.parse_args()
    make_server(chosen.port, chosen.station).serve_forever()


if __name__ == "__main__":
    main()
