"""Everything that goes wrong at a counter, done to the real programs: nothing wrong is booked, nothing is lost."""

from __future__ import annotations

import json
import os
import re
import resource
import sqlite3
import subprocess
import threading
import time
from collections import Counter as Tally
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from html import escape
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from kiosk.cli.kiosk import main
from kiosk.domain.identifiers import bag_of, internal_code
from kiosk.simulators.one_intake import read_label
from kiosk.simulators.printer import mechanism as printer_mechanism
from kiosk.simulators.station_client import Form, StationClient, VisitedPage
from kiosk.simulators.village import Village, VillagePlan
from kiosk.texts import load
from tests.depth import TORTURE, many
from tests.system.taps import agree, taken

UYGHUR = load("ug")
WAIT_S = 60.0
CUTS = many(1, torture=8)
PAPERS_DONE = {"prints": lambda states: bool(states) and set(states) <= {"printed", "unknown"}}
HOME = {"step": "home", "weight": {"state": "empty"}}


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """A printer switched on again and a scale plugged in again outlive their test; the village's own end is judged."""
    yield


@contextmanager
def running(folder: Path, **options: Any) -> Iterator[Village]:
    threads = set(threading.enumerate())
    with Village(folder, VillagePlan(hz=40, settle_s=0.05, scanner="serial", **options)) as village:
        yield village
    assert set(threading.enumerate()) <= threads


@pytest.fixture(scope="module")
def village(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Village]:
    with running(tmp_path_factory.mktemp("village")) as village:
        yield village


class Counter:
    """Somebody at the counter of a village."""

    def __init__(self, village: Village, visitor: StationClient) -> None:
        self.village, self.visitor = village, visitor

    def clear(self) -> None:
        """Nothing on the pan, the first screen, and every fault healed."""
        self.heal_scale()
        for printer in (self.village.label_printer, self.village.receipt_printer):
            printer.command("on")
        self.visitor.post(Form("/leave", {"idle": "0"}))
        self.visitor.wait_live("the first screen", HOME)

    def heal_scale(self) -> None:
        """Whatever was done to it, it stands there empty again."""
        for word in ("replug", "unit kg", "net 0kg", "take"):
            self.village.scale.command(word)
        self.visitor.wait_live("an empty pan", {"weight": {"state": "empty"}})

    def chooses(self, grams: int) -> VisitedPage:
        """Goods on the pan, no card; returns the screen of the goods."""
        self.village.scale.command(f"put {grams / 1000:.3f}kg")
        self.visitor.wait_live("the question who", {"step": "who"})
        self.visitor.press("/who", "/party", party="non_member")
        return self.visitor.get("/what")

    def brings(self, grams: int, product: str = "BADAM") -> Form:
        """Everything up to the tap on agree; returns the form of the tap."""
        self.visitor.post(self.chooses(grams).form("/product", code=product))
        return self.sees(grams)

    def sees(self, grams: int) -> Form:
        """The weight is locked; returns the form of the tap."""
        self.visitor.wait_live("a locked weight", {"weight": {"state": "locked", "text": f"{grams / 1000:.3f}"}})
        return self.visitor.get("/agree").form("/agree")

    def books(self, grams: int) -> VisitedPage:
        """A whole intake up to the page that follows the tap on agree."""
        return agree(self.visitor, self.brings(grams))

    def wait_for_papers(self) -> None:
        """Every paper of the intakes before has come out or been given up: a late one would be counted as a new one."""
        deadline = time.monotonic() + WAIT_S
        while self.waiting_papers():
            assert time.monotonic() < deadline, "papers of the test before never came out"
            time.sleep(0.05)

    def waiting_papers(self) -> int:
        with closing(sqlite3.connect(f"file:{self.village.database}?mode=ro", uri=True)) as db:
            rows = db.execute("SELECT count(*) FROM print_job WHERE state IN ('queued', 'sending')")
            return int(rows.fetchone()[0])

    def booked(self) -> list[tuple[str, int]]:
        """Receipt and gross grams of everything confirmed, read from the file by somebody else."""
        with closing(sqlite3.connect(f"file:{self.village.database}?mode=ro", uri=True)) as db:
            rows = db.execute("SELECT body FROM journal WHERE type = 'station.intake.confirmed.v1' ORDER BY position")
            events = [json.loads(body)["data"] for (body,) in rows]
        return [(data["receipt"], data["gross_g"]) for data in events]


