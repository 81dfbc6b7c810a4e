"""The watchdog is fed only while every part lives: each part is hung in turn, and must be named and missed."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from kiosk.station.shared.health import HealthReporter, HealthTiming, PartHealth, Probe, StationHealth, fetch, summary
from kiosk.web.factory import ServedApp
from kiosk.web.first_start.app import NoStreams
from kiosk.web.server import serve

_PATIENCE_S = 30.0


class Hands:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


class Manager:
    """Keeps what a service manager is told."""

    def __init__(self, watchdog_s: float | None = 0.02) -> None:
        self.watchdog_s = watchdog_s
        self.said: list[str] = []
        self._changed = threading.Condition()

    def ready(self, status: str) -> None:
        self._say(f"ready: {status}")

    def alive(self) -> None:
        self._say("alive")

    def status(self, text: str) -> None:
        self._say(f"status: {text}")

    def stopping(self) -> None:
        self._say("stopping")

    def _say(self, words: str) -> None:
        with self._changed:
            self.said.append(words)
            self._changed.notify_all()

    def until(self, met: Callable[[list[str]], bool]) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: met(self.said), _PATIENCE_S)


class Answer:
    """A part that answers, fails or hangs as it is told."""

    def __init__(self) -> None:
        self.fails: Exception | None = None
        self.answering = threading.Event()
        self.answering.set()
        self.hanging = threading.Event()
        """A question is left without an answer: all before it have theirs."""
        self.asked = threading.Semaphore(0)

    def __call__(self) -> None:
        self.asked.release()
        if not self.answering.is_set():
            self.hanging.set()
        self.answering.wait(_PATIENCE_S)
        if self.fails is not None:
            raise self.fails

    def asked_anew(self, times: int) -> None:
        """So many questions from now on. When the last is asked, those before it are dealt with."""
        while self.asked.acquire(blocking=False):
            pass
        for _ in range(times):
            assert self.asked.acquire(timeout=_PATIENCE_S)


@contextmanager
def started(probe: Probe) -> Iterator[Probe]:
    probe.worker.start()
    try:
        yield probe
    finally:
        probe.worker.stop()


def test_a_probe_asks_again_and_again_and_only_a_good_answer_is_a_sign() -> None:
    answer, clock = Answer(), Hands()
    with started(Probe("web", answer, HealthTiming(every_s=0.01, clock=clock))) as probe:
        answer.asked_anew(2)
        assert (probe.pulse, probe.fault) == (50.0, "")
        answer.fails = OSError("no route")
        clock.now = 60.0
        answer.asked_anew(3)
        last = probe.pulse
        assert probe.fault == "OSError: no route"
        clock.now = 70.0
        answer.asked_anew(3)
        assert probe.pulse == last


def health_of(
    page: Callable[[], object],
    database: Callable[[], object],
    scale: float | None = 50.0,
    clock: Callable[[], float] | None = None,
) -> tuple[StationHealth, SimpleNamespace]:
    sign = SimpleNamespace(pulse=scale)
    return StationHealth({"web": page, "database": database}, sign, HealthTiming(0.01, 20.0, clock or Hands())), sign


def test_every_part_is_told_with_its_age_and_why_it_is_not_alive() -> None:
    clock = Hands()
    health, _ = health_of(lambda: None, lambda: None, 45.0, clock)
    assert health.parts() == (
        PartHealth("web", False, None, "no sign of life yet"),
        PartHealth("database", False, None, "no sign of life yet"),
        PartHealth("scale", True, 5.0),
    )
    clock.now = 66.0
    assert health.parts()[2] == PartHealth("scale", False, 21.0, "no sign of life for 21 s")


def test_without_a_scale_nothing_is_asked_of_it() -> None:
    assert [part.name for part in StationHealth({"web": lambda: None, "database": lambda: None}).parts()] == [
        "web",
        "database",
    ]


@contextmanager
def reported(health: StationHealth, manager: Manager) -> Iterator[None]:
    reporter = HealthReporter(health, manager)
    reporter.start()
    try:
        yield
    finally:
        reporter.stop()


def test_ready_comes_once_and_only_after_the_first_sign_of_every_part() -> None:
    # The turns are far apart: the end does not come in the middle of one that says "alive".
    page, database, manager = Answer(), Answer(), Manager(watchdog_s=0.4)
    page.answering.clear()
    health, sign = health_of(page, database, None)
    with reported(health, manager):
        assert manager.until(lambda said: "status: starting: web, scale" in said)
        sign.pulse = 50.0
        assert manager.until(lambda said: "status: starting: web" in said)
        assert "alive" not in manager.said
        page.answering.set()
        assert manager.until(lambda said: said.count("alive") > 3)
    assert [words for words in manager.said if words.startswith("ready")] == ["ready: all parts are alive"]
    assert manager.said[-1] == "stopping"


@pytest.mark.parametrize("hung", ["web", "database", "scale"])
def test_a_part_that_hangs_is_named_and_the_watchdog_is_fed_no_more_until_it_lives(hung: str) -> None:
    clock, page, database, manager = Hands(), Answer(), Answer(), Manager()
    health, sign = health_of(page, database, 50.0, clock)
    answers = {"web": page, "database": database}

    def live() -> None:  # all but the hung part go on
        if hung != "scale":
            sign.pulse = clock.now

    with reported(health, manager):
        assert manager.until(lambda said: "alive" in said)
        if hung in answers:
            answers[hung].answering.clear()
            assert answers[hung].hanging.wait(_PATIENCE_S)
        clock.now = 100.0
        live()
        assert manager.until(lambda said: said[-1] == f"status: no sign of life: {hung}")
        fed = manager.said.count("alive")
        asked = database if hung != "database" else page
        asked.asked_anew(3)  # time passes for everybody else
        assert manager.said.count("alive") == fed
        page.answering.set()
        database.answering.set()
        sign.pulse = clock.now
        assert manager.until(lambda said: said.count("alive") > fed)
        assert manager.until(lambda said: "status: all parts are alive" in said)


def test_a_manager_that_fails_does_not_end_the_reports(caplog: pytest.LogCaptureFixture) -> None:
    manager, failed = Manager(), threading.Event()

    def fail(status: str) -> None:
        if not failed.is_set():
            failed.set()
            raise RuntimeError("not now")
        Manager.ready(manager, status)

    manager.ready = fail  # type: ignore[method-assign]
    health, _ = health_of(lambda: None, lambda: None)
    with reported(health, manager):
        assert failed.wait(_PATIENCE_S)
        assert manager.until(lambda said: "alive" in said)
    assert "health failed: not now" in caplog.text


def test_the_summary_changes_only_when_a_part_does() -> None:
    assert summary([]) == "all parts are alive"
    assert summary([PartHealth("scale", False, 21.0), PartHealth("web", False, None)]) == "no sign of life: scale, web"


# --- a page over the network ------------------------------------------------------------------------------------------


@pytest.fixture
def app() -> ServedApp:
    app = ServedApp("health", NoStreams())
    app.add_url_rule("/health", "health", lambda: "{}")
    return app


def test_a_page_is_fetched_from_the_real_server(app: ServedApp) -> None:
    server = serve(app, "127.0.0.1", 0, threads=1)
    port = server.port
    try:
        server.start()
        fetch("127.0.0.1", port)
        with pytest.raises(OSError, match=r"/missing at .* answered b'HTTP/1.0 404"):
            fetch("127.0.0.1", port, "/missing")
    finally:
        server.stop()
    with socket.socket() as held:  # or somebody else might take the port meanwhile, and answer
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", port))
        with pytest.raises(ConnectionRefusedError):
            fetch("127.0.0.1", port)


def test_a_server_whose_loop_hangs_is_noticed(app: ServedApp) -> None:
    server = serve(app, "127.0.0.1", 0, threads=1)
    try:  # bound and listening, as a hung server is, and its loop does not run
        with pytest.raises(TimeoutError):
            fetch("127.0.0.1", server.port, timeout_s=0.2)
    finally:
        server.stop()


def test_a_server_whose_workers_are_all_stuck_is_noticed(app: ServedApp) -> None:
    stuck, entered = threading.Event(), threading.Event()

    def hang() -> str:
        entered.set()
        stuck.wait(_PATIENCE_S)
        return ""

    app.add_url_rule("/hang", "hang", hang)
    server = serve(app, "127.0.0.1", 0, threads=1)
    server.start()
    try:
        with socket.create_connection(("127.0.0.1", server.port)) as way:
            way.sendall(b"GET /hang HTTP/1.0\r\n\r\n")
            assert entered.wait(_PATIENCE_S)
            with pytest.raises(TimeoutError):
                fetch("127.0.0.1", server.port, timeout_s=0.2)
            stuck.set()
            while way.recv(4096):
                pass
    finally:
        stuck.set()
        server.stop()


@pytest.mark.parametrize("answer", [b"", b"220 smtp\r\n", b"HTTP/1.1 503 no\r\n\r\n"])
def test_an_answer_that_is_no_page_is_no_sign(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:

        def reply() -> None:
            way, _ = other.accept()
            with way:
                way.recv(4096)
                way.sendall(answer)

        thread = threading.Thread(target=reply)
        thread.start()
        with pytest.raises(OSError, match="answered"):
            fetch("127.0.0.1", other.getsockname()[1])
        thread.join()
