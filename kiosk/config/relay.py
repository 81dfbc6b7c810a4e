"""What the relay reads of the settings file: no more, so that its process loads no page, device or language."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kiosk.config.file import SettingsFile
from kiosk.messaging.relay.shared.settings import RelaySettings
from kiosk.station.shared.clock import relay_identity
from kiosk.station.shared.settings import StationSettings


@dataclass(frozen=True, slots=True)
class RelayConfig:
    station: StationSettings
    relay: RelaySettings


def load(path: Path) -> RelayConfig:
    file = SettingsFile(path)
    station = file.require("station", StationSettings)
    return RelayConfig(station, file.require("relay", RelaySettings, relay_identity(station)))
