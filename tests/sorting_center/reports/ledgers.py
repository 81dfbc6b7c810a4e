"""A station with a clock, and what is made of a ledger when it was followed to its end."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import select

from kiosk.domain.events import DayClosed, EventData
from kiosk.domain.moment import ClockQuality, Moment
from kiosk.messaging.contract.receive import ReceivedEvent, parse_event
from kiosk.messaging.contract.seal import EventSource, JournalPosition, seal
from kiosk.sorting_center.reports import Reports
from kiosk.sorting_center.reports.follower import ReportsFollower
from kiosk.sorting_center.reports.tables.schema import metadata
from tests.sorting_center.station_journal import Station

ZONE: Final = ZoneInfo("Asia/Shanghai")


class ClockedStation(Station):
    """A station whose clock is set by the test: ``at`` is when it believes to be, ``quality`` how far that is true."""

    def __init__(self, station: str = "S0147", epoch: str = "00112233445566aa", boot: str = "boot-1") -> None:
        super().__init__(station, epoch)
        self.at = datetime(2026, 11, 25, 3, tzinfo=UTC)
        self.quality = ClockQuality.SYNCED
        self.boot = boot
        self.monotonic_ms = 1_000

    def passes(self, time: timedelta) -> None:
        """Both clocks go on."""
        self.at += time
        self.monotonic_ms += time // timedelta(milliseconds=1)

    def add(self, data: EventData, *, prevhash: str | None = None, reissued: str | None = None) -> ReceivedEvent:
        moment = Moment(self.at, "Asia/Shanghai", 480, self.quality, self.boot, self.monotonic_ms)
        place = JournalPosition(
            self.epoch, len(self.sealed) + 1, self.head if prevhash is None else prevhash, reissued=reissued
        )
        self.sealed.append(seal(data, EventSource(self.station, "1.0.0"), place, moment))
        return parse_event(self.sealed[-1].body)


def closed(**changes: Any) -> DayClosed:
    values: dict[str, Any] = dict.fromkeys(
        ("intakes", "voids", "abandoned", "bags", "net_g", "purchase_fen", "consignment_fen"), 0
    )
    values |= dict.fromkeys(("parcels_in", "parcels_out", "parcels_returned", "photos", "prints_unknown"), 0)
    return DayClosed(actor="clerk:07", head="0" * 64, **{**values, **changes})


def followed(follower: ReportsFollower, limit: int = 1000) -> None:
    """To the end of the feed."""
    while follower.step(limit):
        pass


def content(reports: Reports) -> Mapping[str, list[tuple[Any, ...]]]:
    """Every table, row by row."""
    with reports.tables.reading() as connection:
        return {
            table.name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
            for table in metadata.sorted_tables
        }
