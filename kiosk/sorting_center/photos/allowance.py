"""How much one station may send in a day (UTC), so that none of them fills the disk or keeps the others waiting."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

DAY_BYTES: Final = 1_000_000_000  # Three weeks without a line, at 200 intakes a day, are 4 GB: sent within the week
DAY_REQUESTS: Final = 50_000  # On a line of 32 kbit/s a part of two seconds after the other is 43,200


@dataclass(slots=True)
class _StationUsage:
    bytes: int = 0
    requests: int = 0


class Allowance:
    """In memory: a restart gives a new one. ``now`` is aware."""

    def __init__(
        self, now: Callable[[], datetime], day_bytes: int = DAY_BYTES, day_requests: int = DAY_REQUESTS
    ) -> None:
        self._now, self._day_bytes, self._day_requests = now, day_bytes, day_requests
        self._lock = threading.Lock()
        self._day = self._today()
        self._spent: dict[str, _StationUsage] = {}

    def spend(self, station: str, size: int) -> float | None:
        """One request with a body of ``size`` bytes: None when it may be taken, else seconds until it may."""
        with self._lock:
            if (today := self._today()) != self._day:
                self._day, self._spent = today, {}
            spent = self._spent.setdefault(station, _StationUsage())
            if spent.requests >= self._day_requests or (size and spent.bytes + size > self._day_bytes):
                return self._until_tomorrow_s()
            spent.requests += 1
            spent.bytes += size
        return None

    def _today(self) -> str:
        return self._now().astimezone(UTC).date().isoformat()

    def _until_tomorrow_s(self) -> float:
        now = self._now().astimezone(UTC)
        tomorrow = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        return (tomorrow - now).total_seconds()
