"""What a machine asks about the sorting center: whether it is well, and its figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from flask import Blueprint, Flask, Response, abort, current_app, jsonify, request
from prometheus_client import CONTENT_TYPE_LATEST

from kiosk.sorting_center.health import Health
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.metrics import HealthCollector, LedgerCollector, page
from kiosk.sorting_center.web.guard import Hosts, install

_THIS_MACHINE: Final = frozenset({"127.0.0.1", "::1"})

monitoring = Blueprint("monitoring", __name__)


@dataclass(frozen=True, slots=True)
class Monitored:
    """What the answers are made of."""

    health: Health
    figures: LedgerCollector


def add_monitoring(app: Flask, ledger: Ledger, health: Health) -> None:
    """Its two routes."""
    app.extensions["monitored"] = Monitored(health, LedgerCollector(ledger))
    app.register_blueprint(monitoring)


def create_monitoring(ledger: Ledger, health: Health) -> Flask:
    """An application of these routes alone, for a worker without pages; it answers under names of loopback."""
    app = Flask(__name__, static_folder=None)
    install(app, Hosts())
    add_monitoring(app, ledger, health)
    return app


def _monitored() -> Monitored:
    found = current_app.extensions["monitored"]
    if not isinstance(found, Monitored):
        raise TypeError("the application was not made with add_monitoring")
    return found


@monitoring.get("/health")
def health() -> tuple[Response, int]:
    """200 when all works, else 503 and what is wrong."""
    report = _monitored().health.report()
    return jsonify(report.as_json()), 200 if report.ok else 503


@monitoring.get("/metrics")
def metrics() -> Response:
    """What Prometheus scrapes; to programs on this machine alone."""
    if request.remote_addr not in _THIS_MACHINE:
        abort(403)
    monitored = _monitored()
    return Response(page(HealthCollector(monitored.health), monitored.figures), content_type=CONTENT_TYPE_LATEST)