@pytest.fixture
def counter(village: Village) -> Iterator[Counter]:
    with closing(StationClient(village.station_url)) as visitor:
        counter = Counter(village, visitor)
        counter.clear()
        counter.wait_for_papers()
        yield counter


def says(page: VisitedPage, text_id: str) -> bool:
    """Whether the page carries this sentence in Uyghur, the first language of the screen."""
    return escape(UYGHUR.text(text_id)) in page.text


def kiosk(village: Village, *arguments: str, stdin: str = "") -> Result:
    """One command of the station's technician."""
    return CliRunner().invoke(main, [*arguments, "--config", str(village.config)], input=stdin)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"code": "GOLD"}, "problem.unknown_product"),
        ({"code": "<script>alert(1)</script>"}, "problem.unknown_product"),
        ({"code": "badam"}, "problem.unknown_product"),
        ({"code": ""}, "problem.unknown_product"),
        ({"code": "BADAM", "catalog_version": "999"}, "problem.stale_page"),
        ({"code": "BADAM", "catalog_version": "-1"}, "problem.stale_page"),
        ({"code": "BADAM", "catalog_version": "1e3"}, "problem.stale_page"),
        ({"code": "BADAM", "catalog_version": "٣"}, "problem.stale_page"),
    ],
)
def test_goods_that_are_not_in_the_list(counter: Counter, fields: dict[str, str], sentence: str) -> None:
    form = counter.chooses(5000).form("/product", code="BADAM")
    page = counter.visitor.post(Form("/product", {**form.fields, **fields}))
    assert (page.status, says(page, sentence)) == (409, True)
    assert "<script>alert" not in page.text
    assert counter.visitor.get("/").path == "/what"


def test_goods_without_a_price(counter: Counter) -> None:
    catalog = counter.village.catalog.read_text(encoding="utf-8")
    lines = catalog.split("[[prices]]")
    kept = [part for part in lines if 'product = "BADAM"' not in part]
    try:
        assert kiosk(counter.village, "catalog", "import", stdin="[[prices]]".join(kept)).exit_code == 0
        form = counter.chooses(5000).form("/product", code="BADAM")
        page = counter.visitor.post(form)
        assert (page.status, says(page, "problem.no_price")) == (409, True)
    finally:
        assert kiosk(counter.village, "catalog", "import", stdin=catalog).exit_code == 0
    counter.clear()
    assert counter.books(5000).path == "/take"


def test_a_port_that_disappears_in_the_middle(counter: Counter) -> None:
    before = counter.booked()
    form = counter.brings(6000)
    counter.village.scale.command("unplug")
    counter.visitor.wait_live("a lost scale", {"weight": {"state": "lost", "text": ""}})
    for stale in (form, counter.visitor.get("/agree").form("/agree")):
        page = counter.visitor.post(stale)
        assert page.status == 409
    assert says(page, "reason.lost")
    assert counter.booked() == before
    counter.village.scale.command("replug")
    assert agree(counter.visitor, counter.sees(6000)).path == "/take"
    assert [gross for _, gross in counter.booked()] == [*(gross for _, gross in before), 6000]


WITHOUT_WEIGHT = ["garble 999999", "silent", "unit lb"]
if TORTURE:  # noise by another way, and another reading that is no gross weight
    WITHOUT_WEIGHT += ["low-baud", "net 0.640kg"]


@pytest.mark.parametrize("word", WITHOUT_WEIGHT)
def test_frames_that_cannot_be_trusted_show_and_book_no_weight(counter: Counter, word: str) -> None:
    before = counter.booked()
    form = counter.brings(7000)
    shown: list[str] = []
    counter.village.scale.command(word)
    for message in counter.visitor.live():
        shown.append(message["weight"]["text"])
        if message["weight"]["state"] == "lost" or (message["weight"]["why"] and not message["weight"]["text"]):
            break
    assert set(shown) <= {"", "7.000"}
    assert counter.visitor.post(form).status == 409
    assert counter.booked() == before
    counter.heal_scale()
    counter.village.scale.command("put 7.005kg")
    assert agree(counter.visitor, counter.sees(7005)).path == "/take"
    assert counter.booked()[len(before) :] == [(counter.village.newest_intake().receipt, 7005)]


