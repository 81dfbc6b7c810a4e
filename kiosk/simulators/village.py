"""A whole village on one machine: simulated hardware, the real programs, a real broker and a link to cut.

Only the hardware is simulated, each piece at the operating system's boundary. The station, the relay and the
sorting center are the same processes that run in the field.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final, Literal

from kiosk.base.closable import Closable
from kiosk.messaging.contract.catalog.file import CatalogError, parse_catalog
from kiosk.simulators.broker import Broker
from kiosk.simulators.camera.simulator import CameraSimulator
from kiosk.simulators.link import SimulatedLink
from kiosk.simulators.offers import GoodsCamera, offer
from kiosk.simulators.panel.simulator import SOCKET_NAME, PanelSimulator
from kiosk.simulators.printer.simulator import PrinterSimulator
from kiosk.simulators.scale.simulator import IndicatorSettings, ScaleSimulator
from kiosk.simulators.scanner.hid_pos import HidPosScannerSimulator
from kiosk.simulators.scanner.simulator import ScannerSimulator, SimulatedScanner
from kiosk.simulators.scanner.typing import TypingScannerSimulator
from kiosk.simulators.shared.center_access import CenterAccess
from kiosk.simulators.shared.counter_stock import stock_counter
from kiosk.simulators.shared.faults import BadFaultWord, parse_fault, stall_s
from kiosk.simulators.shared.processes import ChildProgram, HeldPort, StartFailed, answers
from kiosk.station.shared.clock import StationClock, software_id
from kiosk.station.shared.settings import StationSettings
from kiosk.station.shared.signing import StationSigning
from kiosk.store import ConfirmedRow, Stamp, Store, StoreError
from kiosk.store.database.opening import OpenOptions

REGION, STATION, VILLAGE, ZONE = "yarkant", "S0147", "Demo village", "Asia/Shanghai"
SETTINGS = Path(__file__).with_name("station_settings.txt").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class VillagePorts:
    """Where the pages are; 0 takes a free one. ``storefront``: None for none."""

    station: int = 0
    center: int = 0
    storefront: int | None = None


@dataclass(frozen=True, slots=True)
class VillagePlan:
    """What is in the village: its scale (``protocol``, ``hz`` frames a second, ``settle_s``), its scanner, its goods.

    ``more_settings`` is appended to the settings file. ``stocked``: people work at the counter, parcels wait on its
    shelves and a truck is on its way; left out, the station is as new as one that was just unpacked. ``offers``: it has
    taken goods in before, and offers them for sale. ``access`` permits signing in at the sorting center that keeps this
    ledger; left out, no account may. Without ``county`` neither sorting center nor relay runs: the station is alone, as
    it is while its line is down. ``clock_set``: a simulated time server has set its clock.
    """

    ports: VillagePorts = VillagePorts()
    station: str = STATION
    protocol: str = "st_gs_csv"
    hz: float = 10.0
    settle_s: float = 0.4
    scanner: Literal["evdev", "serial", "hid_pos"] = "evdev"
    catalog: Path | None = None
    more_settings: str = ""
    stocked: bool = False
    offers: bool = False
    access: Callable[[str], CenterAccess] = lambda _ledger_url: CenterAccess()
    county: bool = True
    clock_set: bool = False


class Village(Closable):
    """Everything up and answering when the constructor returns, everything down after ``close``.

    The constructor raises StartFailed or what a simulator raises, with nothing left behind.
    """

    def __init__(self, folder: Path, plan: VillagePlan | None = None) -> None:
        self.folder = folder
        self._plan = plan = plan or VillagePlan()
        self.county_news = ""  # The last line from the county behind it
        self.config = folder / "station.toml"
        self.ledger_url = f"sqlite:///{folder / 'ledger.db'}"
        devices, logs = folder / "devices", folder / "logs"
        for place in (devices, logs):
            place.mkdir(parents=True, exist_ok=True)
        with ExitStack() as ends:
            # Held from the start: much is started, and takes ports, before these two listen.
            self.station_url = f"http://127.0.0.1:{plan.ports.station or _held(ends)}"
            self.center_url = f"http://127.0.0.1:{plan.ports.center or _held(ends)}"
            storefront = None if plan.ports.storefront is None else plan.ports.storefront or _held(ends)
            self.storefront_url = None if storefront is None else f"http://127.0.0.1:{storefront}"
            indicator = IndicatorSettings(step_g=5)
            scale = ScaleSimulator(plan.protocol, devices / "scale", plan.hz, plan.settle_s, indicator)
            self.scale = ends.enter_context(scale)
            self.scanner = ends.enter_context(closing(_SCANNERS[plan.scanner](devices / "scanner")))
            self.label_printer = ends.enter_context(PrinterSimulator("tspl", folder / "labels"))
            self.receipt_printer = ends.enter_context(PrinterSimulator("escpos", folder / "receipts"))
            self.panel = PanelSimulator(folder / "station" / SOCKET_NAME)
            self.camera = CameraSimulator(folder / "camera")
            self.broker = ends.enter_context(Broker(folder / "broker"))
            self.link = ends.enter_context(SimulatedLink(self.broker.port))
            photos_port = _held(ends)
            self.photos_url = f"http://127.0.0.1:{photos_port}"
            self.photos_dir = folder / "photos"
            self.photos_link = ends.enter_context(SimulatedLink(photos_port))
            with ThreadPoolExecutor(1, "access") as beside_it:
                access = beside_it.submit(plan.access, self.ledger_url)
                settings = StationSettings(plan.station, REGION, folder / "station", VILLAGE, ZONE)
                self.counter_stock = stock_counter(settings, StationClock(ZONE)) if plan.stocked else None
                with as_file(files("kiosk.catalogs").joinpath("yarkant.toml")) as sample:
                    self.catalog = plan.catalog or Path(shutil.copy(sample, folder / "catalog.toml"))
                self._import_catalog()
                if plan.offers:
                    self._offer()
            self.center_access = access.result()
            self._write_settings()
            more = ["--photos-dir", str(self.photos_dir)]
            http = ["--ledger", self.ledger_url, "--http", f"127.0.0.1:{photos_port}"]
            photos = ["kiosk.cli.sorting_center", "photos", *http, *more]
            beside = [ChildProgram("sorting center's photos", photos, logs / "photos.log")]
            if self.storefront_url is not None:
                beside.append(_storefront(self.ledger_url, self.storefront_url, more, logs))
                more = [*more, "--storefront-url", self.storefront_url]
            if self.center_access.keys is not None:
                more = [*more, "--configuration-key", str(self.center_access.keys / "configuration.key")]
            self.center = _sorting_center(self.broker.url, self.ledger_url, self.center_url, more, logs)
            self.station = _station(self.config, self.station_url, logs, clock_set=plan.clock_set)
            self.relay = ChildProgram(
                "relay", ["kiosk.cli.kiosk", "relay", "--config", str(self.config)], logs / "relay.log"
            )
            side_by_side = (self.center, self.station) if plan.county else (self.station,)
            for child in side_by_side:
                child.begin()
                ends.callback(child.stop)
            for child in side_by_side:
                child.until_ready()
            if plan.county:
                beside.append(self.relay)
                for child in beside:
                    child.begin()
                    ends.callback(child.stop)
                for child in beside:
                    child.until_ready()
            self._ends = ends.pop_all()

    @property
    def database(self) -> Path:
        return self.folder / "station" / "station.db"

    def close(self) -> None:
        self._ends.close()

    def command(self, device: str, text: str) -> None:
        """Apply a fault word; raises BadFaultWord."""
        targets: dict[str, tuple[Callable[[str], None], ...]] = {
            "scale": (self.scale.command,),
            "printer": (self.label_printer.command, self.receipt_printer.command),
            "label": (self.label_printer.command,),
            "receipt": (self.receipt_printer.command,),
            "camera": (self.camera.command,),
            "scanner": (self.scanner.command,),
            "panel": (self.panel.command,),
            "link": (self.link.command, self.photos_link.command),  # One line carries events and pictures
            "broker": (self.broker.command,),
            "process": (lambda word: self.station.stall(stall_s(word)),),
            "power": (self._power,),
        }
        if device not in targets:
            raise BadFaultWord(f"{device!r} is not here; there are {', '.join(targets)}")
        for command in targets[device]:
            command(text)

    def newest_intake(self) -> ConfirmedRow:
        """Read the newest confirmed intake from the station's own database; raises IndexError when there is none."""
        with self._opened_store() as store:
            return store.intakes.recent(1)[0]

    def newest_photo(self) -> str:
        """Return the SHA-256 of the newest intake's first shot; raises IndexError when there is none."""
        with self._opened_store() as store:
            return store.photos.of_lot(store.intakes.recent(1)[0].lot)[0].sha256

    @contextmanager
    def _opened_store(self) -> Iterator[Store]:
        stamp = self._stamp()
        with closing(Store.open(self.database, self._plan.station, stamp, OpenOptions(check=False))) as store:
            yield store

    def _stamp(self) -> Stamp:
        clock = StationClock(ZONE, synced=lambda: True) if self._plan.clock_set else StationClock(ZONE)
        return Stamp(clock.now(), software_id(), REGION, sign=StationSigning(self.database.parent).sign)

    def _power(self, text: str) -> None:
        parse_fault("power", text)
        self.station.kill()
        self.relay.kill()
        self.station.start()
        self.relay.start()

    def _write_settings(self) -> None:
        station_port = self.station_url.rsplit(":", 1)[1]
        keys = self.center_access.keys
        county = "" if keys is None else f'\n[county]\nauthority = "{keys / "authority.crt"}"\n'
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
                photos_link_port=self.photos_link.port,
            )
            + county
            + self._plan.more_settings,
            encoding="utf-8",
        )

    def _import_catalog(self) -> None:
        """Import the catalog like `kiosk catalog import`, without a separate process. Raises StartFailed."""
        try:
            content = parse_catalog(self.catalog.read_bytes(), str(self.catalog))
            with self._opened_store() as store:
                store.catalogs.add(content, self._stamp())
        except (CatalogError, StoreError, OSError) as error:
            raise StartFailed(f"the catalog cannot be brought in: {error}") from error

    def _offer(self) -> None:
        """Offer a lot before the station starts. Raises StartFailed."""
        try:
            with self._opened_store() as store:
                offer(store, self.folder / "station", 0, GoodsCamera(self.folder / "goods"), self._stamp)
        except (StoreError, OSError) as error:
            raise StartFailed(f"no lot of the demo can be offered: {error}") from error


