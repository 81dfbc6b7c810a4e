"""The bench: the simulated hardware beside the kiosk, as one page. For demos and technicians.

``POST /word`` says a fault word to a device; everything else only looks. The page asks ``/state.json`` once a second.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from flask import Flask, Response, abort, jsonify, redirect, render_template, request
from jinja2 import StrictUndefined
from waitress.server import create_server  # type: ignore[import-untyped]
from werkzeug.wrappers import Response as AnyResponse

from kiosk.base.http_loop import HttpLoop
from kiosk.devices.panel.gpio import OUTPUTS
from kiosk.messaging.contract.catalog.file import parse_catalog
from kiosk.protocols.barcodes.waybills import identify
from kiosk.simulators.bench.bench import CURES, GOODS, KINDS, SCENE_PICTURES, Bench, drawings, words_of
from kiosk.simulators.camera.simulator import SCENES
from kiosk.simulators.shared.counter_stock import CounterStock, DemoPickupSlip
from kiosk.simulators.shared.faults import BadFaultWord
from kiosk.simulators.village import Village
from kiosk.texts import formats

_CARDS = 6


def create_bench(village: Village) -> Flask:
    """Build the page and its API; ``village`` has been started. Raises CatalogError or OSError."""
    app = Flask(__name__, static_url_path="/bench")
    app.config.update(MAX_CONTENT_LENGTH=MAX_BODY_BYTES, MAX_FORM_MEMORY_SIZE=MAX_BODY_BYTES, MAX_FORM_PARTS=8)
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters["kilograms"] = formats.kilograms
    bench = Bench(village, parse_catalog(village.catalog.read_bytes(), village.catalog.name))
    app.before_request(_check)  # before anything else
    app.after_request(_harden)
    _page(app, bench)
    _pictures(app, bench)
    return app


def _page(app: Flask, bench: Bench) -> None:
    @app.get("/")
    def page() -> str:
        stock = bench.village.counter_stock
        return render_template(
            "bench.html",
            people=stock.people if stock else (),
            scans=scan_groups(stock) if stock else (),
            village=bench.village,
            members=[row for row in bench.catalog.members if row.card][:_CARDS],
            goods=GOODS,
            scenes=[(name, SCENE_PICTURES.get(name, name)) for name in SCENES],
            words={device: words_of(device) for device in KINDS},
            cures=CURES,
            lamps=OUTPUTS,
        )

    @app.get("/state.json")
    def state() -> Response:
        return jsonify(bench.state())

    @app.post("/word")
    def word() -> AnyResponse:
        device, text = _parse_word_request()
        try:
            bench.say(device, text)
        except BadFaultWord as error:
            return _refused(str(error), 400)
        except (OSError, RuntimeError) as error:
            return _refused(f"{device} {text}: {error}", 503)
        return jsonify(ok=True) if _wants_json() else redirect("/", 303)


def _pictures(app: Flask, bench: Bench) -> None:
    @app.get("/paper/<printer>/<name>")
    def paper(printer: str, name: str) -> Response:
        known = bench.printers.get(printer)
        # Only names that the printer itself reported are looked up: no path is ever built from a request.
        path = next((row for row in known.printed if row.name == name), None) if known else None
        return _file(path, "image/png")

    @app.get("/camera.jpg")
    def camera() -> Response:
        return _file(bench.village.camera.path, "image/jpeg")

    @app.get("/drawings/<name>.svg")
    def drawing(name: str) -> Response:
        found = drawings().get(name)
        if found is None:
            abort(404)
        return Response(found.read_bytes(), mimetype="image/svg+xml")


def _file(path: Path | None, mimetype: str) -> Response:
    try:
        data = path.read_bytes() if path else None
    except OSError:
        data = None
    if data is None:
        abort(404)
    return Response(data, mimetype=mimetype)


def _parse_word_request() -> tuple[str, str]:
    """Read device and text from a JSON object, or from a form whose text may come as word, argument and unit."""
    if request.is_json:
        payload = request.get_json(silent=True)
        device, text = (payload.get("device"), payload.get("text")) if isinstance(payload, dict) else (None, None)
        return (device, text) if isinstance(device, str) and isinstance(text, str) else ("", "")
    device, text = request.form.get("device", ""), request.form.get("text")
    return device, _joined(request.form) if text is None else text


def _joined(form: Mapping[str, str]) -> str:
    """Join "jitter" and "0.010kg", "take", or "put", "2.480" and "kg" to one fault word."""
    argument = form.get("argument", "")
    return f"{form.get('word', '')} {argument}{form.get('unit', '')}" if argument else form.get("word", "")


def _wants_json() -> bool:
    """Return whether the client is a program: a browser that sends a form names text/html first."""
    return request.accept_mimetypes.best_match(["application/json", "text/html"]) != "text/html"


def _refused(text: str, status: int) -> AnyResponse:
    if _wants_json():
        answer = jsonify(error=text)
        answer.status_code = status
        return answer
    return Response(text, status, mimetype="text/plain")


_THREADS: Final = 8  # A power cut answers only when the station is back: the page must stay alive meanwhile
MAX_BODY_BYTES: Final = 16 * 1024


class BenchServer:
    """Serves from the moment it is made until ``close``."""

    def __init__(self, app: Flask, host: str, port: int) -> None:
        """Bind and start; port 0 takes a free one. Raises OSError when the address is not available."""
        if host != "localhost" and not ip_address(host).is_loopback:
            raise ValueError(f"the bench is served on loopback only, not on {host}")
        # Bound here: waitress starts its threads first and leaves them running when the address is taken.
        listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        sockets: dict[int, Any] = {}
        server = create_server(
            app,
            map=sockets,
            sockets=[listening],
            threads=_THREADS,
            ident=None,
            max_request_body_size=MAX_BODY_BYTES,
        )
        self.port = int(listening.getsockname()[1])
        self._loop = HttpLoop(server, sockets, "bench")
        self._loop.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self, timeout_s: float = 5.0) -> None:
        """Finish the running requests, close every socket, end every thread."""
        self._loop.stop(timeout_s)


HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    # With "no-referrer" a browser would send a form's origin as "null", and the origin could not be checked.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_NAMES: Final = frozenset({"127.0.0.1", "localhost", "::1"})


def _check() -> None:
    """Refuse requests from another machine or another page; a program on this machine may send no Origin."""
    if not _here(request.host, int(request.environ["SERVER_PORT"])):
        abort(403, "This is not an address of the bench.")
    if request.method in ("GET", "HEAD"):
        return
    # A browser names the origin of every post; a program on this machine that names none is welcome.
    if request.headers.get("Origin", own := f"http://{request.host}") != own:
        abort(403, "Another page may not use the bench.")


def _here(host: str, port: int) -> bool:
    """Return whether a Host header names loopback and this port; a DNS name rebound by an attacker does not."""
    try:
        parts = urlsplit(f"//{host}")
        return parts.hostname in _NAMES and (parts.port or 80) == port and not parts.path and not parts.username
    except ValueError:
        return False


def _harden(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers[name] = value
    return response


GOODS_CODE: Final = "6901234567892"  # EAN-13 of Chinese goods (GS1 prefix 690): no carrier's number begins like it
_TAIL: Final = 4


@dataclass(frozen=True, slots=True)
class ScanKey:
    """``text`` is what the scanner reads."""

    title: str
    note: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ScanGroup:
    """Keys of one kind, and what comes of them; ``drawing`` names a drawing of the station."""

    drawing: str
    title: str
    meaning: str
    keys: tuple[ScanKey, ...]


def scan_groups(stock: CounterStock) -> tuple[ScanGroup, ...]:
    """Return all keys of the counter; omit groups without any."""
    groups = (
        ScanGroup(
            "truck",
            "On the truck’s list",
            "Choose In, then scan all of them.",
            tuple(_waybill(row.carrier, row.waybill) for row in stock.expected),
        ),
        ScanGroup(
            "not-there",
            "On no list",
            "Without In one touch takes it in.",
            tuple(_waybill(_carriers(text), text) for text in stock.unknown),
        ),
        ScanGroup(
            "receipt", "Pickup slips", "Scan one, or type its digits under My parcel.", tuple(map(_slip, stock.slips))
        ),
        ScanGroup("other", "No parcel", "Goods have a bar code too.", (ScanKey("Goods", GOODS_CODE, GOODS_CODE),)),
    )
    return tuple(group for group in groups if group.keys)


def _waybill(title: str, text: str) -> ScanKey:
    return ScanKey(title, f"··{text[-_TAIL:]}", text)


def _carriers(waybill: str) -> str:
    """Return the likeliest carrier, with a question mark when the number may be another carrier's too."""
    first, *others = identify(waybill).candidates
    return f"{first}?" if others else first


def _slip(slip: DemoPickupSlip) -> ScanKey:
    state = " overdue" if slip.overdue else ""
    return ScanKey(f"{slip.parcel.shelf}{state}", slip.code, slip.text)
