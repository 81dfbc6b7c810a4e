"""The first start by touch, from an empty folder and simulated hardware to a station that answers on the same port."""

from __future__ import annotations

import re
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Self

import pytest
from playwright.sync_api import Browser, Page, expect

from kiosk.app.station import run_station
from kiosk.config.station import load
from kiosk.domain.clerk import Role
from kiosk.first_start.shared.draft import draft_path
from kiosk.simulators.broker import Broker
from kiosk.simulators.shared.processes import ChildProgram
from kiosk.station.parcels.pickup_key import PickupKey
from kiosk.station.parcels.settings import ParcelSettings
from kiosk.station.shared.clock import StationClock
from kiosk.station.shared.open_store import open_store
from kiosk.texts import load as load_texts
from tests.memory import DISK
from tests.messaging.ports import claimed_port
from tests.web.first_start.bench import BACKUP, CAMERA, CATALOG, SCALE, SCANNER, Bench, FirstStart
from tests.web.first_start.pictures import open_page

SAME_TAP_MS = 500
"""A second tap within 400 ms is that of a trembling finger: the pages do not take it."""
TECHNICIAN_PIN, CLERK_PIN = "193746", "582641"


@pytest.fixture
def bench() -> Iterator[Bench]:
    """On a disk: of data in memory the doctor says that they are gone with the power."""
    with tempfile.TemporaryDirectory(dir=DISK, prefix="kiosk-bench-") as folder, Bench(Path(folder)) as bench:
        yield bench


