"""What the doctor needs: the settings of a station, and the running station."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from kiosk.devices.camera.settings import CameraSettings
from kiosk.devices.panel.settings import PanelSettings
from kiosk.devices.printer.settings import PrinterSettings
from kiosk.devices.scale.settings import ScaleSettings
from kiosk.devices.scanner.settings import ScannerSettings
from kiosk.labels.own_layouts import OwnLayouts
from kiosk.messaging.relay.settings import RelaySettings
from kiosk.station.live import LiveBoard
from kiosk.station.parcels.settings import ParcelSettings
from kiosk.station.scale.settings import MetrologySettings
from kiosk.station.settings import StationSettings
from kiosk.store import Stamp, Store
from kiosk.store.backup.settings import BackupSettings


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


class Examined(Protocol):
    """The running station; ``StationService`` is one."""

    @property
    def own_layouts(self) -> OwnLayouts: ...
    @property
    def settings(self) -> StationSettings: ...
    @property
    def store(self) -> Store: ...
    @property
    def board(self) -> LiveBoard: ...
    @property
    def software(self) -> str: ...
    @property
    def metrology(self) -> str: ...
    def stamp(self) -> Stamp: ...
