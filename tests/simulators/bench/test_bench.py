"""The bench page against a village of paper: what each button says, what may be looked at, who may not."""

from __future__ import annotations

import itertools
import json
import re
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from kiosk.domain.clerk import Role
from kiosk.domain.parcel import ParcelNumber, ParcelState
from kiosk.protocols.barcodes.waybills import identify
from kiosk.simulators.bench import bench as bench_module
from kiosk.simulators.bench.app import BenchServer, create_bench
from kiosk.simulators.bench.bench import GOODS, KINDS, WordsInForce, drawings, fetch, lying, words_of
from kiosk.simulators.shared.counter_stock import CounterStock, DemoPickupSlip, DemoWorker
from kiosk.simulators.shared.faults import FAULT_WORDS, BadFaultWord, parse_fault
from kiosk.store.shared.records import ExpectedParcel, ParcelRow
from kiosk.web.factory import create_app
from kiosk.web.shared.settings import WebSettings
from tests.simulators.bench.village import NOBODY, PaperVillage
from tests.web.shop import Shop

HOSTILE = "<script>alert(1)</script>\"'^XZ\u202e\x1b"


@pytest.fixture
def village(tmp_path: Path) -> PaperVillage:
    return PaperVillage(tmp_path)


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two looks of a test are within one second, and an answer that comes late comes."""
    monkeypatch.setattr(bench_module, "_TIMEOUT_S", 30.0)
    monkeypatch.setattr(bench_module, "_MAX_AGE_S", 300.0)


@pytest.fixture
def client(village: PaperVillage) -> FlaskClient:
    return create_bench(village).test_client()


@dataclass
class Forms(HTMLParser):
    """Every form of the page as what a browser would send."""

    forms: list[dict[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        row = {name: value or "" for name, value in attrs}
        if tag == "form":
            assert (row["method"], row["action"]) == ("post", "/word")
            self.forms.append({})
        elif tag == "input":
            self.forms[-1][row["name"]] = row["value"]


def forms_of(client: FlaskClient) -> list[dict[str, str]]:
    parser = Forms()
    parser.feed(client.get("/").text)
    return parser.forms


def test_every_button_of_the_page_says_a_word_the_village_obeys(client: FlaskClient, village: PaperVillage) -> None:
    forms = forms_of(client)
    for form in forms:
        assert client.post("/word", data=form).status_code == 200, form
    assert len(village.said) == len(forms) > 50
    offered = {(KINDS[device], text.split(" ")[0]) for device, text in village.said}
    left_out = {(row.device, row.word) for row in FAULT_WORDS} - offered
    assert left_out == {("clock", "unset"), ("clock", "jump")}


@pytest.mark.parametrize(("device", "word"), [(device, row) for device in KINDS for row in words_of(device)])
def test_a_word_reaches_its_device(client: FlaskClient, village: PaperVillage, device: str, word: Any) -> None:
    text = f"{word.word} {word.argument}".strip()
    assert client.post("/word", json={"device": device, "text": text}).get_json() == {"ok": True}
    assert village.said == [(device, text)]
    form = {"device": device, "word": word.word, "argument": word.argument}
    assert client.post("/word", data=form, headers={"Accept": "text/html"}).status_code == 303
    assert village.said == [(device, text)] * 2


@pytest.mark.parametrize(
    ("accept", "status"),
    [("*/*", 200), ("application/json", 200), ("text/html,application/xml;q=0.9,*/*;q=0.8", 303)],
)
def test_a_browser_is_led_back_and_a_program_gets_json(client: FlaskClient, accept: str, status: int) -> None:
    said = {"device": "scale", "text": "take"}
    assert client.post("/word", data=said, headers={"Accept": accept}).status_code == status


def test_the_members_cards_of_the_catalog_can_be_scanned(client: FlaskClient) -> None:
    scans = [form["text"] for form in forms_of(client) if form.get("text", "").startswith("scan ")]
    assert "scan Y1P04412J" in scans
    assert len(scans) == 6


def parcel(number: int, waybill: str, state: ParcelState) -> ParcelRow:
    return ParcelRow(
        number=ParcelNumber("S0147", "A", number),
        waybill=waybill,
        carrier="SF",
        state=state,
        shelf=f"A-1-{number:02d}",
        consent="carrier_order_flag",
        expected=False,
        surplus=False,
        damaged=False,
        phone_last4=None,
        photo_sha256=None,
        code_no=1,
        arrived_at=None,
        closed_at=None,
        shelf_since=None,
    )


STOCK = CounterStock(
    people=(
        DemoWorker("01", "Patigul", Role.CLERK, "480317"),
        DemoWorker("02", "<b>Wang Li</b>", Role.CLERK, "926154"),
        DemoWorker("03", "Memet", Role.TECHNICIAN, "017453"),
    ),
    expected=(ExpectedParcel("SF1385000000001", "SF", "4711"), ExpectedParcel("YT7300000000002", "YTO")),
    unknown=("JD0112345678901", "431234567890123"),
    slips=(
        DemoPickupSlip(parcel(1, "SF1385000000009", ParcelState.OVERDUE), "004217"),
        DemoPickupSlip(parcel(2, "YT7300000000009", ParcelState.NOTICED), "661190"),
    ),
)


def test_what_a_clerk_scans_is_scanned_by_the_scanner(village: PaperVillage) -> None:
    """At the operating system's boundary, by the same word as any other text."""
    village.counter_stock = STOCK
    client = create_bench(village).test_client()
    forms = [form for form in forms_of(client) if form["device"] == "scanner"]
    for form in forms:
        assert client.post("/word", data=form).status_code == 200, form
    scanned = {text.removeprefix("scan ") for _, text in village.said}
    assert scanned >= {
        *("SF1385000000001", "YT7300000000002", "JD0112345678901", "431234567890123", "6901234567892", "Y1P04412J"),
        *(slip.text for slip in STOCK.slips),
    }
    page = client.get("/").text
    for title in ("A-1-01 overdue", "YUNDA?", "Goods"):
        assert re.search(rf'class="code-key"[^>]*>{re.escape(title)}<small>', page), title
    assert not identify("6901234567892").accept


