"""Reads the settings file of a station: TOML into the settings classes that live in their rooms.

A wrong file is refused whole, with file, line, key and what is allowed: a station never starts on half a setting.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from zoneinfo import ZoneInfo

from kiosk.config.file import PRINTERS, SettingsFile
from kiosk.devices.camera.settings import CameraSettings
from kiosk.devices.panel.settings import PanelSettings
from kiosk.devices.printer.settings import PrinterSettings
from kiosk.devices.scale.settings import ScaleSettings, check_stable_port_name
from kiosk.devices.scanner.settings import ScannerSettings
from kiosk.domain.metrology.check_weight import check_expected
from kiosk.messaging.relay.shared.settings import RelaySettings
from kiosk.protocols.barcodes.goods_codes import CodesSettings
from kiosk.protocols.scales import registry
from kiosk.station.counter.settings import CounterSettings
from kiosk.station.parcels.settings import ParcelSettings
from kiosk.station.scale.settings import MetrologySettings
from kiosk.station.shared.clock import relay_identity
from kiosk.station.shared.settings import CountyKeys, StationSettings, receipt_text_checks
from kiosk.store.backup.shared.settings import BackupSettings
from kiosk.texts import LANGUAGES
from kiosk.web.shared.settings import WebSettings


@dataclass(frozen=True, slots=True)
class StationConfig:
    """All settings of one station. A device that is None is not fitted."""

    station: StationSettings
    web: WebSettings
    scale: ScaleSettings | None
    printers: Mapping[str, PrinterSettings]
    camera: CameraSettings | None
    scanner: ScannerSettings | None
    panel: PanelSettings | None
    counter: CounterSettings
    parcels: ParcelSettings
    relay: RelaySettings | None
    backup: BackupSettings | None
    metrology: MetrologySettings = field(default_factory=MetrologySettings)
    codes: CodesSettings = field(default_factory=CodesSettings)
    county: CountyKeys | None = None


def _check_zone(zone: str) -> None:
    try:
        ZoneInfo(zone)
    except (ValueError, LookupError, OSError):
        raise ValueError(f"{zone!r} must be a time zone like Asia/Shanghai or Asia/Urumqi") from None


def _check_port(port: int) -> None:
    if not 0 < port < 65_536:
        raise ValueError(f"{port} must be 1 to 65535")


def _check_loopback(host: str) -> None:
    if host != "localhost" and not ip_address(host).is_loopback:
        raise ValueError(f"{host!r} must be localhost or an address of this machine alone like 127.0.0.1")


def _check_language(language: str) -> None:
    if language not in LANGUAGES:
        raise ValueError(f"{language!r} is not a language; allowed are {', '.join(LANGUAGES)}")


def _check_payment(file: SettingsFile, station: StationSettings) -> None:
    """Check what receipts say of the payment, in all three languages or in none, and the phone."""
    for key, check in receipt_text_checks(station):
        file.check("station", key, check)


def _check_scanner(config: StationConfig) -> None:
    camera = config.camera is not None and config.camera.kind != "none"
    if config.scanner is not None and config.scanner.kind == "camera" and not camera:
        raise ValueError("'camera' needs a camera: set up [camera]")


def _check_elsewhere(file: SettingsFile, config: StationConfig) -> None:
    """Check words that another package defines: a wrong one is reported here, not by a station that fails to start."""
    file.check("station", "zone", lambda: _check_zone(config.station.zone))
    _check_payment(file, config.station)
    file.check("web", "host", lambda: _check_loopback(config.web.host))
    file.check("web", "port", lambda: _check_port(config.web.port))
    file.check("web", "language", lambda: _check_language(config.web.language))
    scale = config.scale
    if scale is not None:
        file.check("scale", "port", lambda: check_stable_port_name(scale.port))
        file.check("scale", "protocol", lambda: registry.get(scale.protocol))
        file.check("scale", "params", lambda: registry.decoder(scale.protocol, scale.params))
        check_g = config.metrology.check_weight_g
        if check_g is not None:
            file.check("metrology", "check_weight_g", lambda: check_expected(scale.profile, check_g))
    file.check("scanner", "kind", lambda: _check_scanner(config))
    for name, printer in config.printers.items():
        file.check(f"printer.{name}", "profile", printer.resolved_profile)


def load(path: Path) -> StationConfig:
    """Read and check one settings file; raises BadConfig."""
    file = SettingsFile(path)
    station = file.require("station", StationSettings)
    printers = {name: file.section(f"printer.{name}", PrinterSettings) for name in PRINTERS}
    config = StationConfig(
        station=station,
        web=file.section("web", WebSettings) or WebSettings(),
        scale=file.section("scale", ScaleSettings),
        printers={name: settings for name, settings in printers.items() if settings is not None},
        camera=file.section("camera", CameraSettings),
        scanner=file.section("scanner", ScannerSettings),
        panel=file.section("panel", PanelSettings),
        counter=file.section("counter", CounterSettings) or CounterSettings(),
        parcels=file.section("parcels", ParcelSettings) or ParcelSettings(),
        relay=file.section("relay", RelaySettings, relay_identity(station)),
        backup=file.section("backup", BackupSettings),
        metrology=file.section("metrology", MetrologySettings) or MetrologySettings(),
        codes=file.section("codes", CodesSettings) or CodesSettings(),
        county=file.section("county", CountyKeys),
    )
    _check_elsewhere(file, config)
    return config
