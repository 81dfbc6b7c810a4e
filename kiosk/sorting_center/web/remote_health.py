"""How the program that takes events in is, as it tells the web's process once a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any, Final

from kiosk.sorting_center.shared.health import CenterHealth, HealthReport

STALE_S: Final = 5.0
_REPORT_FIELDS: Final = frozenset(asdict(CenterHealth().report()))


class RemoteHealth:
    """The last report; once it is older than STALE_S, one that says so. ``clock`` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._report = CenterHealth().report()
        self._received_at: float | None = None

    def receive(self, values: dict[str, Any]) -> None:
        """As `told_of` wrote it; raises TypeError for anything else. What a later version adds is left out."""
        report = HealthReport(**{name: value for name, value in values.items() if name in _REPORT_FIELDS})
        with self._lock:
            self._report, self._received_at = report, self._clock()

    def report(self) -> HealthReport:
        """The state now, as far as it is known."""
        with self._lock:
            report, received_at = self._report, self._received_at
        if received_at is None or self._clock() - received_at > STALE_S:
            return replace(report, intake_trouble="The program that takes events in says nothing.")
        return report


def report_values(report: HealthReport) -> dict[str, Any]:
    """For a line of JSON."""
    return asdict(report)