def test_the_pins_stand_on_the_page_and_in_no_other_answer(village: PaperVillage) -> None:
    village.counter_stock = STOCK
    client = create_bench(village).test_client()
    page = client.get("/").text
    assert "<b>Wang Li</b>" not in page
    for worker in STOCK.people:
        assert worker.pin in page
        assert worker.pin not in client.get("/state.json").text
    for headers in ({"Host": "evil.example"}, {"Host": "localhost:81"}):
        answer = client.get("/", headers=headers)
        assert answer.status_code == 403
        assert "480317" not in answer.text
    assert client.get("/").headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert client.get("/").headers["Cache-Control"] == "no-store"


def test_a_counter_without_people_has_no_start(client: FlaskClient) -> None:
    page = client.get("/").text
    assert "Start here" not in page
    assert "pin" not in re.findall(r'class="([^"]+)"', page)


def test_every_face_opens_in_a_tab_of_its_own(client: FlaskClient, village: PaperVillage) -> None:
    village.counter_stock = STOCK
    links = re.findall(r'<a href="([^"]+)" target="_blank" rel="noopener noreferrer">', client.get("/").text)
    staff = NOBODY.replace("127.0.0.1", "localhost")
    faces = {f"{NOBODY}/", f"{staff}/counter", f"{staff}/technician"}
    assert set(links) == faces
    assert len(links) > len(faces), "in the head, and where a line speaks of one"


def test_both_buttons_of_the_panel_can_be_pressed_and_held(client: FlaskClient) -> None:
    said = {form["text"] for form in forms_of(client) if form["device"] == "panel"}
    assert said == {"press ok", "hold ok", "press help", "hold help"}


