"""A station for the doctor: a real store, a real board, and devices the test makes well or ill."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from kiosk.devices.camera.settings import CameraSettings
from kiosk.devices.panel.settings import PanelSettings
from kiosk.devices.ports import LinkState, Printer, PrinterFault, PrinterStatus
from kiosk.devices.printer.profiles import profile
from kiosk.devices.printer.settings import PrinterSettings
from kiosk.devices.scale.settings import ScaleSettings
from kiosk.devices.scanner.settings import ScannerSettings
from kiosk.domain.clerk import Role
from kiosk.domain.moment import ClockQuality
from kiosk.messaging.relay.shared.settings import RelaySettings
from kiosk.protocols.scales.shared.reading import Reading
from kiosk.station.desk.live import LiveBoard
from kiosk.station.doctor.doctor import Doctor, Equipment
from kiosk.station.doctor.liveness import PageWatch, ScaleWatch, ScannerWatch
from kiosk.station.papers.own_layouts import LAYOUTS, OwnLayouts
from kiosk.station.parcels.settings import ParcelSettings
from kiosk.station.shared.ports import Configuration
from kiosk.station.shared.settings import StationSettings
from kiosk.station.shared.signing import StationSigning
from kiosk.store import Stamp, Store
from kiosk.store.backup.shared.settings import BackupSettings
from tests.station.fakes import MOMENT, Rig
from tests.station.hardware import FakeCamera
from tests.store.village import CATALOG, STATION, open_store

READY = PrinterStatus(True, False, ())


class StatusPrinter:
    """Answers what the test says; printing through it is a fault of the doctor."""

    def __init__(self, status: PrinterStatus = READY, language: str = "tspl", proof: str = "status") -> None:
        self.language, self.proof, self.answer = language, proof, status
        self.setup, self.proves = profile(language).setup, proof == "status"
        self.asked = 0

    def status(self, deadline_s: float) -> PrinterStatus:
        self.asked += 1
        return self.answer

    def print(self, data: bytes, deadline_s: float, before_first_byte: Callable[[], None]) -> None:
        raise AssertionError("the doctor prints nothing")

    def says(self, *flags: PrinterFault) -> None:
        self.answer = PrinterStatus(not flags, bool(flags), flags)

    def is_silent(self) -> None:
        self.answer = PrinterStatus(None, None, (PrinterFault.UNKNOWN,))


@dataclass
class FakePanel:
    """Keeps what it was told."""

    fitted: bool = True
    told: list[Any] = field(default_factory=list)

    def start(self) -> None: ...
    def stop(self, timeout_s: float = 2.0) -> None: ...
    def show(self, ready: bool, busy: bool, fault: bool) -> None:
        self.told.append((ready, busy, fault))

    def buzz(self, pattern: str) -> None:
        self.told.append(pattern)


def reading(raw: bytes = b"ww12.450kg\r\n") -> Reading:
    from decimal import Decimal

    return Reading(Decimal("12.450"), "kg", True, None, False, False, raw)


def heard_page(folder: Path) -> PageWatch:
    """A page on the screen that was heard three seconds ago."""
    (folder / "page-alive").write_text("40\n", encoding="ascii")
    return PageWatch(lambda: 43.0, {"RUNTIME_DIRECTORY": str(folder)})


class Clinic:
    """A test changes ``config`` and ``equipment``; time stands still at ``moment``."""

    software, metrology = "station-kiosk/test", "1+00000000"

    def __init__(self, folder: Path, template: Path) -> None:
        self.folder = folder
        data = folder / "data"
        self.settings = StationSettings(STATION, "yarkant", data, village="Test village")
        self.moment = MOMENT
        self.signing = StationSigning(data)
        self.own_layouts = OwnLayouts(data / LAYOUTS)
        self.store: Store = open_store(self.settings.database, template)
        self.board = LiveBoard(Rig().desk.view())
        self.monotonic = 1000.0
        self.printers = {"label": StatusPrinter(), "receipt": StatusPrinter(language="escpos")}
        self.panel, self.camera = FakePanel(), FakeCamera()
        self.woken = 0
        for name in ("camera.jpg", "scale-port", "scanner-port"):
            (folder / name).touch()
        self.config: Any = SimpleNamespace(
            station=self.settings,
            parcels=ParcelSettings(),
            scale=ScaleSettings(str(folder / "scale-port"), "xk3190_tf0", 5, 60_000),
            printers={
                "label": PrinterSettings("tcp", "127.0.0.1:9100", "tspl"),
                "receipt": PrinterSettings("tcp", "127.0.0.1:9101", "escpos"),
            },
            camera=CameraSettings("file", str(folder / "camera.jpg")),
            scanner=ScannerSettings(str(folder / "scanner-port")),
            panel=PanelSettings(ready=17),
            relay=RelaySettings("mqtt://127.0.0.1:1", "yarkant", STATION, "test"),
            backup=BackupSettings(folder / "medium"),
        )
        self.equipment = Equipment(
            cast(Configuration, self.config),
            printers=cast(dict[str, Printer], self.printers),
            camera=self.camera,
            panel=self.panel,
            scale=ScaleWatch(lambda: self.monotonic),
            scanner=ScannerWatch(lambda: self.monotonic),
            page=heard_page(folder),
            on_event=self._wake,
        )
        self.doctor = Doctor(self, self.equipment, clock=lambda: self.monotonic)

    def stamp(self) -> Stamp:
        return Stamp(self.moment, self.software, sign=self.signing.sign)

    def cure(self) -> None:
        """Everything a station can wish for."""
        self.store.catalogs.add(CATALOG, self.stamp())
        self.store.clerks.add("Reyhan", Role.TECHNICIAN, "hash", self.stamp())
        self.store.clerks.add("Tursun", Role.CLERK, "hash", self.stamp())
        self.signing.start(self.store, self.stamp)
        self.store.outbox.acknowledge(self.store.outbox.counts().last_seq, ())
        (self.settings.data / "pickup-key").write_text("ab" * 32)
        self.reads()
        self.equipment.scanner.on_state("ok")

    def reads(self) -> None:
        """A frame of the scale, now."""
        self.equipment.scale.on_link(LinkState.CONNECTED, "", self.monotonic)
        self.equipment.scale.on_reading(reading(), self.monotonic)

    def later(self, **delta: float) -> None:
        self.moment = replace(self.moment, utc=self.moment.utc + timedelta(**delta))

    def at_1970(self) -> None:
        self.moment = replace(self.moment, utc=datetime(1970, 1, 1, tzinfo=UTC), quality=ClockQuality.UNSET)

    def rows(self) -> dict[str, tuple[str, str]]:
        """Device → verdict and word, of now."""
        return {row.device: (row.verdict.value, row.word) for row in self.doctor.findings(fresh=True)}

    def _wake(self) -> None:
        self.woken += 1