class Finger:
    """Taps what is on the screen, and nothing else: no keyboard, no address typed."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def at(self, question: str) -> None:
        expect(self.page.locator(f"main[data-question={question}]")).to_be_visible(timeout=60_000)

    def tap(self, selector: str, text: str | None = None) -> None:
        self.page.locator(selector, has_text=text).first.tap()

    def choose(self, question: str, text: str) -> None:
        self.at(question)
        self.tap(".tile", text)

    def next(self, question: str) -> None:
        self.at(question)
        self.page.locator(".foot .act.primary:enabled").tap()

    def back(self, question: str) -> None:
        self.at(question)
        self.tap(".bar form .corner")

    def keys(self, text: str) -> None:
        for char in text:
            self.page.locator(f'[data-key="{char}"]').tap()

    def type(self, question: str, text: str) -> None:
        self.at(question)
        self.keys(text)
        self.tap("[name=go]")

    def wipe(self) -> None:
        while self.page.locator("[data-part=typed]").inner_text():
            self.tap("[data-key=delete]")

    def network_printer(self, question: str, port: int) -> None:
        self.choose(question, "Network printer")
        self.type(question, f"127.0.0.1:{port}")

    def tried(self, question: str) -> None:
        self.at(question)
        self.tap(".words .act")
        self.next(question)

    def pin(self, role: str, pin: str) -> None:
        self.type(f"{role}_pin", pin)
        self.type(f"{role}_again", pin)


def walk_to_scale(finger: Finger, bench: Bench) -> None:
    finger.choose("language", "English")
    finger.at("panel")
    expect(finger.page.locator("[data-part=pixels]")).to_have_text("800 × 480")
    finger.next("panel")
    finger.type("station", "0147")
    finger.choose("region", "yarkant")
    finger.type("village", "tagharchi")
    finger.at("scale")


def walk_scale(finger: Finger, bench: Bench) -> None:
    finger.choose("scale", SCALE.removeprefix("usb-"))
    finger.choose("protocol", "st_gs_csv")
    finger.choose("line", "9600")
    finger.at("reads")
    bench.scale.command("put 12.480kg")
    expect(finger.page.locator(".big")).to_contain_text("12.480 kg")
    expect(finger.page.locator(".raw")).to_contain_text("ST,GS")
    finger.next("reads")
    finger.type("e", "3")
    finger.tap("[data-dismiss]")  # 3 g is no verification interval
    finger.wipe()
    finger.type("e", "5")
    finger.type("max", "50")


def walk_devices(finger: Finger, bench: Bench) -> None:
    finger.network_printer("label", bench.labels.port)
    finger.choose("label_profile", "tspl_203")
    finger.tried("label_test")
    finger.network_printer("receipt", bench.receipts.port)
    finger.choose("receipt_profile", "escpos_58")
    finger.tried("receipt_test")
    finger.choose("scanner", SCANNER.removeprefix("usb-"))
    finger.at("scanner_test")
    code = finger.page.locator(".codes bdi").inner_text()
    ready = finger.page.locator(".foot .act.primary:enabled")
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:  # the port may not be open yet: a scan is heard by nobody then
        bench.scanner.scan(code)
        if ready.count():
            break
        finger.page.wait_for_timeout(100)
    finger.next("scanner_test")
    finger.choose("camera", CAMERA.removeprefix("usb-").removesuffix("-video-index0"))
    finger.tried("camera_test")


def walk_broker(finger: Finger, bench: Bench) -> None:
    finger.at("broker")
    finger.tap(".tile[value=mqtt]")
    finger.type("broker_address", bench.broker_address)
    finger.choose("broker_account", "Not needed")
    finger.tried("broker_test")


def walk_goods_and_backup(finger: Finger) -> None:
    finger.choose("goods", CATALOG)
    finger.at("goods_shown")
    expect(finger.page.locator(".first")).to_contain_text("Walnut")
    finger.next("goods_shown")
    finger.choose("backup", BACKUP)


def walk_people(finger: Finger) -> None:
    finger.type("technician", "aygul")
    finger.type("technician_pin", "123456")
    finger.tap("[data-dismiss]")  # too easy to guess
    finger.pin("technician", TECHNICIAN_PIN)
    finger.type("clerk", "tursun")
    finger.pin("clerk", CLERK_PIN)


def unlock(finger: Finger) -> None:
    """The station asks for the PIN that has just been set."""
    finger.tap("label", "Aygul")
    finger.keys(TECHNICIAN_PIN)
    finger.page.locator("[data-go]:enabled").tap()
    expect(finger.page.locator(".clerk")).to_contain_text("Aygul")


def check_what_was_written(bench: Bench) -> None:
    config = load(bench.config)
    assert (config.station.station, config.station.village) == ("S0147", "Tagharchi")
    assert (config.web.width_px, config.web.height_px, config.web.diagonal_in) == (800, 480, 7.0)
    assert config.scale is not None
    assert (config.scale.port, config.scale.e_g, config.scale.max_g) == (str(bench.port(SCALE)), 5, 50_000)
    assert {name: row.profile for name, row in config.printers.items()} == {
        "label": "tspl_203",
        "receipt": "escpos_58",
    }
    assert config.scanner is not None
    assert config.camera is not None
    assert config.relay is not None
    assert not draft_path(bench.config).exists()
    assert config.backup is not None
    assert config.backup.folder == bench.media / BACKUP
    with closing(open_store(config.station)) as store:
        assert store.catalogs.get()[0] == 1
        people = {row.role: row for row in store.clerks.everyone()}
    pins = PickupKey.from_existing(ParcelSettings(), bench.data, {}).pins()
    assert pins.matches(TECHNICIAN_PIN, people[Role.TECHNICIAN].pin_hash)
    assert pins.matches(CLERK_PIN, people[Role.CLERK].pin_hash)


def test_a_power_cut_in_the_middle_and_a_way_back(browser: Browser, bench: Bench) -> None:
    with FirstStart(bench) as start, open_page(browser) as page:
        page.goto(f"http://127.0.0.1:{start.port}/")
        walk_to_scale(Finger(page), bench)
    assert start.wrote is False
    assert not bench.config.exists()
    with FirstStart(bench) as start, open_page(browser) as page:
        page.goto(f"http://127.0.0.1:{start.port}/")
        finger = Finger(page)
        finger.back("scale")
        finger.at("village")
        expect(page.locator("[data-part=typed]")).to_have_text("tagharchi")
        for question in ("village", "region", "station", "panel"):
            finger.back(question)
        finger.at("language")


def test_a_device_that_is_plugged_in_now_appears_by_itself(browser: Browser, bench: Bench) -> None:
    with FirstStart(bench) as start, open_page(browser) as page:
        page.goto(f"http://127.0.0.1:{start.port}/")
        finger = Finger(page)
        walk_to_scale(finger, bench)
        late = bench.dev / "serial/by-path/pci-0000-usb-0:2-port0"
        late.parent.mkdir()
        late.symlink_to("/dev/null")
        expect(page.locator(".tile", has_text="pci-0000-usb-0:2-port0")).to_be_visible()
        late.unlink()
        expect(page.locator(".tile", has_text="pci-0000-usb-0:2-port0")).to_have_count(0)


class County:
    """What stands behind the station: a real broker, the real sorting center, and from the end on the real relay."""

    def __init__(self, bench: Bench) -> None:
        self._bench, self._ends = bench, ExitStack()
        self.mark = bench.folder / "synchronized"

    def __enter__(self) -> Self:
        bench, http = self._bench, self._ends.enter_context(claimed_port())
        broker = self._ends.enter_context(Broker(bench.folder))
        bench.broker_address = f"127.0.0.1:{broker.port}"
        ledger = f"sqlite:///{bench.folder / 'ledger.db'}"
        words = ["run", "--broker", broker.url, "--ledger", ledger, "--http", f"127.0.0.1:{http}"]
        center = ChildProgram("sorting center", ["kiosk.cli.sorting_center", *words], bench.folder / "center.log")
        center.start()  # it is up long before the station has something for it
        self._ends.callback(center.stop)
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.close()

    def station(self, stop: threading.Event) -> None:
        """The station and its relay, as systemd begins both once the settings file is there."""
        bench = self._bench
        words = ["kiosk.cli.kiosk", "relay", "--config", str(bench.config)]
        relay = ChildProgram("relay", words, bench.folder / "relay.log")
        relay.start()
        try:
            config = load(bench.config)
            clock = StationClock(config.station.zone, synced=self.mark.exists)
            run_station(config, stop, bench.config, clock)
        finally:
            relay.stop()


def doctor_rows(finger: Finger) -> dict[str, str]:
    """Every row of the doctor's pages, newly looked at: the name a technician reads, and its verdict."""
    with finger.page.expect_navigation():
        finger.tap(".refresh")
    found: dict[str, str] = {}
    while True:
        for row in finger.page.locator(".finding").all():
            verdict = re.search(r"finding-(ok|warn|fail)", row.get_attribute("class") or "")
            assert verdict is not None
            found[row.locator(".finding-name").inner_text()] = verdict[1]
        following = finger.page.locator(".turn-one[aria-label='Next page']")
        if not following.count():
            return found
        with finger.page.expect_navigation():
            following.tap()