def test_the_lamps_are_shown_as_they_are(client: FlaskClient, village: PaperVillage) -> None:
    assert client.get("/state.json").get_json()["panel"] is None
    village.panel.shown = {"ready": "on", "busy": "off", "fault": "blinks", "buzzer": "off"}
    assert client.get("/state.json").get_json()["panel"] == village.panel.shown
    assert set(re.findall(r'data-lamp="(\w+)"', client.get("/").text)) == set(village.panel.shown)


def test_meanings_are_on_the_buttons(client: FlaskClient) -> None:
    page = client.get("/").text
    for device in ("scale", "label", "camera", "link", "broker", "power"):
        for row in words_of(device):
            if row.word not in ("put", "take", "scene"):
                assert row.meaning.replace("'", "&#39;") in page


@pytest.mark.parametrize(
    ("said", "part"),
    [
        ({"device": "scale", "text": "dance"}, "no fault word 'dance'"),
        ({"device": "scale", "text": "put"}, "needs an argument like 2.480kg"),
        ({"device": "toaster", "text": "on"}, "'toaster' is not on the bench"),
        ({"device": "scale", "text": "put " + "9" * 800}, "at most 700"),
        ({"device": "scanner", "text": "scan \ud800"}, "at most 700"),
        ({"device": 5, "text": []}, "is not on the bench"),
        ([1, 2], "is not on the bench"),
        ("text", "is not on the bench"),
    ],
)
def test_a_bad_word_is_refused_in_words(client: FlaskClient, village: PaperVillage, said: Any, part: str) -> None:
    answer = client.post("/word", json=said)
    assert answer.status_code == 400
    assert part in answer.get_json()["error"]
    assert village.said == []


def test_broken_json_and_an_empty_form_are_refused(client: FlaskClient) -> None:
    assert client.post("/word", data=b"{", content_type="application/json").status_code == 400
    assert client.post("/word").status_code == 400
    assert client.post("/word", data={"device": "scale", "text": "put " + "x" * 20_000}).status_code == 413


def test_hostile_text_stays_text(client: FlaskClient, village: PaperVillage) -> None:
    assert client.post("/word", json={"device": "scanner", "text": f"scan {HOSTILE}"}).status_code == 200
    assert village.said == [("scanner", f"scan {HOSTILE}")]
    refused = client.post("/word", data={"device": HOSTILE, "text": HOSTILE}, headers={"Accept": "text/html"})
    assert (refused.status_code, refused.mimetype) == (400, "text/plain")
    assert refused.headers["X-Content-Type-Options"] == "nosniff"


def test_hostile_names_in_the_catalog_stay_text(village: PaperVillage) -> None:
    text = village.catalog.read_text(encoding="utf-8")
    village.catalog.write_text(text.replace("王芳", "<script>alert(1)</script>"), encoding="utf-8")
    page = create_bench(village).test_client().get("/").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


@pytest.mark.parametrize("error", [RuntimeError("station did not start"), OSError("the port is taken")])
def test_what_the_machine_cannot_do_is_said(client: FlaskClient, village: PaperVillage, error: Exception) -> None:
    village.fails = error
    answer = client.post("/word", json={"device": "power", "text": "cut"})
    assert answer.status_code == 503
    assert str(error) in answer.get_json()["error"]
    assert client.get("/state.json").get_json()["words"]["power"] == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:81"},
        {"Origin": "https://localhost"},
    ],
)
def test_another_page_may_say_nothing(client: FlaskClient, village: PaperVillage, headers: dict[str, str]) -> None:
    assert client.post("/word", json={"device": "scale", "text": "take"}, headers=headers).status_code == 403
    assert village.said == []


