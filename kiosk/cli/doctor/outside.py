"""The doctor from outside: a running station is asked for the devices it holds; without it they are asked directly."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from kiosk.cli.doctor.running import ask_station
from kiosk.cli.doctor.stopped import stopped
from kiosk.config.station import StationConfig
from kiosk.messaging.relay.settings import RelaySettings
from kiosk.station.clock import StationClock
from kiosk.station.doctor import environment
from kiosk.station.doctor.finding import Finding, Verdict
from kiosk.station.doctor.records import records
from kiosk.store.database.check import check_file
from kiosk.store.errors import DatabaseLocked, StoreError

_BROKER_S: Final = 3.0


def outside(config: StationConfig) -> tuple[bool, tuple[Finding, ...]]:
    """Whether the station runs, and all rows."""
    with _quiet():
        live = ask_station(config)
        rows = (*(live if live is not None else stopped(config)), *_around(config))
    return live is not None, (Finding("settings", True, True, needed=True), *rows)


@contextmanager
def _quiet() -> Iterator[None]:
    """What adapters log while they are asked is told by the rows."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def _around(config: StationConfig) -> Iterator[Finding]:
    moment = StationClock(config.station.zone).now()
    for row in environment.findings(config, moment):
        yield _thoroughly(config, row)
        if row.device == "link" and config.relay is not None:
            yield broker(config.relay)


def _thoroughly(config: StationConfig, row: Finding) -> Finding:
    """Every page and row of the file, as at each start, and every receipt: a running station has no time for that."""
    if row.device == "records":
        return records(config.station, thorough=True)
    if row.device != "database" or not row.ok:
        return row
    path = config.station.database
    try:
        check_file(path, thorough=True)
    except DatabaseLocked:
        return Finding(
            "database", True, False, Verdict.FAIL, "database_locked", needed=True, values={"place": str(path)}
        )
    except (StoreError, OSError):
        values = {"place": str(path)}
        return Finding("database", True, False, Verdict.FAIL, "database_broken", needed=True, values=values)
    return row


def broker(settings: RelaySettings) -> Finding:
    """Whether the broker's port can be reached from here; nothing is sent."""
    endpoint = settings.endpoint
    try:
        socket.create_connection((endpoint.host, endpoint.port), _BROKER_S).close()
    except OSError:
        values = {"place": f"{endpoint.host}:{endpoint.port}"}
        return Finding("broker", False, False, Verdict.WARN, "broker_missing", values=values)
    return Finding("broker", True, True, last_seen_s=0.0)