DOCTOR = (
    *("settings", "station", "scale", "printer_label", "printer_receipt", "camera", "scanner", "panel"),
    *(
        "page",
        "database",
        "records",
        "disk",
        "clock",
        "fonts",
        "catalog",
        "people",
        "pickup_key",
        "signing_key",
        "link",
        "center",
        "backup",
    ),
)
"""Every row there is without systemd."""


def test_from_an_empty_folder_to_a_doctor_that_is_all_green(
    browser: Browser, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run").mkdir()
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
    names = {load_texts("en").text(f"doctor.device.{device}"): device for device in DOCTOR}
    with County(bench) as county, FirstStart(bench, county.station) as start, open_page(browser) as page:
        said: list[str] = []
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(f"http://127.0.0.1:{start.port}/")
        finger = Finger(page)
        walk_to_scale(finger, bench)
        assert not bench.config.exists()
        walk_scale(finger, bench)
        walk_devices(finger, bench)
        walk_broker(finger, bench)
        walk_goods_and_backup(finger)
        walk_people(finger)
        finger.at("check")
        assert page.locator(".is-seen").count() == 6
        assert page.locator(".is-unseen, .is-absent").count() == 0
        finger.next("check")
        page.wait_for_url(re.compile("/(counter|technician)"), timeout=60_000)
        unlock(finger)
        with urllib.request.urlopen(f"http://127.0.0.1:{start.port}/health", timeout=30) as answer:
            assert answer.status == 200
        assert start.wrote is True
        page.wait_for_timeout(SAME_TAP_MS)
        finger.tap("[href='/technician']")
        page.wait_for_url("**/technician")
        give_up, before = time.monotonic() + 180, dict[str, str]()
        while before.keys() != names.keys():  # a row that gets well between two pages changes its page
            assert time.monotonic() < give_up, before
            before |= doctor_rows(finger)
        assert before["Clock"] == "warn"  # nothing has synchronized it yet: the one thing a person cannot do here
        county.mark.touch()
        well = dict.fromkeys(DOCTOR, "ok")
        # The relay speaks with the sorting center meanwhile.
        while (rows := {names[name]: found for name, found in doctor_rows(finger).items()}) != well:
            assert time.monotonic() < give_up, rows
            page.wait_for_timeout(500)
        expect(page.locator(".tally")).to_contain_text(load_texts("en").text("technician.doctor.well"))
        assert said == []
    assert bench.labels.wait_for(1, 30)
    assert bench.receipts.wait_for(1, 30)
    check_what_was_written(bench)
    made = [path.name for path in (bench.media / BACKUP).glob("S0147-A-*.json")]
    assert len(made) == 1