def test_a_second_tap_is_the_first_receipt_and_one_label(counter: Counter) -> None:
    before, labels = counter.booked(), len(counter.village.label_printer.printed)

    def four_fingers(form: Form) -> list[VisitedPage]:
        taps: list[VisitedPage] = []

        def tap() -> None:
            with closing(StationClient(counter.village.station_url)) as finger:
                taps.append(finger.post(form))

        fingers = [threading.Thread(target=tap) for _ in range(4)]
        for finger in fingers:
            finger.start()
        for finger in fingers:
            finger.join()
        return taps

    form, taps = taken(counter.visitor, counter.brings(8000), four_fingers)
    assert [(page.status, page.path) for page in taps] == [(200, "/take")] * 4
    assert len(counter.booked()) == len(before) + 1
    counter.visitor.wait_live("the papers", PAPERS_DONE)
    assert counter.visitor.post(form).path == "/take"
    counter.visitor.wait_live("the papers", PAPERS_DONE)
    assert len(counter.village.label_printer.printed) == labels + 1
    assert len(counter.booked()) == len(before) + 1


def test_a_page_that_shows_another_weight_books_nothing(counter: Counter) -> None:
    before = counter.booked()
    old = counter.brings(9000)
    counter.village.scale.command("put 9.500kg")
    new = counter.sees(9500)
    for form in (old, Form("/agree", {**new.fields, "token": old.fields["token"]}), Form("/agree", {})):
        page = counter.visitor.post(form)
        assert (page.status, says(page, "problem.stale_page")) == (409, True)
    assert counter.booked() == before
    assert agree(counter.visitor, new).path == "/take"
    assert counter.booked()[-1][1] == 9500


def test_a_broker_that_is_down_is_no_reason_to_send_anybody_home(counter: Counter) -> None:
    counter.village.command("broker", "kill")
    try:
        page = counter.books(10_000)
        assert (page.path, says(page, "take.kept"), says(page, "take.delivered")) == ("/take", True, False)
        seen = counter.visitor.wait_live("the papers", PAPERS_DONE)
        assert not seen["acknowledged"]
    finally:
        counter.village.command("broker", "restart")
    counter.visitor.wait_live("the acknowledgement", {"acknowledged": True, "pending": 0}, WAIT_S)
    assert says(counter.visitor.get("/take"), "take.delivered")


def test_a_printer_that_is_off_prints_once_when_it_is_on_again(counter: Counter) -> None:
    labels = len(counter.village.label_printer.printed)
    counter.village.label_printer.command("off")
    counter.books(11_000)
    counter.visitor.wait_live(
        "one paper of two", {"prints": ["queued", "printed"], "marks": {"printer": {"word": "printer_off"}}}
    )
    counter.village.label_printer.command("on")
    counter.visitor.wait_live("both papers", {"prints": ["printed", "printed"], "marks": {"printer": {"word": "ok"}}})
    assert len(counter.village.label_printer.printed) == labels + 1


