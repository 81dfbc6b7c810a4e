"""The picture of the ledger that all viewers share: made at most once a second, whoever asks."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from kiosk.sorting_center.ledger.overview import Overview

_MIN_AGE_S: Final = 1.0
_COST_FACTOR: Final = 10.0


class Pictures:
    """Keeps the last picture for ten times as long as it took to make, and at least for a second.

    Ten screens at the county, each asking every two seconds, must not slow the taking in of events down.
    """

    def __init__(self, make: Callable[[str], Overview], now: Callable[[], datetime]) -> None:
        self._make = make
        self._now = now
        self._lock = threading.Lock()
        self._picture: Overview | None = None
        self._good_until = 0.0

    def current(self) -> Overview:
        """The picture; raises a LedgerError when the ledger cannot be read."""
        with self._lock:
            started = time.monotonic()
            if self._picture is None or started >= self._good_until:
                self._picture = self._make(start_of_day(self._now()))
                ended = time.monotonic()
                self._good_until = ended + max(_MIN_AGE_S, _COST_FACTOR * (ended - started))
            return self._picture


def start_of_day(now: datetime) -> str:
    """RFC 3339 in UTC of the last midnight in the zone of ``now``."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def local_time(timestamp: str, now: datetime) -> str:
    """A timestamp of the ledger on the wall clock of ``now``'s zone, with the date unless it is today."""
    local = datetime.fromisoformat(timestamp).astimezone(now.tzinfo)
    return local.strftime("%H:%M:%S" if local.date() == now.date() else "%Y-%m-%d %H:%M")
