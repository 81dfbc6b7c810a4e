"""What the pages look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from kiosk.sorting_center.health import Health
from kiosk.sorting_center.kept import Kept
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger.overview import Overview

_PICTURE_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Sources:
    """``now`` is the local time, with its zone; ``picture`` the one of the ledger that all viewers share."""

    ledger: Ledger
    health: Health
    now: Callable[[], datetime]
    picture: Kept[Overview]

    @classmethod
    def of(cls, ledger: Ledger, health: Health, now: Callable[[], datetime]) -> Sources:
        """Of a sorting center."""
        return cls(ledger, health, now, Kept(lambda: ledger.overview(start_of_day(now())), _PICTURE_S))


def start_of_day(now: datetime) -> str:
    """RFC 3339 in UTC of the last midnight in the zone of ``now``."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def local_time(timestamp: str, now: datetime) -> str:
    """A timestamp of the ledger on the wall clock of ``now``'s zone, with the date unless it is today."""
    local = datetime.fromisoformat(timestamp).astimezone(now.tzinfo)
    return local.strftime("%H:%M:%S" if local.date() == now.date() else "%Y-%m-%d %H:%M")