_SCANNERS: Mapping[str, Callable[[Path], SimulatedScanner]] = {
    "evdev": TypingScannerSimulator,
    "serial": ScannerSimulator,
    "hid_pos": HidPosScannerSimulator,
}


def _held(ends: ExitStack) -> int:
    return ends.enter_context(HeldPort()).number


def _sorting_center(broker_url: str, ledger_url: str, url: str, more: Sequence[str], logs: Path) -> ChildProgram:
    http = url.removeprefix("http://")
    command = ["kiosk.cli.sorting_center", "run", "--broker", broker_url, "--ledger", ledger_url, "--http", http]
    return ChildProgram("sorting center", [*command, *more], logs / "sorting-center.log", answers(f"{url}/health"))


# The seller in the demo; a company that does not exist, and an unassigned telephone number.
SELLER: Final = {
    "--seller-zh": "演示县农村电商有限公司",
    "--seller-en": "Demo County Village Goods Company",
    "--licence": "91650000DEMO000000",
    "--phone": "+86 998 555 0100",
    "--chat": "https://chat.example.org/demo-county",
}


def _storefront(ledger_url: str, url: str, more: Sequence[str], logs: Path) -> ChildProgram:
    http = url.removeprefix("http://")
    command = ["kiosk.cli.sorting_center", "storefront", "--ledger", ledger_url, "--http", http, "--public-url", url]
    command += [part for option in SELLER.items() for part in option]
    return ChildProgram("storefront", [*command, *more], logs / "storefront.log", answers(f"{url}/health"))


def _station(config: Path, url: str, logs: Path, *, clock_set: bool) -> ChildProgram:
    program = "kiosk.simulators.trusted_clock" if clock_set else "kiosk.cli.kiosk"
    command = [program, "run", "--config", str(config)]
    return ChildProgram("station", command, logs / "station.log", answers(f"{url}/health"))
