"""The composition root: the right adapter for each setting, one log line a record, and a process that ends cleanly."""

from __future__ import annotations

import io
import json
import logging
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, Request, build_opener

import pytest
from PIL import features

from kiosk.app import process
from kiosk.app import station as runtime
from kiosk.config.station import StationConfig, load
from kiosk.devices.camera.process import ChildCamera
from kiosk.devices.ports import Printer
from kiosk.devices.printer.ipp import IppPrinter
from kiosk.devices.printer.serial import SerialPrinter
from kiosk.devices.printer.stream import FilePrinter, TcpPrinter
from kiosk.devices.scale.command import MAX_DEADLINE_S
from kiosk.devices.scale.live import LiveScale
from kiosk.devices.scale.pause import PausableScale
from kiosk.devices.scanner.camera import CameraScanner
from kiosk.domain.clerk import Role
from kiosk.domain.parcel import ParcelState
from kiosk.labels.typesetting import fonts
from kiosk.messaging.contract.receive import parse_event
from kiosk.simulators.scale.simulator import IndicatorSettings, ScaleSimulator
from kiosk.simulators.scanner.simulator import ScannerSimulator
from kiosk.simulators.shared.processes import answers
from kiosk.sorting_center.ledger import Ledger
from kiosk.station.clerk.pin_hash import add_person
from kiosk.station.doctor.status_files import DoctorStatusFile
from kiosk.station.parcels.pickup_key import PickupKey
from kiosk.station.parcels.settings import ParcelSettings
from kiosk.station.service import StationService
from kiosk.station.shared.clock import StationClock
from kiosk.station.shared.open_store import open_store, stamps
from kiosk.store import Store, StoreError
from kiosk.store.database.migrate import migrate
from kiosk.store.database.opening import OpenOptions
from kiosk.texts import load as load_texts
from tests.messaging.contract.catalog.test_file import SAMPLE
from tests.messaging.ports import claimed_port


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(process.OneLine("%(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("kiosk.test")
    logger.addHandler(handler)
    logger.propagate = False
    yield stream
    logger.removeHandler(handler)
    logger.propagate = True


FORGED = [
    "Ali\n2026-11-25 06:05:00,000 INFO kiosk: receipt 0147-A-000001 is void",
    "Ali\r\nINFO kiosk: fine",
    "Ali\nTraceback (most recent call last):\n  INFO kiosk: fine",
    "\x1b[2J\x1b[31mred",
    "\x9b2J",
    "\u202edlrow",
    "\u2066a\u2069",
    "a\u2028b\u2029c\x85d\x0be\x0cf",
    "bell\x07 nul\x00 del\x7f",
]


@pytest.mark.parametrize("name", FORGED)
def test_no_name_can_forge_a_log_line_or_hide_one(logged: io.StringIO, name: str) -> None:
    logging.getLogger("kiosk.test").error("a scan opened nothing: %s", name)
    text = logged.getvalue()
    assert text.endswith("\n")
    assert text[:-1].isprintable()
    assert text.startswith("ERROR kiosk.test: a scan opened nothing: ")


@pytest.mark.parametrize("name", FORGED)
def test_the_text_of_an_exception_is_as_plain_and_indented(logged: io.StringIO, name: str) -> None:
    try:
        raise ValueError(name)
    except ValueError:
        logging.getLogger("kiosk.test").exception("failed: %s", name, stack_info=True)
    first, *rest = logged.getvalue()[:-1].split("\n")
    assert first.startswith("ERROR kiosk.test: failed: ")
    assert first.isprintable()
    assert any("Traceback" in line for line in rest)
    assert all(line.startswith("    ") and line.isprintable() for line in rest)


def test_letters_of_every_script_stay_readable(logged: io.StringIO) -> None:
    logging.getLogger("kiosk.test").error("%s", "ئايگۈل 王芳 Äsqar")
    assert logged.getvalue() == "ERROR kiosk.test: ئايگۈل 王芳 Äsqar\n"


def config_of(folder: Path, text: str = "", port: int = 8080) -> StationConfig:
    path = folder / "station.toml"
    head = f'[station]\nstation = "S0147"\nregion = "yarkant"\ndata = "{folder}/data"\n[web]\nport = {port}\n'
    path.write_text(head + text)
    return load(path)


def test_each_setting_gets_its_adapter(tmp_path: Path) -> None:
    config = config_of(
        tmp_path,
        '[scale]\nport="/dev/none"\nprotocol="st_gs_csv"\ne_g=5\nmax_g=60000\n'
        '[printer.label]\nkind="tcp"\naddress="127.0.0.1:9100"\nprofile="tspl"\n'
        '[printer.receipt]\nkind="file"\naddress="/dev/usb/lp0"\nprofile="escpos"\n'
        '[camera]\nkind="file"\npath="x.jpg"\n',
    )
    hardware = runtime.make_hardware(config)
    label: Printer = hardware.printers["label"]
    assert (type(label), label.language) == (TcpPrinter, "tspl")
    assert (type(hardware.printers["receipt"]), hardware.printers["receipt"].language) == (FilePrinter, "escpos")
    assert isinstance(hardware.camera, ChildCamera)
    assert hardware.profile.e_g == 5
    assert hardware.scale is not None
    assert isinstance(hardware.scale(None), LiveScale)  # type: ignore[arg-type]
    hardware.camera.close()


def test_each_kind_of_printer_gets_its_adapter(tmp_path: Path) -> None:
    for kind, address, row, adapter in (
        ("serial", "/dev/serial/by-id/usb-p", "cpcl_203", SerialPrinter),
        ("ipp", "ipp://127.0.0.1/printers/office", "office_a4", IppPrinter),
    ):
        text = f'[printer.label]\nkind="{kind}"\naddress="{address}"\nprofile="{row}"\nspeed_mm_s=33\n'
        (label,) = runtime.make_hardware(config_of(tmp_path, text)).printers.values()
        assert (type(label), label.proves, label.setup.speed_mm_s) == (adapter, True, 33)


def test_the_keys_of_the_scale_are_those_of_its_format(tmp_path: Path, template: Path) -> None:
    def keys(scale: str) -> tuple[str, ...] | None:
        config = config_of(tmp_path, scale)
        store = Store.open(config.station.database, "S0147", stamps(config.station)(), OpenOptions(template=template))
        with closing(store):
            hardware = runtime.make_hardware(config)
            service = StationService(
                runtime.service_settings(config), store, hardware, StationClock(config.station.zone)
            )
            made = runtime.make_scale_keys(config, service)
            return made.names if made is not None else None

    section = '[scale]\nport="/dev/none"\nprotocol="{}"\ne_g=5\nmax_g=60000\n'
    assert keys(section.format("mt_sics")) == ("zero", "clear_tare")
    assert keys(section.format("xk3190_ww")) == ("zero",)
    assert keys(section.format("st_gs_csv")) == ("zero", "clear_tare")
    assert keys(section.format("st_gs_csv") + '[scale.params]\ncommands="tbw"\n') == ("zero",)
    assert keys(section.format("st_gs_stx18")) == ()
    assert keys("") is None


@pytest.fixture
def port() -> Iterator[int]:
    """The station's, which nobody else is given before it begins and after it has ended."""
    with claimed_port() as port:
        yield port


class Technician:
    """Stands at the screen with a PIN; every answer is read whole, redirects are followed."""

    def __init__(self, port: int) -> None:
        self._url = f"http://127.0.0.1:{port}"
        self._opener = build_opener(HTTPCookieProcessor())

    def ask(self, path: str, **form: str) -> tuple[int, str, str]:
        """Status, final address, text. A form is posted, an empty one too when ``path`` starts with POST."""
        word, _, address = path.rpartition(" ")
        data = urlencode(form).encode() if word else None
        request = Request(self._url + address, data=data, headers={"Origin": self._url} if word else {})
        try:
            with self._opener.open(request, timeout=30) as answer:
                return answer.status, answer.url, answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.url, error.read().decode()

    def press_at_rest(self, key: str) -> tuple[int, str]:
        """Press as soon as the pan is read and rests, until then nothing is sent; status and address of the answer."""
        end = time.monotonic() + 60
        while True:
            status, address, text = self.ask(f"POST /technician/scale/{key}")
            if "is not stable" not in text and "No readable weight" not in text:
                return status, address
            assert time.monotonic() < end, "the pan never rests"

    def until(self, weight: str) -> None:
        """The scale's page shows this weight."""
        end = time.monotonic() + 60
        while json.loads(self.ask("/technician/scale.json")[2])["weight"] != weight:
            assert time.monotonic() < end, f"{weight} never came"


def test_a_technician_sets_the_running_scale_to_zero(
    tmp_path: Path, template: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything between the touch and the indicator is the real thing.

    The scale is given longer to obey: what is looked at is what came of a touch, not how soon.
    """
    monkeypatch.setattr(PausableScale.send, "__defaults__", (MAX_DEADLINE_S,))
    pin = "418302"
    seen: list[tuple[int, str]] = []
    with ScaleSimulator("mt_sics", tmp_path / "scale", settle_s=0, settings=IndicatorSettings(step_g=5)) as simulator:
        simulator.command("put 0.640kg")
        section = f'[scale]\nport="{simulator.path}"\nprotocol="mt_sics"\ne_g=5\nmax_g=60000\n'
        config = config_of(tmp_path, section, port)
        stamp = stamps(config.station)
        pins = PickupKey.load(ParcelSettings(), config.station.data, {}).pins()
        with closing(Store.open(config.station.database, "S0147", stamp(), OpenOptions(template=template))) as store:
            number = add_person(store.clerks, "Reyhan", Role.TECHNICIAN, pins.hash(pin), stamp()).number

        class Stop(threading.Event):
            def wait(self, timeout: float | None = None) -> bool:
                person = Technician(port)
                person.ask("POST /counter/unlock", number=number, pin=pin)
                person.until("0.640 kg")
                seen.append(person.press_at_rest("zero"))
                person.until("0.000 kg")
                simulator.command("put 30.640kg")
                person.until("30.000 kg")
                seen.append(person.ask("POST /technician/scale/zero")[:2])
                seen.append(person.ask("POST /technician/scale/clear_tare")[:2])
                return True

        config = replace(config, web=replace(config.web, language="en"))
        runtime.run_station(config, Stop())
    keys = f"http://127.0.0.1:{port}/technician/scale"
    assert seen == [(200, f"{keys}?told=zero_done"), (409, f"{keys}/zero"), (200, f"{keys}?told=clear_tare_done")]


def test_a_station_of_the_field_begins_with_nobody_and_has_nothing_of_the_demo(
    tmp_path: Path, template: Path, port: int
) -> None:
    """No people, no PIN that works, no list, no parcel, no button that scans."""
    config = config_of(tmp_path, port=port)
    Store.open(config.station.database, "S0147", stamps(config.station)(), OpenOptions(template=template)).close()
    seen: dict[str, tuple[int, str, str]] = {}

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            person = Technician(port)
            for path in ("/counter", "/technician", "/counter/parcels", "/state.json", "/bench/bench.js", "/word"):
                seen[path] = person.ask(path)
            for path, form in (
                ("POST /counter/unlock", {"number": "01", "pin": "480317"}),
                ("POST /counter/take_in", {"offer": "x"}),
                ("POST /word", {"device": "scanner", "text": "scan SF1385000000001"}),
            ):
                seen[path] = person.ask(path, **form)
            return True

    config = replace(config, web=replace(config.web, language="en"))
    runtime.run_station(config, Stop())
    nobody = load_texts("en").text("counter.unlock.nobody")
    for path in ("/counter", "/technician", "/counter/parcels"):
        assert seen[path][:2] == (200, f"http://127.0.0.1:{port}/counter"), path
        assert nobody in seen[path][2], path
    assert seen["POST /counter/unlock"][0] == 409
    assert nobody in seen["POST /counter/unlock"][2]
    assert seen["POST /counter/take_in"][0] == 403
    assert [seen[path][0] for path in ("/state.json", "/bench/bench.js", "/word", "POST /word")] == [404] * 4
    with closing(Store.open(config.station.database, "S0147", stamps(config.station)())) as store:
        assert (store.clerks.everyone(active=False), store.parcels.in_states(list(ParcelState))) == ([], [])


def test_every_event_of_a_running_station_names_its_region_and_the_center_takes_it(
    tmp_path: Path, template: Path, port: int
) -> None:
    """The station's own events, one of the command line and one of the relay's process."""
    config = config_of(tmp_path, port=port)
    Store.open(config.station.database, "S0147", stamps(config.station)(), OpenOptions(template=template)).close()
    ended = threading.Event()
    ended.set()
    with closing(open_store(config.station)) as store:
        add_person(store.clerks, "Aygul", Role.CLERK, "hash", stamps(config.station)())
        runtime.run_station(config, ended)
        store.epochs.start("technician")
        rows = store.outbox.pending(100)
    sealed = [parse_event(row.body, topic_station="S0147") for row in rows]
    assert {"station.clerk.added.v1", "station.epoch.started.v1"} <= {event.type for event in sealed}
    assert {event.region for event in sealed} == {config.station.region}
    with closing(Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")) as ledger:
        ledger.accept(sealed, config.station.region, "2026-11-27T00:00:00Z")
        counts = ledger.counts()
        assert (counts.events, counts.quarantined) == (len(sealed), 0)


def test_what_is_not_fitted_is_not_made(tmp_path: Path) -> None:
    hardware = runtime.make_hardware(config_of(tmp_path))
    assert (hardware.scale, hardware.camera, dict(hardware.printers)) == (None, None, {})
    off = runtime.make_hardware(config_of(tmp_path, '[camera]\nkind="none"\npath=""\n'))
    assert off.camera is None


def test_the_camera_is_the_scanner_where_it_is_set_up(tmp_path: Path, template: Path) -> None:
    config = config_of(tmp_path, f'[camera]\nkind = "file"\npath = "{tmp_path}"\n[scanner]\nkind = "camera"\n')
    stamp = stamps(config.station)()
    with closing(Store.open(config.station.database, "S0147", stamp, OpenOptions(template=template))) as store:
        parts = runtime.make_station(config, store, StationClock(config.station.zone), None)
        assert isinstance(parts.scanner, CameraScanner)
        ways = parts.service.counter.scans.ways
        assert (ways.typed, ways.request_camera_scan) == (True, parts.service.code_requested)


def test_goods_of_a_stick_are_imported_by_the_running_station(
    tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stick").mkdir()
    (tmp_path / "stick/goods.toml").write_bytes(SAMPLE.read_bytes())
    monkeypatch.setattr(runtime, "sticks", lambda: [tmp_path / "stick"])
    config = config_of(tmp_path)
    stamp = stamps(config.station)()
    with closing(Store.open(config.station.database, "S0147", stamp, OpenOptions(template=template))) as store:
        parts = runtime.make_station(config, store, StationClock(config.station.zone), None)
        goods = parts.doctor.equipment.catalogs
        assert goods is not None
        (file,) = map(str, goods.files())
        assert goods.import_file(file, goods.preview(file).seen) == 1
        assert store.catalogs.get()[1].products


def test_a_station_runs_until_it_is_told_to_end(tmp_path: Path, template: Path, port: int) -> None:
    config = config_of(tmp_path, f'[scanner]\nport = "{tmp_path / "scanner"}"\n', port)
    Store.open(config.station.database, "S0147", stamps(config.station)(), OpenOptions(template=template)).close()
    healthy = answers(f"http://127.0.0.1:{port}/health")
    seen: list[bool] = []

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            seen.append(any(healthy() for _ in range(15)))  # each waits for two seconds
            return True

    with ScannerSimulator(tmp_path / "scanner"):
        runtime.run_station(config, Stop())
    assert seen == [True], "it answered before it was told to end"
    assert not healthy()
    (row,) = DoctorStatusFile(config.station.data).rows()
    assert (row.row, row.code) == ("station", "station_stopped"), "the relay tells the sorting center"


def test_a_port_in_use_ends_the_start_with_everything_closed(tmp_path: Path, template: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        config = config_of(tmp_path, port=taken.getsockname()[1])
        Store.open(config.station.database, "S0147", stamps(config.station)(), OpenOptions(template=template)).close()
        with pytest.raises(OSError, match="Address already in use"):
            runtime.run_station(config, threading.Event())


def test_missing_fonts_or_shaping_end_the_start_of_a_station_that_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    printers = '[printer.label]\nkind="tcp"\naddress="127.0.0.1:9100"\nprofile="tspl_203"\n'
    config = config_of(tmp_path, printers)
    missing = replace(fonts.SOURCES[fonts.Script.HAN, True][0], path="opentype/none.ttc")
    with monkeypatch.context() as without:
        without.setitem(fonts.SOURCES, (fonts.Script.HAN, True), (missing,))
        with pytest.raises(ValueError, match="fonts-noto-cjk"):
            runtime.run_station(config, threading.Event())
    with monkeypatch.context() as without:
        without.setattr(features, "check", lambda name: name != "raqm")
        with pytest.raises(ValueError, match="libfribidi0"):
            runtime.run_station(config, threading.Event())
    assert not config.station.database.exists()


def test_the_database_of_another_station_is_refused(tmp_path: Path, template: Path) -> None:
    config = config_of(tmp_path)
    Store.open(config.station.database, "S0148", stamps(config.station)(), OpenOptions(template=template)).close()
    with pytest.raises(StoreError, match="S0148"):
        open_store(config.station)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "empty.db"
    migrate(path)
    return path


def test_a_database_that_cannot_be_written_is_marked_and_the_station_lives(
    tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(store: Store) -> None:
        raise StoreError("read-only")

    config = config_of(tmp_path)
    opened = Store.open(config.station.database, "S0147", stamps(config.station)(), OpenOptions(template=template))
    with closing(opened) as store:
        service = StationService(
            runtime.service_settings(config), store, runtime.make_hardware(config), StationClock(config.station.zone)
        )
        monkeypatch.setattr(Store, "check_writable", refuse)
        health, seen = runtime.make_health(config, service), service.board.snapshot().number
        health.start()
        try:
            marked = service.board.wait(seen, 10.0)
        finally:
            health.stop()
        assert marked is not None
        assert marked.marks.store == "store_failed"
        assert {part.name: part.ok for part in health.parts()}["database"]


def test_what_few_stations_need_once_is_in_no_station_s_memory() -> None:
    """Signatures of updates, the first start, libraries of pictures and pins: each some megabytes."""
    rare = ("cryptography", "pyrage", "cv2", "numpy", "zxingcpp", "alembic", "gpiozero", "kiosk.first_start")
    code = f"""
import sys, kiosk.cli.kiosk, kiosk.app.station, kiosk.web.factory, kiosk.web.server
print([name for name in {rare} if name in sys.modules])
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"
