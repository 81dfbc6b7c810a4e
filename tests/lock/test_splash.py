"""The page that is always there, with and without a station behind it."""

from __future__ import annotations

import http.client
import importlib.util
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path
from time import perf_counter
from types import ModuleType

import pytest
from playwright.sync_api import Browser

from kiosk.app.first_start import run_first_start
from tests.messaging.ports import claimed_port
from tests.system.breakout import closed_url

ROOT = Path(__file__).parents[2]
WAIT_S = 60.0
SESSION = ROOT / "firmware_config" / "session"


def load_server() -> ModuleType:
    spec = importlib.util.spec_from_file_location("splash_server", SESSION / "splash_server.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


splash_server = load_server()
PROBE_S: float = splash_server.PROBE_S


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that stands still for some seconds while a station is asked is no station that hangs."""
    monkeypatch.setattr(splash_server, "PROBE_S", WAIT_S)


@contextmanager
def running(server: HTTPServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join(WAIT_S)


class Station(BaseHTTPRequestHandler):
    """Answers ``status`` with a title; ``other`` names the pages that answer something else."""

    status = 200
    other: Mapping[str, int] = {}

    def do_GET(self) -> None:
        body = b"<title>the station</title>"
        self.send_response(self.other.get(self.path, self.status))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def get(port: int, path: str, host: str = "127.0.0.1") -> http.client.HTTPResponse:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_S)) as connection:
        connection.request("GET", path, headers={"Host": f"{host}:{port}"})
        answer = connection.getresponse()
        answer.body = answer.read()  # type: ignore[attr-defined]
        return answer


@pytest.fixture
def down() -> Iterator[int]:
    """A splash server whose station is not there."""
    with closed_url() as url, running(splash_server.make_server(0, url)) as port:
        yield port


def test_the_splash_speaks_three_languages_and_needs_nothing_else(down: int) -> None:
    answer = get(down, "/")
    page = answer.body.decode()  # type: ignore[attr-defined]
    assert answer.status == 200
    assert "default-src 'none'" in (answer.getheader("Content-Security-Policy") or "")
    for text in ('lang="ug" dir="rtl"', "服务站正在启动", "The station is starting", "call the technician"):
        assert text in page
    assert "http://" not in page
    assert "https://" not in page


def test_every_file_the_splash_names_is_served(down: int) -> None:
    for name, media in splash_server.TYPES.items():
        answer = get(down, f"/{name}")
        assert (answer.status, answer.getheader("Content-Type")) == (200, media)


@pytest.mark.parametrize("path", ["/../start", "/splash_server.py", "/%2e%2e/start", "//etc/passwd", "/nothing"])
def test_no_other_file_is_served(down: int, path: str) -> None:
    assert get(down, path).status == 404


def test_another_host_name_is_refused(down: int) -> None:
    assert get(down, "/", host="evil.example").status == 403


def test_the_browser_is_sent_on_when_the_station_answers() -> None:
    with running(ThreadingHTTPServer(("127.0.0.1", 0), Station)) as station:
        url = f"http://127.0.0.1:{station}/"
        with running(splash_server.make_server(0, url)) as port:
            answer = get(port, "/")
            assert (answer.status, answer.getheader("Location")) == (302, url)
            assert json.loads(get(port, "/state").body) == {"station": url}  # type: ignore[attr-defined]


def test_a_station_in_trouble_does_not_count_as_there(down: int) -> None:
    sick = type("Sick", (Station,), {"status": 503})
    with (
        running(ThreadingHTTPServer(("127.0.0.1", 0), sick)) as station,
        running(splash_server.make_server(0, f"http://127.0.0.1:{station}/")) as port,
    ):
        assert json.loads(get(port, "/state").body) == {"station": None}  # type: ignore[attr-defined]
    assert json.loads(get(down, "/state").body) == {"station": None}  # type: ignore[attr-defined]


def test_the_first_start_counts_as_there_too(subtests: pytest.Subtests) -> None:
    for health, setup, there in [
        (404, 200, True),  # the first start, which keeps its health page back until the station answers there
        (404, 404, False),
        (404, 500, False),
        (503, 200, False),  # a station in trouble, whatever else it may show
        (200, 404, True),
    ]:
        with subtests.test(health=health, setup=setup, there=there):
            first_start = type("FirstStart", (Station,), {"other": {"/health": health, "/setup": setup}})
            with running(ThreadingHTTPServer(("127.0.0.1", 0), first_start)) as station:
                url = f"http://127.0.0.1:{station}/"
                with running(splash_server.make_server(0, url)) as port:
                    assert json.loads(get(port, "/state").body) == {"station": url if there else None}  # type: ignore[attr-defined]
                    assert get(port, "/").status == (302 if there else 200)


def test_a_missing_data_partition_is_said_as_long_as_it_is_missing(browser: Browser, tmp_path: Path) -> None:
    """In three languages, at once and not after a minute and a half; the mark is made by kiosk-data.service."""
    mark = tmp_path / "missing"
    with (
        closed_url() as url,
        running(splash_server.make_server(0, url, mark)) as port,
        closing(browser.new_page()) as page,
    ):
        assert json.loads(get(port, "/state").body) == {"station": None}  # type: ignore[attr-defined]
        page.goto(f"http://127.0.0.1:{port}/")
        assert page.locator(".starting").is_visible()
        mark.touch()
        assert json.loads(get(port, "/state").body) == {"station": None, "missing": "data"}  # type: ignore[attr-defined]
        page.locator(".data").wait_for(timeout=WAIT_S * 1000)
        for words in ("تېخنىكنى چاقىرىڭ", "数据分区不见了", "The data partition is missing: nothing can be kept"):
            assert page.locator(".data").get_by_text(words).is_visible(), words
        assert not page.locator(".starting, .late").first.is_visible()
        mark.unlink()
        page.locator(".starting").wait_for(timeout=WAIT_S * 1000)
        assert not page.locator(".data").is_visible()


def test_an_update_that_does_not_end_is_said_when_it_is_late(browser: Browser, tmp_path: Path) -> None:
    mark = tmp_path / "station-held"
    with (
        closed_url() as url,
        running(splash_server.make_server(0, url, tmp_path / "missing", mark)) as port,
        closing(browser.new_page()) as page,
    ):
        mark.touch()
        assert json.loads(get(port, "/state").body) == {"station": None, "held": "update"}  # type: ignore[attr-defined]
        page.clock.install()
        page.goto(f"http://127.0.0.1:{port}/")
        assert page.locator(".starting").is_visible(), "a few minutes are no fault"
        page.clock.run_for(91_000)
        page.locator(".update").wait_for(timeout=WAIT_S * 1000)
        for words in ("تېخنىكنى چاقىرىڭ", "更新没有自行结束", "An update has not ended by itself: call the technician"):
            assert page.locator(".update").get_by_text(words).is_visible(), words
        assert not page.locator(".starting, .late, .beam").first.is_visible()


def test_a_station_that_hangs_is_given_up_after_two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    assert PROBE_S == 2.0
    monkeypatch.setattr(splash_server, "PROBE_S", PROBE_S)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with running(splash_server.make_server(0, url)) as port:
            start = perf_counter()
            assert get(port, "/").status == 200
            assert 1.5 < perf_counter() - start < WAIT_S / 2


def test_what_the_splash_shares_with_the_station_is_the_same() -> None:
    static = ROOT / "kiosk" / "web" / "static"
    for copy, original in (("key-guard.js", "js/key-guard.js"), ("scale.svg", "drawings/scale.svg")):
        assert (SESSION / "splash" / copy).read_bytes() == (static / original).read_bytes(), original


def test_the_page_goes_to_the_station_by_itself_as_soon_as_it_answers(browser: Browser) -> None:
    with (
        claimed_port() as station_port,
        running(splash_server.make_server(0, f"http://127.0.0.1:{station_port}/")) as port,
        closing(browser.new_page()) as page,
    ):
        page.goto(f"http://127.0.0.1:{port}/")
        assert page.locator("h1", has_text="پونكىت قوزغىلىۋاتىدۇ").is_visible()
        assert not page.locator(".late").is_visible()
        with running(ThreadingHTTPServer(("127.0.0.1", station_port), Station)):
            page.wait_for_url(f"http://127.0.0.1:{station_port}/", timeout=WAIT_S * 1000)
            assert page.title() == "the station"


def test_the_page_goes_to_the_first_start_of_a_new_box(browser: Browser, tmp_path: Path) -> None:
    """The real wizard, which comes up while the splash is on the screen, and whose page says that it lives."""
    stop = threading.Event()

    def first_start() -> None:
        run_first_start(tmp_path / "station.toml", stop, port=station_port, data=tmp_path / "data")

    with (
        claimed_port() as station_port,
        running(splash_server.make_server(0, f"http://127.0.0.1:{station_port}/")) as port,
        closing(browser.new_page()) as page,
    ):
        page.goto(f"http://127.0.0.1:{port}/")
        wizard = threading.Thread(target=first_start)
        wizard.start()
        try:
            page.wait_for_url(f"http://127.0.0.1:{station_port}/setup", timeout=WAIT_S * 1000)
            assert get(station_port, "/health").status == 404, "its last page waits for the station there"
            page.wait_for_event("request", lambda sent: "/setup/alive" in sent.url, timeout=WAIT_S * 1000)
        finally:
            stop.set()
            wizard.join(WAIT_S)


def test_the_splash_guards_its_keys_too(browser: Browser, down: int) -> None:
    with closing(browser.new_page()) as page:
        page.goto(f"http://127.0.0.1:{down}/")
        page.wait_for_function("document.readyState === 'complete'", polling=100)
        stopped = page.evaluate(
            """["F1", "Escape"].map((key) => {
                const event = new KeyboardEvent("keydown", { key, cancelable: true, bubbles: true });
                return !document.body.dispatchEvent(event);
            })"""
        )
        assert stopped == [True, True]


@pytest.mark.parametrize("size", [(800, 480), (1280, 800)])
def test_both_texts_fit_the_panel(browser: Browser, down: int, size: tuple[int, int]) -> None:
    with closing(browser.new_page(viewport={"width": size[0], "height": size[1]})) as page:
        page.goto(f"http://127.0.0.1:{down}/")
        for state in ("starting", "late", "data", "update"):
            page.evaluate("(state) => { document.body.dataset.state = state; }", state)
            box = page.locator("main").bounding_box()
            assert box is not None
            assert min(box["x"], box["y"]) >= 0
            assert box["x"] + box["width"] <= size[0]
            assert box["y"] + box["height"] <= size[1]
