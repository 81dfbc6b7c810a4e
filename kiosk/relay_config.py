"""What the relay reads of the settings file: no more, so that its process loads no page, device or language."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kiosk.messaging.relay.settings import RelaySettings
from kiosk.settings_file import SettingsFile
from kiosk.station.settings import StationSettings
from kiosk.station.software import software_id


@dataclass(frozen=True, slots=True)
class RelayConfig:
    """The station it belongs to, and the way to the broker."""

    station: StationSettings
    relay: RelaySettings


def identity(station: StationSettings) -> dict[str, str]:
    """The fields of RelaySettings that are not set in its own section."""
    return {"region": station.region, "station": station.station, "software": software_id()}


def load(path: Path) -> RelayConfig:
    """Read and check the two sections; raises BadConfig."""
    file = SettingsFile(path)
    station = file.need("station", StationSettings)
    return RelayConfig(station, file.need("relay", RelaySettings, identity(station)))