@pytest.mark.parametrize("host", ["evil.example", "localhost:81", "127.0.0.1.evil.example", "a@localhost", "[", ""])
def test_another_name_for_this_machine_is_refused(client: FlaskClient, village: PaperVillage, host: str) -> None:
    for path in ("/", "/state.json"):
        assert client.get(path, headers={"Host": host}).status_code in (400, 403)
    said = {"device": "scale", "text": "take"}
    assert client.post("/word", json=said, headers={"Host": host}).status_code in (400, 403)
    assert village.said == []


def test_its_own_names_are_welcome(client: FlaskClient) -> None:
    for host in ("localhost", "127.0.0.1", "[::1]"):
        said = {"device": "scale", "text": "take"}
        assert client.post("/word", json=said, headers={"Host": host, "Origin": f"http://{host}"}).status_code == 200


def test_every_answer_is_hardened_and_the_page_has_nothing_inline(client: FlaskClient) -> None:
    for path in ("/", "/state.json", "/nowhere", "/drawings/sack.svg", "/bench/bench.css", "/bench/bench.js"):
        with client.get(path) as answer:
            policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
    page = client.get("/").text
    assert not re.search(r"\sstyle=|<style|\son[a-z]+=|<script(?![^>]*\ssrc=)|javascript:", page)
    for address in re.findall(r'(?:src|href)="(/[^"]*)"', page):
        with client.get(address) as answer:
            assert answer.status_code == 200, address


def test_looking_changes_nothing(client: FlaskClient, village: PaperVillage) -> None:
    before = client.get("/state.json").get_json()
    for path in ("/", "/word?device=scale&text=take", "/camera.jpg", "/paper/label/000001.png"):
        client.get(path)
    assert client.get("/state.json").get_json() == before
    assert village.said == []


def test_papers_newest_first_and_only_what_the_printer_named(client: FlaskClient, village: PaperVillage) -> None:
    papers = []
    for number in range(1, 9):
        papers.append(village.folder / f"{number:06d}.png")
        papers[-1].write_bytes(b"png %d" % number)
    village.label_printer.printed = tuple(papers)
    names = client.get("/state.json").get_json()["papers"]
    assert names == {"label": [f"{number:06d}.png" for number in range(8, 2, -1)], "receipt": []}
    assert client.get("/paper/label/000008.png").data == b"png 8"
    secrets = ("catalog.toml", "../catalog.toml", "..%2fcatalog.toml", "%2e%2e/catalog.toml", "000009.png", "")
    for printer, name in itertools.product(("label", "receipt", "..", "nobody"), secrets):
        assert client.get(f"/paper/{printer}/{name}").status_code in (404, 405), (printer, name)
    assert client.get("/paper/receipt/000008.png").status_code == 404
    papers[-1].unlink()
    assert client.get("/paper/label/000008.png").status_code == 404
    assert client.get("/drawings/../bench.css").status_code == 404
    assert client.get("/drawings/nothing.svg").status_code == 404


def test_the_cameras_picture_comes_and_goes(client: FlaskClient, village: PaperVillage) -> None:
    assert client.get("/camera.jpg").status_code == 404
    assert client.get("/state.json").get_json()["camera"] == {"state": "badam", "version": None}
    village.camera.path.write_bytes(b"jpeg")
    assert client.get("/camera.jpg").data == b"jpeg"
    assert client.get("/state.json").get_json()["camera"]["version"]


def test_the_pan_shows_what_was_put_there(client: FlaskClient) -> None:
    def said(text: str) -> Any:
        client.post("/word", json={"device": "scale", "text": text})
        return client.get("/state.json").get_json()["pan"]

    assert said("put 12.480kg") == {"text": "12.480", "picture": "sack"}
    assert said("put 640g") == {"text": "0.640", "picture": "bucket"}
    assert said("jitter 0.010kg") == {"text": "0.640", "picture": "bucket"}
    assert said("take") == {"text": "0.000", "picture": ""}


