"""Which program this is: its version, and the digits of its legally relevant part."""

from __future__ import annotations

from importlib.metadata import version

from kiosk.station.shared.clock import read_boot_id
from kiosk.station.shared.settings import StationSettings
from kiosk.store.shared.software import LEGALLY_RELEVANT, metrology

__all__ = ["LEGALLY_RELEVANT", "metrology", "relay_identity", "software_id"]


def software_id() -> str:
    """``station-kiosk/0.1.0``."""
    return f"station-kiosk/{version('station-kiosk')}"


def relay_identity(station: StationSettings) -> dict[str, str]:
    """The fields of RelaySettings that are not set in its own section."""
    return {
        "region": station.region,
        "station": station.station,
        "software": software_id(),
        "boot": read_boot_id(),
    }
