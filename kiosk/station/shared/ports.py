"""What the station's own watchers need of others, and all settings of a station as its parts see them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from kiosk.devices.camera.settings import CameraSettings
from kiosk.devices.panel.settings import PanelSettings
from kiosk.devices.printer.settings import PrinterSettings
from kiosk.devices.scale.settings import ScaleSettings
from kiosk.devices.scanner.settings import ScannerSettings
from kiosk.messaging.relay.shared.settings import RelaySettings
from kiosk.station.parcels.settings import ParcelSettings
from kiosk.station.scale.settings import MetrologySettings
from kiosk.station.shared.settings import CountyKeys, StationSettings
from kiosk.store.backup.shared.settings import BackupSettings


class LifeSign(Protocol):
    @property
    def pulse(self) -> float | None: ...  # The monotonic second of the last sign; None before the first


class ServiceManager(Protocol):
    """systemd, by sd_notify(3). No call raises."""

    watchdog_s: float | None  # None when no watchdog is armed

    def ready(self, status: str) -> None: ...
    def alive(self) -> None: ...
    def status(self, text: str) -> None: ...
    def stopping(self) -> None: ...


class Configuration(Protocol):
    """All settings of a station; ``StationConfig`` is one."""

    @property
    def station(self) -> StationSettings: ...
    @property
    def parcels(self) -> ParcelSettings: ...
    @property
    def scale(self) -> ScaleSettings | None: ...
    @property
    def printers(self) -> Mapping[str, PrinterSettings]: ...
    @property
    def camera(self) -> CameraSettings | None: ...
    @property
    def scanner(self) -> ScannerSettings | None: ...
    @property
    def panel(self) -> PanelSettings | None: ...
    @property
    def relay(self) -> RelaySettings | None: ...
    @property
    def backup(self) -> BackupSettings | None: ...
    @property
    def metrology(self) -> MetrologySettings: ...
    @property
    def county(self) -> CountyKeys | None: ...