def test_goods_are_drawn_by_name_or_by_size() -> None:
    assert {lying(row.grams) for row in GOODS} <= set(drawings())
    assert [lying(grams) for grams in (-5, 0, 1, 7_999, 8_000, 15_999, 16_000)] == [
        *("", "", "bucket", "bucket", "sack", "sack", "crate"),
    ]


def test_words_in_force() -> None:
    spoken = WordsInForce()
    for device, text, left in (
        ("scale", "jitter 0.010kg", ["jitter 0.010kg"]),
        ("scale", "silent", ["jitter 0.010kg", "silent"]),
        ("scale", "put 1.000kg", ["silent"]),
        ("scale", "unit lb", ["silent", "unit lb"]),
        ("scale", "replug", ["unit lb"]),
        ("scale", "unit kg", []),
        ("scale", "garble 3", []),
        ("label", "jam", ["jam"]),
        ("label", "paper-out", ["jam", "paper-out"]),
        ("label", "paper-in", ["jam"]),
        ("label", "on", []),
        ("link", "slow 32kbit", ["slow 32kbit"]),
        ("link", "down", ["down"]),
        ("link", "up", []),
        ("broker", "kill", ["kill"]),
        ("broker", "deny", ["deny"]),
        ("broker", "restart", []),
        ("process", "stall 2s", []),
        ("power", "cut", []),
        ("scanner", "scan X", []),
        ("scanner", "keyboard X", []),
        ("panel", "press ok", []),
        ("panel", "hold help", []),
    ):
        spoken.note(device, text)
        assert spoken.in_force(device) == left, text


def test_only_one_hand_at_a_device(village: PaperVillage) -> None:
    inside, most = 0, 0
    entered = threading.Barrier(2, timeout=0.2)

    class Slow(PaperVillage):
        def command(self, device: str, text: str) -> None:
            nonlocal inside, most
            inside += 1
            most = max(most, inside)
            with suppress(threading.BrokenBarrierError):
                entered.wait()
            inside -= 1

    app = create_bench(Slow(village.folder))
    cut = {"device": "power", "text": "cut"}
    hands = [threading.Thread(target=lambda: app.test_client().post("/word", json=cut)) for _ in range(2)]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    assert most == 1


# --- the two real programs, as answers of a small server --------------------------------------------------------------

SUMMARY = {"events": 5, "totals": {"intakes": 3, "net_g": 36_370, "amount_fen": 79_242}}
INTAKES = {
    "intakes": [
        {"receipt": f"0147-A-{n:06d}", "product": code, "net_g": 1000 * n, "amount_fen": 100 * n, "voided": n == 2}
        for n, code in ((1, "BADAM"), (2, HOSTILE), (3, "WALNUT"))
    ],
    "last": 4_100,
}
HEALTH = {"pending": 2, "scale": "ok", "printer": "paper_out", "link": "waiting"}


