"""One receipt, from the printer of a station to the scanner of another whose line is down, until it is void there."""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Final

import pytest
from click.testing import CliRunner
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from kiosk.app.relay import run_relay
from kiosk.app.station import run_station
from kiosk.cli.kiosk import main
from kiosk.cli.sorting_center import main as sorting_center
from kiosk.config import relay, station
from kiosk.devices.scanner.report import REPEAT_S
from kiosk.domain.events import ConfigApplied
from kiosk.protocols.barcodes import reader
from kiosk.simulators.broker import Broker
from kiosk.simulators.link import SimulatedLink
from kiosk.simulators.printer.simulator import PrinterSimulator
from kiosk.simulators.scale.simulator import IndicatorSettings, ScaleSimulator
from kiosk.simulators.scanner.simulator import ScannerSimulator
from kiosk.simulators.shared.processes import HeldPort, answers
from kiosk.simulators.station_client import StationClient
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.ingest.shared.address import BrokerAddress
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.service import SortingCenter
from tests.app.test_station import Technician
from tests.cli.test_verify import by_kiosk, by_node, faults
from tests.labels import zbar
from tests.sorting_center.brokers import SOON_S, until
from tests.sorting_center.county_rows import County
from tests.station.papers_signed import changed
from tests.system.test_counter_flow import PIN, SECOND_PIN, WAIT_MS

REGION: Final = "yarkant"
GOODS: Final = Path(__file__).parents[2] / "kiosk/catalogs/yarkant.toml"
SETTINGS: Final = """\
[station]
station = "{name}"
region = "yarkant"
village = "Azatbagh"
slip_host = "slip.yarkant.example.cn"
data = "{folder}"
[web]
port = {port}
language = "en"
[county]
authority = "{authority}"
[relay]
broker_url = "mqtt://127.0.0.1:{link}"
reconnect_s = 0.2
reconnect_max_s = 1.0
"""
DEVICES: Final = """\
[scale]
port = "{scale.path}"
protocol = "st_gs_csv"
e_g = 5
max_g = 60000
[printer.label]
kind = "tcp"
address = "127.0.0.1:{labels.port}"
profile = "tspl"
[printer.receipt]
kind = "tcp"
address = "127.0.0.1:{receipts.port}"
profile = "escpos"
"""


class Place:
    """A station: both of its programs run in threads here until ``ends``. ``link`` is its line to the county."""

    def __init__(self, folder: Path, name: str, county: tuple[Broker, Path], devices: str, ends: ExitStack) -> None:
        broker, authority = county
        folder.mkdir()
        port = ends.enter_context(HeldPort()).number
        self.url, self.folder, self.config = f"http://127.0.0.1:{port}", folder, folder / "station.toml"
        self.link = ends.enter_context(SimulatedLink(broker.port))
        words = {"name": name, "folder": folder, "port": port, "authority": authority, "link": self.link.port}
        self.config.write_text(SETTINGS.format(**words) + devices, encoding="utf-8")
        self.type("catalog", "import", str(GOODS))
        stop = threading.Event()
        programs = (
            threading.Thread(target=run_station, args=(station.load(self.config), stop), name=f"station {name}"),
            threading.Thread(target=run_relay, args=(relay.load(self.config), stop), name=f"relay {name}"),
        )
        for program in programs:
            program.start()
            ends.callback(program.join)
        ends.callback(stop.set)
        self.visitor = ends.enter_context(closing(StationClient(self.url, SOON_S)))

    def type(self, *words: str, said: str = "") -> None:
        """A command of the technician."""
        done = CliRunner().invoke(main, [*words, "--config", str(self.config)], input=said)
        assert done.exit_code == 0, done.output

    def employ(self, name: str, pin: str) -> None:
        self.type("clerk", "add", name, said=f"{pin}\n{pin}\n")

    def until_acknowledged(self) -> None:
        """All that the running station has written so far, as its database says: its page is told a moment later."""
        until(answers(f"{self.url}/health"))
        until(lambda: self._count("SELECT (SELECT MAX(seq) FROM journal) - acked_upto FROM epoch") == 0)

    def documents(self) -> int:
        """How many of the county's were applied here."""
        return self._count(f"SELECT COUNT(*) FROM journal WHERE type = '{ConfigApplied.TYPE}'")

    def _count(self, query: str) -> int:
        with closing(sqlite3.connect(self.folder / "station.db")) as database:
            ((found,),) = database.execute(query)
        return int(found)


@pytest.fixture
def ends() -> Iterator[ExitStack]:
    with ExitStack() as ends:
        yield ends


def read_paper(picture: Path) -> str:
    """The signed code of a receipt, as two readers of other makers find it on the paper."""
    with Image.open(picture) as image:
        paper = image.convert("L")
    texts = [symbol.text for symbol in reader.read(paper)], [text for _, text in zbar.read(paper)]
    (one,), (other,) = ([text for text in found if "/s#" in text] for found in texts)
    assert one == other
    return one


@dataclass
class Villager:
    """Holds papers under the scanner before a screen."""

    page: Page
    scanner: ScannerSimulator
    read_at: float = float("-inf")

    def check(self, text: str, words: str) -> None:
        """This is what the screen says. A code that is seen again too soon counts once."""
        until(lambda: monotonic() - self.read_at > REPEAT_S)
        self.scanner.scan(f"]Q1{text}")
        expect(self.page.locator(".slip-verdict")).to_contain_text(words, timeout=WAIT_MS)
        self.read_at = monotonic()


