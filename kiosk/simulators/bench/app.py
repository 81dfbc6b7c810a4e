"""The bench: the simulated hardware beside the kiosk, as one page. For demos and technicians.

``POST /word`` says a fault word to a device; everything else only looks. The page asks ``/state.json`` once a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from flask import Flask, Response, abort, jsonify, redirect, render_template, request
from jinja2 import StrictUndefined
from werkzeug.wrappers import Response as AnyResponse

from kiosk.devices.panel.gpio import OUTPUTS
from kiosk.simulators.bench import guard
from kiosk.simulators.bench.bench import Bench
from kiosk.simulators.bench.fault_words import CURES, KINDS, words_of
from kiosk.simulators.bench.goods import GOODS, SCENE_PICTURES, drawings
from kiosk.simulators.bench.parcels import scan_groups
from kiosk.simulators.bench.ports import VillageParts
from kiosk.simulators.bench.server import MAX_BODY_BYTES, BenchServer
from kiosk.simulators.camera.scenes import SCENES
from kiosk.simulators.shared.faults import BadFaultWord
from kiosk.station.catalog.file import parse_catalog
from kiosk.texts import formats

_CARDS = 6


def create_bench(village: VillageParts) -> Flask:
    """The page and what it asks for; ``village`` has been started. Raises CatalogError or OSError."""
    app = Flask(__name__, static_url_path="/bench")
    app.config.update(MAX_CONTENT_LENGTH=MAX_BODY_BYTES, MAX_FORM_MEMORY_SIZE=MAX_BODY_BYTES, MAX_FORM_PARTS=8)
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters["kilograms"] = formats.kilograms
    bench = Bench(village, parse_catalog(village.catalog.read_bytes(), village.catalog.name))
    guard.install(app)
    _page(app, bench)
    _pictures(app, bench)
    return app


def serve_bench(app: Flask, host: str, port: int) -> BenchServer:
    """Serve until ``close``; raises OSError when the address cannot be had."""
    return BenchServer(app, host, port)


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
        # Only a name the printer itself gave is looked up: no path is ever made of what was asked for.
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
    """Device and text: one JSON object, or a form whose text may come as word, argument and unit."""
    if request.is_json:
        payload = request.get_json(silent=True)
        device, text = (payload.get("device"), payload.get("text")) if isinstance(payload, dict) else (None, None)
        return (device, text) if isinstance(device, str) and isinstance(text, str) else ("", "")
    device, text = request.form.get("device", ""), request.form.get("text")
    return device, _joined(request.form) if text is None else text


def _joined(form: Mapping[str, str]) -> str:
    """ "jitter" and "0.010kg", "take", or "put", "2.480" and "kg" as one fault word."""
    argument = form.get("argument", "")
    return f"{form.get('word', '')} {argument}{form.get('unit', '')}" if argument else form.get("word", "")


def _wants_json() -> bool:
    """A browser that sends a form names text/html first; whoever takes anything is a program."""
    return request.accept_mimetypes.best_match(["application/json", "text/html"]) != "text/html"


def _refused(text: str, status: int) -> AnyResponse:
    if _wants_json():
        answer = jsonify(error=text)
        answer.status_code = status
        return answer
    return Response(text, status, mimetype="text/plain")