@contextmanager
def answering(pages: dict[str, tuple[int, bytes]]) -> Iterator[tuple[str, list[str]]]:
    """A server that answers these paths (without query); yields its address and what was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            status, body = pages.get(self.path.partition("?")[0], (404, b"{}"))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


def body(said: object) -> tuple[int, bytes]:
    return 200, json.dumps(said).encode()


GOOD = {"/health": body(HEALTH), "/ledger/summary.json": body(SUMMARY), "/intakes.json": body(INTAKES)}


def told(village: PaperVillage, pages: dict[str, tuple[int, bytes]]) -> tuple[Any, list[str]]:
    with answering(pages) as (url, asked):
        village.station_url = village.center_url = url
        client = create_bench(village).test_client()
        state = client.get("/state.json").get_json()
        assert client.get("/state.json").get_json() == state
        return state, asked


def test_the_ledger_fills_up(village: PaperVillage) -> None:
    state, asked = told(village, GOOD)
    assert state["station"] == {"answers": True, **HEALTH}
    center = state["center"]
    assert (center["answers"], center["intakes"], center["events"]) == (True, "3", "5")
    assert center["net"] == "36.370\u00a0kg"
    assert [(row["net"], row["picture"], row["voided"]) for row in center["rows"]] == [
        ("3.000\u00a0kg", "walnut", False),
        ("2.000\u00a0kg", "other", True),
        ("1.000\u00a0kg", "badam", False),
    ]
    assert "\x1b" not in center["rows"][1]["product"]
    assert "\u202e" not in center["rows"][1]["product"]
    assert len(asked) == 3, "two looks within a second ask once"


def test_the_newest_intakes_are_looked_for_where_the_feed_ends(
    village: PaperVillage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not where all events end: many may wait behind a gap, and are in no feed."""
    monkeypatch.setattr(bench_module, "_MAX_AGE_S", 0.0)
    with answering({**GOOD, "/ledger/summary.json": body({**SUMMARY, "events": 9_000})}) as (url, asked):
        village.station_url = village.center_url = url
        client = create_bench(village).test_client()
        for _ in range(2):
            assert client.get("/state.json").get_json()["center"]["rows"]
        places = [path.partition("after_feedseq=")[2].partition("&")[0] for path in asked if "intakes.json" in path]
    assert places == ["0", "3900"]


def test_without_programs_the_page_says_so(client: FlaskClient) -> None:
    state = client.get("/state.json").get_json()
    assert state["station"] == {"answers": False, "pending": None}
    assert state["center"] == {"answers": False, "rows": []}
    assert "The sorting center is not answering." in client.get("/").text


@pytest.mark.parametrize(
    "pages",
    [
        {**GOOD, "/ledger/summary.json": (503, b'{"error":"x"}')},
        {**GOOD, "/ledger/summary.json": (200, b"<html>")},
        {**GOOD, "/ledger/summary.json": body([])},
        {**GOOD, "/ledger/summary.json": body({"events": "5"})},
        {**GOOD, "/intakes.json": body({"intakes": [{"receipt": "x"}]})},
        {**GOOD, "/intakes.json": body({"intakes": None})},
        {**GOOD, "/intakes.json": (200, b"[" + b"1," * (1 << 20) + b"1]")},
    ],
)
def test_an_answer_that_makes_no_sense_is_no_answer(village: PaperVillage, pages: dict[str, tuple[int, bytes]]) -> None:
    state, _ = told(village, pages)
    assert state["center"] == {"answers": False, "rows": []}
    assert state["station"]["answers"] is True


def test_the_station_of_the_field_has_none_of_the_benchs_routes(client: FlaskClient, tmp_path: Path) -> None:
    station = create_app(Shop(tmp_path), WebSettings())
    bench_rules = {rule.rule for rule in client.application.url_map.iter_rules()}
    station_rules = {rule.rule for rule in station.url_map.iter_rules()}
    assert bench_rules & station_rules == {"/"}
    inside = station.test_client()
    said = {"device": "scale", "text": "take"}
    for rule in bench_rules - {"/"}:
        address = rule.replace("<printer>", "label").replace("<path:filename>", "bench.js").replace("<name>", "sack")
        assert inside.get(address).status_code == 404, rule
        assert inside.post(address, json=said).status_code == 404, rule


def test_served_on_loopback_and_closed(village: PaperVillage) -> None:
    app = create_bench(village)
    with closing(BenchServer(app, "127.0.0.1", 0)) as server:
        assert fetch(server.url, "/state.json")["broker"] is True
        with pytest.raises(OSError):
            BenchServer(app, "127.0.0.1", server.port)
    with pytest.raises(OSError):
        fetch(server.url, "/state.json")
    with pytest.raises(ValueError, match="loopback only"):
        BenchServer(app, "192.0.2.1", 0)


def test_a_device_that_is_not_here_has_no_words() -> None:
    with pytest.raises(KeyError):
        words_of("clock")
    with pytest.raises(BadFaultWord):
        parse_fault("panel", "dance")
