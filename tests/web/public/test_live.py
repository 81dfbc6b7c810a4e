"""The stream with an injected clock and a scripted board, and over a real socket."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.domain.metrology.pan import PanView
from kiosk.station.desk.live import Snapshot
from kiosk.web.factory import PUBLIC_STREAMS, create_app
from kiosk.web.public import live
from kiosk.web.public.live import BEAT, BEAT_S, GAP_S, RETRY, EventStream, Streams, public_source
from kiosk.web.server import Server, serve
from kiosk.web.shared.settings import WebSettings
from tests.web.shop import Shop


class ScriptedBoard:
    """A board and a clock in one: ``changes`` are (time, snapshot); waiting lets the time pass."""

    def __init__(self, first: Snapshot, changes: list[tuple[float, Snapshot]]) -> None:
        self.now = 0.0
        self._newest = first
        self._coming = list(changes)
        self.wakes = 0

    def clock(self) -> float:
        self._arrive(self.now)
        return self.now

    def _arrive(self, until: float) -> None:
        while self._coming and self._coming[0][0] <= until:
            self._newest = self._coming.pop(0)[1]

    def snapshot(self) -> Snapshot:
        self._arrive(self.now)
        return self._newest

    def wait(self, after: int, timeout_s: float) -> Snapshot | None:
        end = self.now + timeout_s
        self._arrive(self.now)
        while self._newest.number <= after:
            if not self._coming or self._coming[0][0] > end:
                self.now = end
                return None
            self.now = max(self.now, self._coming[0][0])
            self._arrive(self.now)
        return self._newest

    def wake(self) -> None:
        self.wakes += 1


class PatientEvent(threading.Event):
    """Waiting on it moves the board's clock instead of the wall's."""

    def __init__(self, board: ScriptedBoard) -> None:
        super().__init__()
        self._board = board

    def wait(self, timeout: float | None = None) -> bool:
        self._board.now += timeout or 0.0
        return self.is_set()


def snapshots(shop: Shop, grams: list[int]) -> list[Snapshot]:
    base = shop.board.snapshot()

    def with_pan(number: int, weight: int) -> Snapshot:
        pan: PanView = replace(base.view.pan, grams=weight, reading_no=number)
        return replace(base, number=number, view=replace(base.view, pan=pan))

    return [with_pan(number, weight) for number, weight in enumerate(grams, 1)]


def stream_on(board: ScriptedBoard) -> EventStream[Snapshot]:
    stream = EventStream(
        public_source(board), lambda snapshot: b"%d" % (snapshot.view.pan.grams or 0), lambda stream: None, board.clock
    )
    stream._ended = PatientEvent(board)
    return stream


def events(board: ScriptedBoard, until: float) -> list[tuple[float, bytes]]:
    stream = stream_on(board)
    sent = []
    while board.now < until:
        chunk = next(stream)
        sent.append((round(board.now, 6), chunk))
    return sent


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_first_a_whole_snapshot_then_changes_at_once(shop: Shop) -> None:
    one, two = snapshots(shop, [100, 200])
    sent = events(ScriptedBoard(one, [(0.5, two)]), 0.5)
    assert sent == [(0.0, RETRY + b"data: 100\n\n"), (0.5, b"data: 200\n\n")]


def test_a_burst_is_its_first_and_its_last(shop: Shop) -> None:
    shots = snapshots(shop, [0, *range(10, 19)])
    burst = [(0.5 + 0.01 * number, shot) for number, shot in enumerate(shots[1:])]
    sent = events(ScriptedBoard(shots[0], burst), 0.6)
    assert [(when, chunk) for when, chunk in sent[1:]] == [(0.5, b"data: 10\n\n"), (0.6, b"data: 18\n\n")]


def test_what_did_not_change_is_not_sent(shop: Shop) -> None:
    same = snapshots(shop, [500] * 60)
    sent = events(ScriptedBoard(same[0], [(0.1 * number, shot) for number, shot in enumerate(same)]), 4.5)
    assert [chunk for _, chunk in sent[1:]] == [BEAT] * 5
    assert [when for when, _ in sent[1:]] == pytest.approx([1, 2, 3, 4, 5], abs=0.001)


def test_there_and_back_inside_the_gap_is_nothing(shop: Shop) -> None:
    one, two, three, four = snapshots(shop, [1, 2, 3, 2])
    sent = events(ScriptedBoard(one, [(0.5, two), (0.52, three), (0.55, four)]), 1.0)
    assert [chunk for _, chunk in sent[1:2]] == [b"data: 2\n\n"]
    assert b"data: 3\n\n" not in [chunk for _, chunk in sent]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0.001, 0.4), st.integers(0, 3)), max_size=30))
def test_the_newest_always_arrives_and_never_too_often(steps: list[tuple[float, int]]) -> None:
    shop = Shop(Path("unused"))
    shots = snapshots(shop, [0, *(weight for _, weight in steps)])
    when, changes = 0.0, []
    for (pause, _), shot in zip(steps, shots[1:], strict=True):
        when += pause
        changes.append((when, shot))
    sent = events(ScriptedBoard(shots[0], changes), when + 2.5)
    data = [(at, chunk) for at, chunk in sent if chunk != BEAT]
    assert data[-1][1].endswith(b"data: %d\n\n" % (shots[-1].view.pan.grams or 0))
    gaps = [later - earlier for (earlier, _), (later, _) in pairwise(data)]
    assert all(gap >= GAP_S - 1e-6 for gap in gaps)
    silences = [later - earlier for (earlier, _), (later, _) in pairwise(sent)]
    assert all(silence <= BEAT_S + GAP_S + 1e-6 for silence in silences)


def test_one_too_many_ends_the_oldest(shop: Shop) -> None:
    board = ScriptedBoard(shop.board.snapshot(), [])
    streams = Streams(public_source(board), 2, board.clock)
    opened = [streams.open(lambda snapshot: b"x") for _ in range(3)]
    assert len(streams) == 2
    assert board.wakes == 1
    assert list(opened[0]) == []
    assert next(opened[1])
    assert next(opened[2])
    opened[1].close()
    assert len(streams) == 1


def test_after_the_stop_every_stream_ends(shop: Shop) -> None:
    board = ScriptedBoard(shop.board.snapshot(), [])
    streams = Streams(public_source(board), 4, board.clock)
    before = streams.open(lambda snapshot: b"x")
    next(before)
    streams.stop()
    assert list(before) == []
    assert list(streams.open(lambda snapshot: b"x")) == []
    assert len(streams) == 0


@contextmanager
def served(shop: Shop) -> Iterator[Server]:
    server = serve(create_app(shop, WebSettings()), "127.0.0.1", 0)
    server.start()
    try:
        yield server
    finally:
        server.stop()


class Listener:
    """A timed client: one event after the other, with the moment it arrived."""

    def __init__(self, server: Server, path: str = "/live?lang=en", headers: Mapping[str, str] | None = None) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        self.connection.request("GET", path, headers=dict(headers or {}))
        self.answer = self.connection.getresponse()

    def event(self) -> tuple[str, str, float]:
        kind, data = "message", ""
        while line := self.answer.readline().decode().rstrip("\n"):
            name, _, value = line.partition(": ")
            kind = value if name == "event" else kind
            data = value if name == "data" else data
        return kind, data, time.perf_counter()

    def message(self) -> dict[str, Any]:
        while True:
            kind, data, _ = self.event()
            if kind == "message" and data:
                found: dict[str, Any] = json.loads(data)
                return found

    def close(self) -> None:
        self.answer.close()
        self.connection.close()


def test_over_the_wire(shop: Shop) -> None:
    shop.rest(0)
    with served(shop) as server, closing(Listener(server, "/live?lang=ug")) as page:
        headers = page.answer.headers
        assert headers["Content-Type"].startswith("text/event-stream")
        assert (headers["Cache-Control"], headers["X-Accel-Buffering"]) == ("no-store", "no")
        assert "Server" not in headers
        first = page.message()
        assert (first["step"], first["path"]) == ("home", "/")
        assert (first["weight"]["state"], first["weight"]["text"]) == ("empty", "0.000")
        shop.read(1_500)
        moving = page.message()
        assert (moving["weight"]["state"], moving["weight"]["text"], moving["step"]) == ("moving", "1.500", "who")
        shop.desk.readings.on_expired(shop.now)
        lost = page.message()
        assert (lost["weight"]["state"], lost["weight"]["text"]) == ("lost", "")
        assert lost["weight"]["why"][1] == "秤没有读数，请找工作人员。"


def test_a_heartbeat_every_second(shop: Shop) -> None:
    asked = time.perf_counter()
    with served(shop) as server, closing(Listener(server)) as page:
        page.message()
        heard = [page.event() for _ in range(3)]
    assert [kind for kind, *_ in heard] == ["beat"] * 3
    assert heard[-1][2] - asked > 3 * 0.8, "what stood still delays the first ones, and none comes before its second"


def test_a_change_is_with_the_client_at_once(shop: Shop) -> None:
    """Nothing buffers: each is there without another one behind it. How soon is told by the stream's own clock, above,
    and measured by ``make bench``.
    """
    with (
        served(shop) as server,
        closing(Listener(server)) as page,
        closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)) as other,
    ):
        page.message()
        for grams in range(1000, 1100, 5):
            shop.read(grams)
            assert page.message()["weight"]["text"] == f"1.{grams - 1000:03}"
            other.request("GET", "/health")
            assert other.getresponse().read()


def test_a_page_is_served_while_all_streams_are_open_and_the_oldest_gives_way(shop: Shop) -> None:
    with served(shop) as server:
        pages = [Listener(server) for _ in range(PUBLIC_STREAMS + 1)]
        assert [page.message()["step"] for page in pages] == ["home"] * len(pages)
        with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)) as other:
            other.request("GET", "/health")
            assert other.getresponse().status == 200
        assert pages[0].answer.read().replace(BEAT, b"") == b"", "evicted"
        for page in pages:
            page.close()


def test_the_server_stops_at_once_with_open_streams(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that would say something in an hour ends as well."""
    monkeypatch.setattr(live, "BEAT_S", 3600.0)
    for _ in range(5):
        with served(shop) as server:
            pages = [Listener(server) for _ in range(3)]
            for page in pages:
                page.message()
            server.stop()
            for page in pages:
                assert page.answer.read() == b""
                page.close()


def test_only_loopback_is_served(shop: Shop) -> None:
    with pytest.raises(ValueError, match="loopback"):
        serve(create_app(shop, WebSettings()), "192.0.2.1", 0)


def test_a_port_in_use_is_an_error_now(shop: Shop) -> None:
    with served(shop) as server, pytest.raises(OSError, match="in use"):
        serve(create_app(shop, WebSettings()), "127.0.0.1", server.port)


def test_a_stream_needs_a_page_of_our_own(shop: Shop) -> None:
    client = create_app(shop, WebSettings()).test_client()
    assert client.get("/live", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
