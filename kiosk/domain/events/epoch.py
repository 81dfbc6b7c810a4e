"""What the station tells about its database: where a new chain of events begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kiosk.domain.events.event import EventData
from kiosk.domain.events.scale import CountersData


@dataclass(frozen=True, slots=True)
class EpochStarted(EventData):
    """The first event of every epoch: a new database, a new receipt series."""

    TYPE: ClassVar[str] = "station.epoch.started.v1"
    series: str
    # `new`, `restored` (a backup was brought back), `behind` (the center had more than this database) or `forked` (two
    # machines used one database, and a technician settled it).
    why: str
    # The event counters from here on: every epoch but a station's first raises each of them by one at least.
    counters: CountersData | None = None
