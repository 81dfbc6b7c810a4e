"""A whole village on one machine: simulated hardware, the real programs, a real broker and a link to cut.

Only the hardware is simulated, each piece at the operating system's boundary. The station, the relay and the
sorting center are the same processes that run in the field.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from types import TracebackType
from typing import Literal

from kiosk.simulators.broker import Broker
from kiosk.simulators.camera.simulator import CameraSimulator
from kiosk.simulators.counter_stock import CounterStock, stock_counter
from kiosk.simulators.faults import BadFaultWord, parse_fault, stall_s
from kiosk.simulators.link import Link
from kiosk.simulators.panel.simulator import SOCKET_NAME, PanelSimulator
from kiosk.simulators.printer.simulator import PrinterSimulator
from kiosk.simulators.processes import Child, HeldPort, answers
from kiosk.simulators.scale.simulator import IndicatorSettings, ScaleSimulator
from kiosk.simulators.scanner.simulator import ScannerSimulator
from kiosk.simulators.scanner.typing import TypingScannerSimulator
from kiosk.station.clock import StationClock
from kiosk.station.settings import StationSettings
from kiosk.station.software import software_id
from kiosk.store import Stamp, Store
from kiosk.store.database.opening import Opening
from kiosk.store.records import ConfirmedRow

REGION, VILLAGE, ZONE = "yarkant", "Demo village", "Asia/Shanghai"
SETTINGS = """\
[station]
station = "{station}"
region = "{region}"
village = "{village}"
data = "{data}"

[web]
host = "127.0.0.1"
port = {port}

[scale]
port = "{scale}"
protocol = "{protocol}"
e_g = 5
max_g = 50000

[printer.label]
kind = "tcp"
address = "127.0.0.1:{label_port}"
profile = "tspl"

[printer.receipt]
kind = "tcp"
address = "127.0.0.1:{receipt_port}"
profile = "escpos"

[camera]
kind = "file"
path = "{camera}"

[scanner]
kind = "{scanner_kind}"
port = "{scanner}"

[panel]
ready = 17
busy = 27
fault = 22
buzzer = 23
ok = 5
help = 6
factory = "simulated"

[backup]
folder = "{backups}"

[relay]
broker_url = "mqtt://127.0.0.1:{link_port}"
resend_s = 1.0
resend_max_s = 5.0
reconnect_s = 0.2
reconnect_max_s = 2.0
"""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the pages are; 0 takes a free port."""

    station: int = 0
    center: int = 0


@dataclass(frozen=True, slots=True)
class VillagePlan:
    """What is in the village: its scale (``protocol``, ``hz`` frames a second, ``settle_s``), its scanner, its goods.

    ``more_settings`` is put behind the settings file. ``stocked``: people work at the counter, parcels wait on its
    shelves and a truck is on its way; left out, the station is as new as one that was just unpacked.
    """

    ports: Ports = Ports()
    station: str = "S0147"
    protocol: str = "st_gs_csv"
    hz: float = 10.0
    settle_s: float = 0.4
    scanner: Literal["evdev", "serial"] = "evdev"
    catalog: Path | None = None
    more_settings: str = ""
    stocked: bool = False


