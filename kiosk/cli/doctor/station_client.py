"""The rows of the devices, as a running station tells them."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any, Final

from kiosk.config.station import StationConfig
from kiosk.station.doctor.finding import DoctorFinding, Severity

RESPONSE_TIMEOUT_S: Final = 20.0  # The station asks its printers meanwhile, and one of them may be printing
# Rows only the running station can tell of; all others are looked at from here.
_LIVE_ROWS: Final = ("station", "scale", "printer_label", "printer_receipt", "camera", "scanner", "panel", "page")


def ask_station(config: StationConfig) -> list[DoctorFinding] | None:
    """Its own rows of the devices; None when nobody listens at its address."""
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
    """The body of a page, empty when the answer is none; None when nobody listens."""
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
    """The places are not in the answer: they stand in the settings."""
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