@pytest.mark.parametrize("word", ["slow", "off"])
def test_a_power_cut_between_the_tap_and_the_paper_prints_nothing_twice(
    counter: Counter, word: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A label takes so long that it is on its way when the power goes, also when this machine stands still meanwhile.
    monkeypatch.setattr(printer_mechanism, "_SLOW_S", 6.0)
    village = counter.village
    before = len(village.label_printer.printed)
    for number in range(CUTS):
        village.label_printer.command(word)
        shown = counter.brings(12_000 + 5 * number)
        form, (page,) = taken(counter.visitor, shown, lambda seen: [counter.visitor.post(seen)])
        assert page.path == "/take"
        if word == "slow":
            counter.visitor.wait_live("a label on its way", {"prints": lambda states: states[0] == "sending"})
        village.station.kill()
        counter.visitor.close()
        village.station.start()
        village.label_printer.command("on")
        assert counter.visitor.post(form).path == "/take", "the same tap finds the first receipt"
        seen = counter.visitor.wait_live("every paper told of", PAPERS_DONE)
        assert seen["prints"][0] == ("unknown" if word == "slow" else "printed")
        counter.clear()
    counter.books(13_000)
    counter.visitor.wait_live("the papers of the next", {"prints": ["printed", "printed"]})
    lots = Tally(bag_of(read_label(path))[0].lot for path in village.label_printer.printed[before:])
    assert set(lots.values()) == {1}
    assert len(lots) == CUTS + 1 if word == "off" else 1 <= len(lots) <= CUTS + 1


HOSTILE = {
    "BADAM": "Almond <script>alert(1)</script>",
    "WALNUT": "Almond\"'><img src=x onerror=a>",
    "JUJUBE": "Almond ^XZ^XA^FO0,0^FDforged^FS",
    "HONEY": "Almond {{7*7}} {% raw %}",
    "RAISIN": 'Almond";PRINT 9,9;CLS',
}
ON_PAPER = ("BADAM", "RAISIN")
"""`make torture` prints each: what is no command of these printers, and what is one of the label printer's."""


def renamed(catalog: str, names: Mapping[str, str]) -> str:
    """The catalog with other English names for some goods."""
    for code, name in names.items():
        row = catalog.index(f'code = "{code}"')
        old = re.compile(r'(?<=en = )"[^"]*"').search(catalog, row)
        assert old is not None
        catalog = catalog[: old.start()] + json.dumps(name) + catalog[old.end() :]
    return catalog


def test_a_hostile_name_is_a_name_on_every_page_and_on_paper(counter: Counter) -> None:
    village = counter.village
    catalog = village.catalog.read_text(encoding="utf-8")
    assert kiosk(village, "catalog", "import", stdin=renamed(catalog, HOSTILE)).exit_code == 0
    page = counter.chooses(14_000)
    english = counter.visitor.get("/what?lang=en")
    for name in HOSTILE.values():
        assert escape(name) in english.text.replace("&#34;", "&quot;").replace("&#39;", "&#x27;")
        assert name not in english.text or escape(name) == name
    for number, code in enumerate(HOSTILE if TORTURE else ON_PAPER):
        labels, receipts = len(village.label_printer.printed), len(village.receipt_printer.printed)
        page = counter.chooses(14_000) if number else page
        assert counter.visitor.post(page.form("/product", code=code)).path == "/agree"
        agree(counter.visitor, counter.sees(14_000))
        counter.visitor.wait_live("both papers", {"prints": ["printed", "printed"]})
        assert bag_of(read_label(village.label_printer.printed[-1]))[0].lot == village.newest_intake().lot
        assert len(village.label_printer.printed) == labels + 1
        assert len(village.receipt_printer.printed) == receipts + 1
        counter.clear()


UNSHOWABLE = {
    "Almond\x1b@": "U+001B",
    "Almond\nBADAM": "U+000A",
    "Almond\u202edlog": "U+202E",
    "Almond\u2066": "U+2066",
    "A" * 41: "41 characters",
    "": "0 characters",
}


def test_a_name_no_screen_can_show_is_refused_and_nothing_changes(counter: Counter) -> None:
    catalog = counter.village.catalog.read_text(encoding="utf-8")
    version = counter.chooses(5000).form("/product", code="BADAM").fields["catalog_version"]
    for name, word in UNSHOWABLE.items():
        done = kiosk(counter.village, "catalog", "import", stdin=catalog.replace('"Almond (badam)"', json.dumps(name)))
        assert (done.exit_code, done.stdout) == (2, ""), repr(name)
        assert word in done.stderr, repr(name)
        assert len(done.stderr.splitlines()) == 1, repr(name)
        assert done.stderr[:-1].isprintable(), repr(name)
    counter.clear()
    assert counter.chooses(5000).form("/product", code="BADAM").fields["catalog_version"] == version


def test_nonsense_from_the_scanner_opens_nothing_and_a_card_afterwards_does(counter: Counter) -> None:
    for scan in (
        b"<script>\r",
        b"\x1b[2J\x1b[31m2026-01-01 INFO forged\r",
        b"6901234567892\r",
        b"\xff" * 999 + b"\r",
        b"Y1P99999H\r",
    ):
        counter.village.scanner.send(scan)
    counter.visitor.wait_live("still the first screen", HOME)
    counter.village.scanner.scan(internal_code("P", "04412"))
    counter.visitor.wait_live("the goods", {"step": "what"})
    log = (counter.village.folder / "logs" / "station.log").read_text(encoding="utf-8")
    assert all(line.isprintable() for line in log.splitlines())


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A disk of the station's own; only root can make one."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "station", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


@contextmanager
def filled(village: Village) -> Iterator[None]:
    """Not one more byte on the disk."""
    rest = village.database.with_name("filler")
    with rest.open("wb", buffering=0) as filler:
        try:
            while True:
                filler.write(b"x" * 4096)
        except OSError:
            pass
    yield
    rest.unlink()


@contextmanager
def small_files(village: Village) -> Iterator[None]:
    """The kernel lets the station write no file any further: works everywhere, for everybody."""
    pid = village.station.pid
    assert pid is not None
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (1024, hard))
    yield
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, hard))


