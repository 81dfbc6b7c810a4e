"""The station's clock, how far it may be believed, and the name of its software."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from zoneinfo import ZoneInfo

from kiosk.domain.moment import ClockQuality, Moment
from kiosk.station.shared.settings import StationSettings
from kiosk.store.shared.software import LEGALLY_RELEVANT, metrology

# No clock of a running station can be before the software was made.
EARLIEST_VALID_TIME = datetime(2026, 11, 1, tzinfo=UTC)

# systemd-timesyncd touches it at the first synchronisation after a boot (systemd-timesyncd.service(8), Files).
SYNCED_MARK = Path("/run/systemd/timesync/synchronized")

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def read_boot_id() -> str:
    """Read the kernel's id of this boot; zeros when there is none."""
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True)
class StationClock:
    """Reads the system clock; ``wall`` and ``synced`` are replaced in tests and by the demo's clock words."""

    zone: str
    boot_id: str = field(default_factory=read_boot_id)
    wall: Callable[[], float] = time.time
    synced: Callable[[], bool] = lambda: SYNCED_MARK.exists()

    def now(self) -> Moment:
        """Return this moment. A clock before the software's build date is unset, whatever the system reports."""
        utc = datetime.fromtimestamp(self.wall(), UTC)
        local = utc.astimezone(ZoneInfo(self.zone))
        offset = local.utcoffset()
        return Moment(
            utc=utc,
            zone=self.zone,
            offset_minutes=round(offset.total_seconds() / 60) if offset else 0,
            quality=self._quality(utc),
            boot_id=self.boot_id,
            monotonic_ms=time.monotonic_ns() // 1_000_000,
        )

    def _quality(self, utc: datetime) -> ClockQuality:
        if utc < EARLIEST_VALID_TIME:
            return ClockQuality.UNSET
        return ClockQuality.SYNCED if self.synced() else ClockQuality.RESTORED


__all__ = ["LEGALLY_RELEVANT", "metrology", "relay_identity", "software_id"]


def software_id() -> str:
    return f"station-kiosk/{version('station-kiosk')}"


def relay_identity(station: StationSettings) -> dict[str, str]:
    """Return the fields of RelaySettings that are not set in its own section."""
    return {
        "region": station.region,
        "station": station.station,
        "software": software_id(),
        "boot": read_boot_id(),
    }
