"""The visitor walks pages as a browser would: forms with what they hold, redirects, refusals, a live stream."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from kiosk.simulators.station_client import Form, StationClient, StepFailed, VisitedPage

PAGE = """
<form action="/agree" method="post"><input type="hidden" name="token" value="a&quot;b">
<input name="reading_no" value="7">
<button name="go">ok</button></form>
<form action="/product"><input name="catalog_version" value="3">
<button name="code" value="BADAM">almond</button><button name="code" value="HONEY">honey</button></form>
<p title="<form action=/evil>">text with &lt;form action="/evil"&gt;</p>
"""


class Pages(BaseHTTPRequestHandler):
    """A station of three pages."""

    protocol_version = "HTTP/1.1"
    posted: list[tuple[str, bytes, str | None]]
    stream: list[dict[str, Any]]

    def log_message(self, *_: Any) -> None:
        return

    def do_GET(self) -> None:
        if self.path == "/live":
            self.send_response(200)
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(b": hello\n\n")
            for message in self.stream:
                self.wfile.write(b"id: 1\ndata: " + json.dumps(message).encode() + b"\n\n")
            self.close_connection = True
        elif self.path == "/round":
            self._answer(303, "", "/round")
        else:
            self._answer(200, PAGE + self.path)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.posted.append((self.path, body, self.headers["Origin"]))
        if self.path == "/refused":
            self._answer(409, "no")
        else:
            self._answer(303, "", "/take")

    def _answer(self, status: int, text: str, location: str | None = None) -> None:
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())


@pytest.fixture
def station() -> Iterator[ThreadingHTTPServer]:
    Pages.posted, Pages.stream = [], []
    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        server.daemon_threads = False
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def visitor(station: ThreadingHTTPServer) -> Iterator[StationClient]:
    with closing(StationClient(f"http://127.0.0.1:{station.server_port}", timeout_s=30)) as visitor:
        yield visitor


def test_a_form_carries_what_it_holds_and_the_button_that_was_pressed(
    visitor: StationClient, station: ThreadingHTTPServer
) -> None:
    page = visitor.get("/agree")
    assert page.form("/agree") == Form("/agree", {"token": 'a"b', "reading_no": "7"})
    assert page.form("/product", code="HONEY") == Form("/product", {"catalog_version": "3", "code": "HONEY"})
    assert visitor.press("/what", "/product", code="BADAM").path == "/take"
    origin = f"http://127.0.0.1:{station.server_port}"
    assert Pages.posted == [("/product", b"catalog_version=3&code=BADAM", origin)]


@pytest.mark.parametrize(("action", "choice"), [("/evil", {}), ("/product", {"code": "GOLD"}), ("/finish", {})])
def test_what_is_not_on_the_page_cannot_be_pressed(visitor: StationClient, action: str, choice: dict[str, str]) -> None:
    with pytest.raises(StepFailed, match=rf"the page /what has no form {action}"):
        visitor.press("/what", action, **choice)


def test_a_refusal_is_a_page(visitor: StationClient) -> None:
    assert visitor.post(Form("/refused", {})) == VisitedPage(409, "/refused", "no")


def test_a_page_that_leads_to_itself_is_given_up(visitor: StationClient) -> None:
    with pytest.raises(StepFailed, match="could not be opened"):
        visitor.get("/round")


def test_the_live_stream_is_read_until_what_is_wanted_comes(visitor: StationClient) -> None:
    Pages.stream[:] = [
        {"step": "home", "weight": {"state": "moving"}},
        {"step": "who", "n": 5, "weight": {"state": "stable"}},
    ]
    assert list(visitor.live()) == Pages.stream
    assert visitor.wait_live("who", {"step": "who", "weight": {"state": "stable"}})["n"] == 5
    assert visitor.wait_live("five", {"n": lambda n: n == 5})["step"] == "who"


@pytest.mark.parametrize("wanted", [{"step": "take"}, {"weight": {"state": "locked"}}, {"step": {"state": "x"}}])
def test_what_never_comes_is_told_with_the_last_state(visitor: StationClient, wanted: dict[str, Any]) -> None:
    Pages.stream[:] = [{"step": "home"}, {"step": "who"}]
    with pytest.raises(StepFailed, match=r"the wish: not seen .* the last state was \{'step': 'who'\}"):
        visitor.wait_live("the wish", wanted, 30)  # the stream ends long before


def test_a_connection_the_station_dropped_is_made_again_for_a_page(
    visitor: StationClient, station: ThreadingHTTPServer
) -> None:
    visitor.get("/a")
    visitor._connection.sock.shutdown(2)
    assert visitor.get("/b").text.endswith("/b")
