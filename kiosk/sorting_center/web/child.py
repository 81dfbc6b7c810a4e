"""The web's process as the sorting center sees it: its port, its start and end, and what is sent to it."""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Final

import msgspec

from kiosk.base.worker import Worker
from kiosk.sorting_center.shared.child_process import SupervisedProcess, SupervisedProcessPlan
from kiosk.sorting_center.shared.health import CenterHealth, HealthReport
from kiosk.sorting_center.shared.listen_socket import listening_socket
from kiosk.sorting_center.web.shared.settings import CenterWebSettings

log = logging.getLogger(__name__)

_COMMAND: Final = (sys.executable, "-m", "kiosk.base.loading", "kiosk.sorting_center.web.process")
_HEALTH_INTERVAL_S: Final = 1.0


class WebTask(msgspec.Struct, frozen=True):
    ledger: str
    settings: CenterWebSettings
    descriptor: int


class WebProcess:
    """A separate process, so that no page slows down the intake of events, and none of its faults ends it.

    Has its port from construction, also while the process is restarted; raises OSError when the address is not
    available.
    """

    def __init__(self, ledger_url: str, settings: CenterWebSettings, health: CenterHealth) -> None:
        self._listen_socket = listening_socket(settings.host, settings.port)
        self.url = settings.url(self._listen_socket.getsockname()[1])  # Where the pages are
        self._health = health
        descriptor = self._listen_socket.fileno()
        task = msgspec.json.encode(WebTask(ledger_url, settings, descriptor)) + b"\n"
        self._child = SupervisedProcess(
            SupervisedProcessPlan("web's process", _COMMAND, task, _ignore_output, _log_exit, (descriptor,))
        )
        self._health_worker = Worker("health for the web", self._send_health)

    @property
    def pid(self) -> int | None:
        return self._child.pid

    def start(self) -> None:
        self._child.start()
        self._health_worker.start()

    def end(self) -> None:
        self._health_worker.stop(0)
        self._child.end()

    def stop(self, timeout_s: float) -> None:
        """End the process; kill it when it has not ended in time."""
        self.end()
        self._child.stop(timeout_s)
        self._health_worker.stop(timeout_s)
        self._listen_socket.close()

    def _send_health(self) -> float:
        self._child.send(json.dumps(asdict(self._health.report())).encode() + b"\n")
        return _HEALTH_INTERVAL_S


def _ignore_output(_line: bytes) -> None:
    """Ignore standard output: the process writes its log to standard error, and nothing else."""


def _log_exit(status: int) -> None:
    log.error("The web's process has ended with status %d; it is begun again.", status)


STALE_S: Final = 5.0
_REPORT_FIELDS: Final = frozenset(asdict(CenterHealth().report()))


class RemoteHealth:
    """The last report; one with a trouble once it is older than STALE_S. ``clock`` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._report = CenterHealth().report()
        self._received_at: float | None = None

    def receive_line(self, line: bytes) -> None:
        """Store a report of the other process; fields of a later version are left out, unreadable lines logged."""
        try:
            values = json.loads(line)
            report = HealthReport(**{name: value for name, value in values.items() if name in _REPORT_FIELDS})
        except (ValueError, TypeError, AttributeError):
            log.warning("A line of health could not be read.")
            return
        with self._lock:
            self._report, self._received_at = report, self._clock()

    def report(self) -> HealthReport:
        with self._lock:
            report, received_at = self._report, self._received_at
        if received_at is None or self._clock() - received_at > STALE_S:
            return replace(report, intake_trouble="The program that takes events in says nothing.")
        return report