class Village:
    """Starts everything in ``start`` and ends everything in ``stop``, in the order a power cut would not."""

    def __init__(self, folder: Path, plan: VillagePlan | None = None) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._plan = plan or VillagePlan()
        self._catalog = self._plan.catalog
        self._stock: CounterStock | None = None
        ports = self._plan.ports
        self._held = (HeldPort(), HeldPort())  # much is started, and takes ports, before these two listen
        self.station_url = f"http://127.0.0.1:{ports.station or self._held[0].number}"
        self.center_url = f"http://127.0.0.1:{ports.center or self._held[1].number}"
        self.config = folder / "station.toml"
        self.ledger_url = f"sqlite:///{folder / 'ledger.db'}"
        self._ends = ExitStack()

    @property
    def database(self) -> Path:
        """The station's SQLite file."""
        return self.folder / "station" / "station.db"

    @property
    def catalog(self) -> Path:
        """The catalog file the station works with; there once it has started."""
        return self._catalog or self.folder / "catalog.toml"

    @property
    def counter_stock(self) -> CounterStock | None:
        """The people, lists and slips of a counter that is stocked; None before the start and at a new station."""
        return self._stock

    def start(self) -> None:
        """Everything up and answering; raises DidNotStart or what a simulator raises, with nothing left behind."""
        try:
            self._hardware()
            self._write_settings()
            if self._plan.stocked:
                clock = StationClock(ZONE)
                settings = StationSettings(self._plan.station, REGION, self.folder / "station", VILLAGE, ZONE)
                self._stock = stock_counter(settings, clock)
            self._programs()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Everything down, newest first."""
        self._ends.close()
        for port in self._held:
            port.release()

    def command(self, device: str, text: str) -> None:
        """Apply a fault word; raises BadFaultWord."""
        targets: dict[str, Callable[[str], None]] = {
            "scale": self.scale.command,
            "printer": self._printers,
            "label": self.label_printer.command,
            "receipt": self.receipt_printer.command,
            "camera": self.camera.command,
            "scanner": self.scanner.command,
            "panel": self.panel.command,
            "link": self.link.command,
            "broker": self.broker.command,
            "process": lambda word: self.station.stall(stall_s(word)),
            "power": self._power,
        }
        if device not in targets:
            raise BadFaultWord(f"{device!r} is not here; there are {', '.join(targets)}")
        targets[device](text)

    def newest_intake(self) -> ConfirmedRow:
        """The newest confirmed intake, read from the station's own database; raises IndexError when there is none."""
        with self._opened_store() as store:
            return store.intakes.recent(1)[0]

    def newest_photo(self) -> str:
        """SHA-256 of the newest intake's shot; raises IndexError when there is none."""
        with self._opened_store() as store:
            return store.photos.of_lot(store.intakes.recent(1)[0].lot)[-1].sha256

    @contextmanager
    def _opened_store(self) -> Iterator[Store]:
        stamp = Stamp(StationClock(ZONE).now(), software_id(), REGION)
        with closing(Store.open(self.database, self._plan.station, stamp, Opening(check=False))) as store:
            yield store

    def _printers(self, text: str) -> None:
        self.label_printer.command(text)
        self.receipt_printer.command(text)

    def _power(self, text: str) -> None:
        parse_fault("power", text)
        self.station.kill()
        self.relay.kill()
        self.station.start()
        self.relay.start()

    def _hardware(self) -> None:
        devices = self.folder / "devices"
        devices.mkdir(exist_ok=True)
        plan = self._plan
        interval = IndicatorSettings(step_g=5)
        self.scale = ScaleSimulator(plan.protocol, devices / "scale", plan.hz, plan.settle_s, interval)
        self.scale.start()
        self._ends.callback(self.scale.stop)
        kinds = {"evdev": TypingScannerSimulator, "serial": ScannerSimulator}
        self.scanner: TypingScannerSimulator | ScannerSimulator = kinds[plan.scanner](devices / "scanner")
        self._ends.callback(self.scanner.close)
        self.label_printer = PrinterSimulator("tspl", self.folder / "labels")
        self.label_printer.start()
        self._ends.callback(self.label_printer.stop)
        self.receipt_printer = PrinterSimulator("escpos", self.folder / "receipts")
        self.receipt_printer.start()
        self._ends.callback(self.receipt_printer.stop)
        self.panel = PanelSimulator(self.folder / "station" / SOCKET_NAME)
        self.camera = CameraSimulator(self.folder / "camera")
        self.broker = Broker(self.folder / "broker")
        self.broker.start()
        self._ends.callback(self.broker.stop)
        self.link = Link(self.broker.port)
        self._ends.callback(self.link.close)

    def _write_settings(self) -> None:
        station_port = self.station_url.rsplit(":", 1)[1]
        self.config.write_text(
            SETTINGS.format(
                station=self._plan.station,
                region=REGION,
                village=VILLAGE,
                data=self.folder / "station",
                port=station_port,
                scale=self.folder / "devices" / "scale",
                protocol=self._plan.protocol,
                label_port=self.label_printer.port,
                receipt_port=self.receipt_printer.port,
                camera=self.folder / "camera" / "scene.jpg",
                scanner=self.folder / "devices" / "scanner",
                scanner_kind=self._plan.scanner,
                backups=self.folder / "backups",
                link_port=self.link.port,
            )
            + self._plan.more_settings,
            encoding="utf-8",
        )

    def _programs(self) -> None:
        logs = self.folder / "logs"
        logs.mkdir(exist_ok=True)
        config = str(self.config)
        self._import_catalog(config, logs)
        center_port = self.center_url.rsplit(":", 1)[1]
        self.center = Child(
            "sorting center",
            [
                "kiosk.cli.sorting_center",
                "run",
                "--broker",
                f"mqtt://127.0.0.1:{self.broker.port}",
                "--ledger",
                self.ledger_url,
                "--http",
                f"127.0.0.1:{center_port}",
            ],
            logs / "sorting-center.log",
            answers(f"{self.center_url}/health"),
        )
        self.station = Child(
            "station",
            ["kiosk.cli.kiosk", "run", "--config", config],
            logs / "station.log",
            answers(f"{self.station_url}/health"),
        )
        self.relay = Child("relay", ["kiosk.cli.kiosk", "relay", "--config", config], logs / "relay.log")
        for child in (self.center, self.station, self.relay):
            child.start()
            self._ends.callback(child.stop)

    def _import_catalog(self, config: str, logs: Path) -> None:
        if self._catalog is None:
            sample = files("kiosk.catalogs").joinpath("yarkant.toml")
            with as_file(sample) as path:
                self._catalog = Path(shutil.copy(path, self.folder / "catalog.toml"))
        done = Child(
            "catalog import",
            ["kiosk.cli.kiosk", "catalog", "import", str(self._catalog), "--config", config],
            logs / "catalog.log",
        )
        done.run(timeout_s=30)

    def __enter__(self) -> Village:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
