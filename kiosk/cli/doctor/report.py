"""The doctor from outside: a running station is asked for the devices it holds; without it they are asked directly."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from kiosk.cli.doctor.device_probes import probe_devices
from kiosk.cli.doctor.station_client import ask_station
from kiosk.config.station import StationConfig
from kiosk.messaging.relay.shared.settings import RelaySettings
from kiosk.station.doctor import environment
from kiosk.station.doctor.environment import records
from kiosk.station.doctor.finding import DoctorFinding, Severity
from kiosk.station.shared.clock import StationClock
from kiosk.store.database.check import check_file
from kiosk.store.shared.errors import DatabaseLocked, StoreError

_BROKER_S: Final = 3.0


def full_report(config: StationConfig) -> tuple[bool, tuple[DoctorFinding, ...]]:
    """Whether the station runs, and all rows."""
    with _logging_disabled():
        live = ask_station(config)
        rows = (*(live if live is not None else probe_devices(config)), *_environment_findings(config))
    return live is not None, (DoctorFinding("settings", True, True, needed=True), *rows)


@contextmanager
def _logging_disabled() -> Iterator[None]:
    """What adapters log while they are asked is told by the rows."""
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
    """Every page and row of the file, as at each start, and every receipt: a running station has no time for that."""
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
    """Whether the broker's port can be reached from here; nothing is sent."""
    endpoint = settings.endpoint
    try:
        socket.create_connection((endpoint.host, endpoint.port), _BROKER_S).close()
    except OSError:
        values = {"place": f"{endpoint.host}:{endpoint.port}"}
        return DoctorFinding("broker", False, False, Severity.WARN, "broker_missing", values=values)
    return DoctorFinding("broker", True, True, last_seen_s=0.0)
