"""The dashboard: what the ledger holds, for people and for programs. It only reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Final

from flask import Blueprint, Flask, Response, current_app, jsonify, render_template, request
from werkzeug.exceptions import BadRequest

from kiosk.sorting_center.feed.feed import feed_message
from kiosk.sorting_center.health import Health
from kiosk.sorting_center.ledger import Ledger, LedgerError
from kiosk.sorting_center.ledger.ledger import MAX_FEED_PAGE
from kiosk.sorting_center.ledger.overview import MAX_INTAKES
from kiosk.sorting_center.web.guard import Hosts, install
from kiosk.sorting_center.web.monitoring import add_monitoring
from kiosk.sorting_center.web.sources import Sources, local_time
from kiosk.sorting_center.web.texts import FALLBACK, DashboardTexts, languages
from kiosk.texts import formats, html

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_MAX_FEEDSEQ: Final = 2**63 - 1

pages = Blueprint("pages", __name__)


def create_app(ledger: Ledger, health: Health, now: Callable[[], datetime], hosts: Hosts | None = None) -> Flask:
    """The WSGI application. ``hosts`` are the names it answers under; None: loopback only."""
    app = Flask(__name__)
    install(app, hosts or Hosts())
    app.extensions["sources"] = Sources.of(ledger, health, now)
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.update(
        kg=html.bdi_kg, money=html.bdi_money, number=html.bdi_number, code=html.bdi_code, yuan=formats.YUAN
    )
    app.register_blueprint(pages)
    add_monitoring(app, ledger, health)
    app.register_error_handler(LedgerError, _no_ledger)
    app.after_request(_harden)
    return app


def _sources() -> Sources:
    found = current_app.extensions["sources"]
    if not isinstance(found, Sources):
        raise TypeError("the dashboard was not made by create_app")
    return found


def _harden(response: Response) -> Response:
    response.headers.update(HEADERS)
    if request.endpoint != "static":
        response.headers["Cache-Control"] = "no-cache"
    return response


def _no_ledger(error: LedgerError) -> tuple[Response, int]:
    return jsonify(error=str(error)), 503


@pages.get("/")
def front() -> str:
    return _render("front.html")


@pages.get("/live")
def live() -> Response:
    """The changing part of the page; 304 while nothing changed."""
    response = Response(_render("live.html"), mimetype="text/html")
    response.add_etag()
    response.make_conditional(request)
    return response


def _render(template: str) -> str:
    sources, texts = _sources(), _texts()
    now = sources.now()
    return render_template(
        template,
        t=texts,
        languages=languages(),
        picture=sources.picture.current(),
        health=sources.health.report(),
        local=lambda timestamp: local_time(timestamp, now),
    )


def _texts() -> DashboardTexts:
    spoken = [language.code for language in languages()]
    asked = request.args.get("lang", "")
    if asked in spoken:
        return DashboardTexts(asked)
    return DashboardTexts(request.accept_languages.best_match(spoken, FALLBACK) or FALLBACK)


@pages.get("/feed")
def feed() -> tuple[Response, int]:
    """Accepted events with feedseq above ``after``, replayed from the ledger; 409 for a place it has not."""
    after = _whole_number("after", 0, 0, _MAX_FEEDSEQ)
    ledger = _sources().ledger
    entries = ledger.feed(after, _whole_number("limit", 100, 1, MAX_FEED_PAGE))
    if not entries and after > (end := ledger.feed_end()):
        return _beyond(after, end)
    last = entries[-1].feedseq if entries else after
    events = b",".join(feed_message(entry) for entry in entries)
    rest = json.dumps({"generation": ledger.generation, "last": last}).encode()
    return Response(b'{"events":[' + events + b"]," + rest[1:] + b"\n", mimetype="application/json"), 200


def _beyond(after: int, end: int) -> tuple[Response, int]:
    """An empty list would be waited on for ever, while other events get the numbers the reader already has."""
    text = f"after={after} is beyond the end of the feed ({end}): this ledger came back from a backup; start over"
    return jsonify(error=text, last=end, generation=_sources().ledger.generation), 409


@pages.get("/intakes.json")
def intakes() -> Response:
    """Receipts in feed order."""
    after = _whole_number("after_feedseq", 0, 0, _MAX_FEEDSEQ)
    ledger = _sources().ledger
    rows = ledger.intakes(after, _whole_number("limit", 100, 1, MAX_INTAKES))
    last = rows[-1].feedseq if rows else after
    return jsonify(intakes=[asdict(row) for row in rows], last=last, generation=ledger.generation)


@pages.get("/ledger/summary.json")
def summary() -> Response:
    """Counts, totals and stations."""
    picture = _sources().picture.current()
    return jsonify(
        **asdict(picture.counts),
        totals=asdict(picture.totals),
        today=asdict(picture.today),
        by_station=[asdict(row) for row in picture.stations],
    )


def _whole_number(name: str, default: int, least: int, most: int) -> int:
    text = request.args.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) <= 19 and least <= int(text)):
        raise BadRequest(f"{name} must be a whole number from {least}")
    return min(int(text), most)
