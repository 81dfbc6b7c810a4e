"""Stations as the reports show them, without a ledger."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from kiosk.sorting_center.desk.hours import OpeningHours
from kiosk.sorting_center.desk.registry import ExpectedStation, StationRegister, Township
from kiosk.sorting_center.reports.fleet import NO_GAP, FleetRow, NewestEvent
from kiosk.sorting_center.reports.shared.figures import Figures

NOW: Final = datetime(2026, 11, 25, 15, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
"""A Wednesday afternoon."""
RECENT: Final = NOW.astimezone(UTC) - timedelta(minutes=5)


def heard(station: str = "S0001", **changes: Any) -> FleetRow:
    """A station that is well."""
    values: dict[str, Any] = {
        "region": "shache",
        "station": station,
        "online": True,
        "pending": 0,
        "software": "1.12.0",
        "epoch": "00112233445566aa",
        "last_seen": RECENT,
        "complains": "",
        "gaps": NO_GAP,
        "alarms": {},
        "quarantined": {},
        "newest": newest(timedelta(minutes=1)),
        "today": Figures(),
    }
    return FleetRow(**{**values, **changes})


def newest(age: timedelta) -> NewestEvent:
    """A receipt that was so old when it came."""
    return NewestEvent("synced", RECENT - age, RECENT)


def register(*stations: ExpectedStation, hours: str = "mon-fri 10:00-19:00", quiet_min: int = 60) -> StationRegister:
    """Of one township."""
    town = Township("shache", "Huangdi", OpeningHours.parse(hours), quiet_min)
    return StationRegister({one.key: one for one in stations}, {("shache", "Huangdi"): town})


def expected(station: str = "S0001", **changes: str) -> ExpectedStation:
    """In that township."""
    return ExpectedStation("shache", station, **{"township": "Huangdi", **changes})
