"""What a machine asks of a worker without pages: whether it is well, and its figures. Of this machine alone."""

from __future__ import annotations

from flask import Flask, Response, abort, jsonify, request
from prometheus_client import CONTENT_TYPE_LATEST

from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.shared.http_server import WebServer
from kiosk.sorting_center.shared.listen_socket import listening_socket
from kiosk.sorting_center.shared.ports import HealthSource
from kiosk.sorting_center.web.shared import guard
from kiosk.sorting_center.web.shared.guard import Hosts
from kiosk.sorting_center.web.shared.metrics import HealthCollector, LedgerCollector, scrape_text
from kiosk.sorting_center.web.shared.settings import is_loopback


def health_answer(health: HealthSource) -> tuple[Response, int]:
    report = health.report()
    return jsonify(report.as_json()), 200 if report.ok else 503


def metrics_answer(health: HealthSource, figures: LedgerCollector) -> Response:
    return Response(scrape_text(HealthCollector(health), figures), content_type=CONTENT_TYPE_LATEST)


def create_monitoring(ledger: Ledger, health: HealthSource) -> Flask:
    """Create an application of these two routes; it answers under names of loopback."""
    app, figures = Flask(__name__, static_folder=None), LedgerCollector(ledger)
    guard.install(app, Hosts())

    @app.before_request
    def this_machine() -> None:
        if not is_loopback(request.remote_addr or ""):
            abort(403)

    app.add_url_rule("/health", "health", lambda: health_answer(health))
    app.add_url_rule("/metrics", "metrics", lambda: metrics_answer(health, figures))
    return app


class MonitoringServer:
    """Has its port from the moment it is made; raises OSError when the address cannot be had."""

    def __init__(self, ledger: Ledger, health: HealthSource, host: str, port: int) -> None:
        self._listening = listening_socket(host, port)
        shown = f"[{host}]" if ":" in host else host
        self.address = f"http://{shown}:{self._listening.getsockname()[1]}"
        self._server = WebServer(create_monitoring(ledger, health), self._listening)

    def start(self) -> None:
        self._server.start()

    def stop(self, timeout_s: float) -> None:
        self._server.stop(timeout_s)
        self._listening.close()
