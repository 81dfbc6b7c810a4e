"""The doctor from outside: queries a running station for the devices it holds; without one, queries them directly."""

from __future__ import annotations

import http.client
import json
import logging
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from kiosk.app.shared.adapters import FirstReading, make_panel, make_printer, make_scale, make_scanner
from kiosk.app.update.board import UPDATE_PATHS
from kiosk.config.station import StationConfig
from kiosk.messaging.relay.shared.settings import RelaySettings
from kiosk.station.doctor import devices, environment
from kiosk.station.doctor.doctor import PRINTERS
from kiosk.station.doctor.environment import records
from kiosk.station.doctor.finding import DoctorFinding, Severity
from kiosk.station.doctor.liveness import ScaleWatch
from kiosk.station.shared.clock import StationClock
from kiosk.station.update.journal import JournalFile, UpdatePhase
from kiosk.store.database.check import check_file
from kiosk.store.shared.errors import DatabaseLocked, StoreError

_BROKER_S: Final = 3.0


def full_report(config: StationConfig) -> tuple[bool, tuple[DoctorFinding, ...]]:
    with _logging_disabled():
        live = ask_station(config)
        rows = (*(live if live is not None else probe_devices(config)), *_environment_findings(config))
    return live is not None, (DoctorFinding("settings", True, True, needed=True), *rows)


@contextmanager
def _logging_disabled() -> Iterator[None]:
    """Disable logging up to warnings: the rows report what adapters log while they are queried."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def _environment_findings(config: StationConfig) -> Iterator[DoctorFinding]:
    moment = StationClock(config.station.zone).now()
    for row in environment.findings(config, moment):
        yield _with_full_check(config, row)
        if row.device == "link" and config.relay is not None:
            yield broker(config.relay)


def _with_full_check(config: StationConfig, row: DoctorFinding) -> DoctorFinding:
    """Check all pages and rows, as at each start, and all receipts: a running station has no time for that."""
    if row.device == "records":
        return records(config.station, thorough=True)
    if row.device != "database" or not row.ok:
        return row
    path = config.station.database
    try:
        check_file(path, thorough=True)
    except DatabaseLocked:
        return DoctorFinding(
            "database", True, False, Severity.FAIL, "database_locked", needed=True, values={"place": str(path)}
        )
    except (StoreError, OSError):
        values = {"place": str(path)}
        return DoctorFinding("database", True, False, Severity.FAIL, "database_broken", needed=True, values=values)
    return row


def broker(settings: RelaySettings) -> DoctorFinding:
    """Check that the broker's port can be reached from here; nothing is sent."""
    endpoint = settings.endpoint
    try:
        socket.create_connection((endpoint.host, endpoint.port), _BROKER_S).close()
    except OSError:
        values = {"place": f"{endpoint.host}:{endpoint.port}"}
        return DoctorFinding("broker", False, False, Severity.WARN, "broker_missing", values=values)
    return DoctorFinding("broker", True, True, last_seen_s=0.0)


RESPONSE_TIMEOUT_S: Final = 20.0  # The station asks its printers meanwhile, and one of them may be printing
# Rows that only the running station can report; all others are checked from here.
_LIVE_ROWS: Final = ("station", "scale", "printer_label", "printer_receipt", "camera", "scanner", "panel", "page")


def ask_station(config: StationConfig) -> list[DoctorFinding] | None:
    """Ask the station for its rows of the devices; None when nothing listens at its address."""
    answer = _get(config.web.host, config.web.port, "/doctor.json")
    if answer is None:
        return None
    try:
        rows = [_row(config, row) for row in json.loads(answer)["rows"] if row["device"] in _LIVE_ROWS]
    except (ValueError, KeyError, TypeError):
        rows = []
    if rows:
        return rows
    values = {"place": f"{config.web.host}:{config.web.port}"}
    return [DoctorFinding("station", True, False, Severity.FAIL, "station_mute", needed=True, values=values)]


def _get(host: str, port: int, path: str) -> bytes | None:
    connection = http.client.HTTPConnection(host, port, timeout=RESPONSE_TIMEOUT_S)
    try:
        connection.connect()
    except OSError:
        return None
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.read() if answer.status == 200 else b""
    except (OSError, http.client.HTTPException):
        return b""
    finally:
        connection.close()


def _row(config: StationConfig, row: Mapping[str, Any]) -> DoctorFinding:
    """Convert a row of the answer. It has no places: these come from the settings."""
    device = str(row["device"])
    return DoctorFinding(
        device=device,
        found=row["found"],
        answering=row["answering"],
        verdict=Severity(row["verdict"]),
        word=str(row["word"]),
        needed=bool(row["needed"]),
        last_seen_s=row["last_seen_s"],
        values={"place": _place(config, device), "n": round(row["last_seen_s"] or 0)},
    )


def _place(config: StationConfig, device: str) -> str:
    if device.startswith("printer_"):
        printer = config.printers.get(device.removeprefix("printer_"))
        return printer.address if printer else ""
    settings = {"scale": config.scale, "scanner": config.scanner}.get(device)
    if settings is not None:
        return settings.port
    if device == "camera" and config.camera is not None:
        return str(config.camera.path)
    return f"{config.web.host}:{config.web.port}"


_SCALE_S: Final = 3.0
_SCANNER_S: Final = 2.0


def probe_devices(config: StationConfig) -> Iterator[DoctorFinding]:
    """Yield one row per device; each is opened, queried and closed."""
    yield station_finding()
    yield probe_scale(config)
    for name in PRINTERS:
        settings = config.printers.get(name)
        yield devices.printer(name, settings, make_printer(settings) if settings else None)
    yield devices.camera(config.camera)
    yield probe_scanner(config)
    yield probe_panel(config)


def station_finding() -> DoctorFinding:
    try:
        entry = JournalFile(UPDATE_PATHS.releases).read()
        stuck = entry is not None and entry.phase is UpdatePhase.BACK
    except OSError:
        stuck = True
    if stuck:
        values = {"command": "systemctl status kiosk-update"}
        return DoctorFinding("station", True, False, Severity.FAIL, "station_between", needed=True, values=values)
    return DoctorFinding("station", True, False, Severity.WARN, "station_stopped")


def probe_scale(config: StationConfig) -> DoctorFinding:
    from kiosk.devices.scale.pause import ScaleListeners

    watch, first = ScaleWatch(), FirstReading()
    if config.scale is not None:
        listeners = ScaleListeners()
        listeners.subscribe(watch)
        listeners.subscribe(first)
        scale = make_scale(config.scale, listeners)
        scale.start()
        first.settled.wait(_SCALE_S)
        seen = watch.liveness()
        scale.stop()
        return devices.scale(config.scale, seen)
    return devices.scale(None, watch.liveness())


def probe_scanner(config: StationConfig) -> DoctorFinding:
    """Open the scanner, wait for its state, close it; scans are ignored. A camera has its own row."""
    if config.scanner is None or config.scanner.kind == "camera":
        return devices.scanner(None, "", scan_required=config.station.scan_after_sticking)
    answered, words = threading.Event(), [""]

    def on_state(word: str) -> None:
        words.append(word)
        answered.set()

    scanner = make_scanner(config.scanner, lambda text: None, on_state)
    scanner.start()
    answered.wait(_SCANNER_S)
    scanner.stop()
    return devices.scanner(config.scanner, words[-1])


def probe_panel(config: StationConfig) -> DoctorFinding:
    panel = make_panel(config.panel, lambda button, how: None)
    panel.start()
    fitted = panel.fitted
    panel.stop()
    return devices.panel(config.panel, fitted)