def test_a_full_disk_takes_nothing_new_loses_nothing_and_goes_on_with_room_again(tmp_path: Path) -> None:
    """For the one the kernel says "input/output error", for the other "no room"."""
    full = [(small_files, "problem.store_failed")]
    with ExitStack() as ends:
        if os.geteuid() == 0:
            ends.enter_context(small_disk(tmp_path / "station"))
            full.append((filled, "problem.disk_full"))
        village = ends.enter_context(running(tmp_path))
        visitor = ends.enter_context(closing(StationClient(village.station_url)))
        counter = Counter(village, visitor)
        counter.clear()
        counter.books(15_000)
        visitor.wait_live("both papers", {"prints": ["printed", "printed"]})
        for number, (fill, sentence) in enumerate(full, 1):
            counter.clear()
            with fill(village):
                refused = refused_sooner_or_later(counter)
                assert (refused.status, says(refused, sentence)) == (409, True)
                before = counter.booked()
                assert before[0] == ("0147-A-000001", 15_000)
                assert visitor.get("/what").status == 200, "the pages still work"
            counter.clear()
            assert counter.books(16_000 + 5 * number).path == "/take"
            visitor.wait_live("both papers", {"prints": ["printed", "printed"]})
            after = counter.booked()
            assert after[:-1] == before
            assert after[-1][1] == 16_000 + 5 * number
        receipts = [receipt for receipt, _ in after]
        assert receipts == sorted(set(receipts))
        visitor.wait_live("everything acknowledged", {"pending": 0})
        village.station.stop()
        village.station.start()
        assert counter.booked() == after
        assert_in_good_order(village)


def refused_sooner_or_later(counter: Counter) -> VisitedPage:
    """New work on a full disk: a few pages of the log may still have room."""
    for number in range(100):
        page = counter.visitor.post(counter.chooses(5000 + 5 * number).form("/product", code="BADAM"))
        if page.status != 200:
            return page
        assert counter.visitor.post(counter.sees(5000 + 5 * number)).status in (200, 409)
        counter.clear()
    raise AssertionError("a hundred intakes went onto a full disk")


def assert_in_good_order(village: Village) -> None:
    for child in (village.station, village.relay, village.center):
        assert child.running, f"{child.name} ended: {child.last_words()}"
    for log in sorted((village.folder / "logs").iterdir()):
        assert "Traceback" not in log.read_text(encoding="utf-8"), log.name


def test_after_all_of_this_every_program_lives_and_none_was_surprised(counter: Counter) -> None:
    counter.visitor.wait_live("everything acknowledged", {"pending": 0})
    assert_in_good_order(counter.village)
    ledger = counter.village.ledger_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as db:
        rows = db.execute("SELECT body FROM event WHERE type = 'station.intake.confirmed.v1'").fetchall()
    there = sorted((data["receipt"], data["gross_g"]) for data in (json.loads(body)["data"] for (body,) in rows))
    assert there == sorted(counter.booked())