def test_a_receipt_is_right_changed_and_void_at_a_station_that_was_cut_off(
    browser: Browser, ends: ExitStack, tmp_path: Path
) -> None:
    broker = ends.enter_context(Broker(tmp_path / "broker"))
    ledger_url, authority = f"sqlite:///{tmp_path / 'ledger.db'}", tmp_path / "authority.crt"
    center = SortingCenter(Ledger.open(ledger_url), BrokerAddress.parse(broker.url), None)
    ends.callback(center.stop)
    county = County(ends.enter_context(CenterDesk.open(ledger_url)), tmp_path, REGION)
    authority.write_text(county.authority.certificate)
    center.send_configurations(county.key_file)
    assert center.start(SOON_S)

    scale = ends.enter_context(ScaleSimulator("st_gs_csv", tmp_path / "scale", settings=IndicatorSettings(step_g=5)))
    labels, receipts = (
        ends.enter_context(PrinterSimulator(language, tmp_path / language)) for language in ("tspl", "escpos")
    )
    scanner = ends.enter_context(ScannerSimulator(tmp_path / "scanner"))
    devices = DEVICES.format(scale=scale, labels=labels, receipts=receipts)
    buyer = Place(tmp_path / "S0147", "S0147", (broker, authority), devices, ends)
    witness = Place(
        tmp_path / "S0201", "S0201", (broker, authority), f'[scanner]\nport = "{tmp_path / "scanner"}"\n', ends
    )
    for one in (buyer, witness):
        one.until_acknowledged()
    county.expect({"S0147": "", "S0201": ""})
    until(lambda: witness.documents() == 1)
    witness.link.command("down")

    buyer.visitor.wait_live("an empty pan", {"weight": {"state": "empty"}}, SOON_S)
    scale.command("put 12.480kg")
    buyer.visitor.wait_live("the question who", {"step": "who"}, SOON_S)
    buyer.visitor.press("/who", "/party", party="non_member")
    buyer.visitor.press("/what", "/product", code="BADAM")
    buyer.visitor.wait_live("a locked weight", {"step": "agree", "weight": {"state": "locked"}}, SOON_S)
    buyer.visitor.press("/agree", "/agree")
    assert receipts.wait_for(1, SOON_S)
    scale.command("take")
    slip = read_paper(receipts.printed[-1])
    buyer.until_acknowledged()
    (tmp_path / "slip.txt").write_text(slip)
    assert verified(ledger_url, tmp_path) == ("valid", [])

    view = browser.new_context(viewport={"width": 800, "height": 480}, has_touch=True)
    ends.callback(view.close)
    page, troubles = view.new_page(), list[str]()
    page.on("pageerror", lambda error: troubles.append(str(error)))
    villager = Villager(page, scanner)
    page.goto(witness.url)
    page.locator("form[action='/slip/check'] button").tap(timeout=WAIT_MS)
    page.locator(".slip-hold").wait_for(timeout=WAIT_MS)
    villager.check(slip, "The receipt is right")
    expect(page.locator(".slip-figures")).to_contain_text("0147-A-000001")
    expect(page.locator(".slip-figures")).to_contain_text("12.480")
    villager.check(changed(slip), "This receipt was changed")
    expect(page.locator("main")).not_to_contain_text("12.480")

    void(buyer)
    villager.check(slip, "The receipt is right")
    witness.employ("Aygul", PIN)
    witness.link.command("up")
    witness.until_acknowledged()
    county.expect({"S0147": "", "S0201": "Azatbagh"})
    until(lambda: witness.documents() == 2)
    villager.check(slip, "This receipt is void")
    expect(page.locator(".slip-figures")).to_contain_text("12.480")
    expect(page.locator(".slip-foot")).to_contain_text("Ask the clerk")
    assert verified(ledger_url, tmp_path) == ("incomplete", ["void"])
    assert troubles == []


def void(place: Place) -> None:
    """By two people; and the county knows it."""
    place.employ("Patigul", PIN)
    place.employ("Wang Li", SECOND_PIN)
    clerk = Technician(int(place.url.rpartition(":")[2]))
    assert clerk.ask("POST /counter/unlock", number="01", pin=PIN)[0] == 200
    path = "/counter/intakes/0147-A-000001"
    status, address, _ = clerk.ask(f"POST {path}/void", reason="wrong_product", number="02", pin=SECOND_PIN)
    assert (status, re.sub(r"\?.*", "", address)) == (200, f"{place.url}{path}")
    place.until_acknowledged()


def verified(ledger_url: str, folder: Path) -> tuple[str, list[str]]:
    """What both checkers find of the slip by the keys that the county gives away."""
    done = CliRunner().invoke(sorting_center, ["keys", "export", "--region", REGION, "--ledger", ledger_url])
    assert done.exit_code == 0, done.stderr
    (folder / "keys.json").write_bytes(done.stdout_bytes)
    found = [
        (one["verdict"], faults(one))
        for check in (by_kiosk, by_node)
        for one in check([folder / "slip.txt"], folder / "keys.json")
    ]
    assert found[0] == found[1]
    return found[0]
