"""Child processes: started and waited for, killed and reaped, and their last words told."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from time import monotonic

import pytest

from kiosk.simulators.shared import processes
from kiosk.simulators.shared.faults import BadFaultWord, stall_s
from kiosk.simulators.shared.processes import ChildProgram, HeldPort, StartFailed, answers

SERVER = """
import http.server, sys
class Quiet(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health" else 500)
        self.end_headers()
print("serving", flush=True)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Quiet).serve_forever()
"""
DEAF = """
import signal, time, pathlib, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
pathlib.Path(sys.argv[1]).touch()
while True:
    time.sleep(60)
"""
FAILING = """
import sys
print("first line")
print("the disk is on fire", file=sys.stderr)
sys.exit(3)
"""


@pytest.fixture(autouse=True)
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in (("a_server", SERVER), ("a_deaf_one", DEAF), ("a_failing_one", FAILING)):
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(
        processes, "ANSWER_S", 30.0
    )  # a server that rests on a loaded machine is no server that is down


@pytest.fixture
def held() -> Iterator[HeldPort]:
    port = HeldPort()
    yield port
    port.release()


def server(tmp_path: Path, held: HeldPort) -> tuple[ChildProgram, str]:
    url = f"http://127.0.0.1:{held.number}"
    return ChildProgram("the server", ["a_server", str(held.number)], tmp_path / "log", answers(f"{url}/health")), url


def gone(pid: int) -> bool:
    """Whether the process has ended and was reaped."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_child_is_ready_when_start_returns_and_reaped_when_stop_does(tmp_path: Path, held: HeldPort) -> None:
    child, url = server(tmp_path, held)
    assert (child.running, child.pid) == (False, None)
    child.start()
    pid = child.pid
    assert pid is not None
    assert answers(f"{url}/health")()
    assert not answers(f"{url}/other")()
    child.start()
    assert child.pid == pid, "a running child is not started twice"
    child.stop()
    assert not child.running
    assert gone(pid)
    child.stop()


@pytest.mark.parametrize("how", ["kill", "from outside"])
def test_a_killed_child_can_be_started_again(tmp_path: Path, how: str, held: HeldPort) -> None:
    child, url = server(tmp_path, held)
    child.start()
    first = child.pid
    assert first is not None
    if how == "kill":
        child.kill()
    else:
        os.kill(first, signal.SIGKILL)
        os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    assert not child.running
    child.start()
    assert child.pid not in (None, first)
    assert answers(f"{url}/health")()
    child.kill()


def test_a_child_that_does_not_hear_is_killed(tmp_path: Path) -> None:
    child = ChildProgram("deaf", ["a_deaf_one", str(tmp_path / "up")], tmp_path / "log", (tmp_path / "up").exists)
    child.start()
    pid = child.pid
    assert pid is not None
    child.stop(timeout_s=0.05)
    assert gone(pid)


def test_a_child_that_ends_at_once_says_its_last_words(tmp_path: Path) -> None:
    child = ChildProgram("the failing one", ["a_failing_one"], tmp_path / "log", lambda: False)
    with pytest.raises(StartFailed, match=r"the failing one did not start: .*the disk is on fire"):
        child.start()
    assert not child.running


def test_a_child_that_is_never_ready_is_ended_in_time(tmp_path: Path) -> None:
    child = ChildProgram("deaf", ["a_deaf_one", str(tmp_path / "up")], tmp_path / "log", lambda: False)
    with pytest.raises(StartFailed, match="deaf did not start"):
        child.start(timeout_s=0.2)
    assert child.pid is None


def test_a_held_port_is_refused_to_clients_and_open_to_servers(held: HeldPort) -> None:
    where = ("127.0.0.1", held.number)
    for _ in range(2):
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(where)
        with socket.create_server(where):
            socket.create_connection(where).close()
    held.release()
    held.release()


def test_a_port_is_held_until_the_end_of_those_it_belongs_to() -> None:
    with ExitStack() as ends:
        where = ("127.0.0.1", ends.enter_context(HeldPort()).number)
        with socket.socket() as stranger, pytest.raises(OSError, match="Address already in use"):
            stranger.bind(where)
    with socket.socket() as stranger:
        stranger.bind(where)


def test_a_held_port_is_given_to_nobody_who_takes_any(held: HeldPort) -> None:
    for _ in range(1000):
        with socket.create_server(("127.0.0.1", 0)) as server:
            assert server.getsockname()[1] != held.number


def state_of(pid: int) -> str:
    """The letter of /proc: T for one that is stopped (proc(5))."""
    return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0]


def until(seen: Callable[[], bool]) -> None:
    deadline = monotonic() + 30
    while not seen():
        assert monotonic() < deadline
        threading.Event().wait(0.01)


def test_a_child_that_stalls_stands_still_and_goes_on(tmp_path: Path, held: HeldPort) -> None:
    child, url = server(tmp_path, held)
    with pytest.raises(RuntimeError, match="does not run"):
        child.stall(0.1)
    child.start()
    try:
        assert child.pid is not None
        hand = threading.Thread(target=child.stall, args=(0.4,))
        began = monotonic()
        hand.start()
        until(lambda: state_of(child.pid or 0) == "T")
        hand.join()
        assert monotonic() - began >= 0.4
        assert answers(f"{url}/health")(), "it goes on"
    finally:
        child.stop()
    with pytest.raises(RuntimeError, match="does not run"):
        child.stall(0.1)


@pytest.mark.parametrize("end", [ChildProgram.stop, ChildProgram.kill])
def test_a_child_can_be_ended_while_it_stalls_and_started_again(
    tmp_path: Path, held: HeldPort, end: Callable[[ChildProgram], None]
) -> None:
    child, _ = server(tmp_path, held)
    child.start()
    pid = child.pid or 0
    hand = threading.Thread(target=child.stall, args=(30.0,))
    hand.start()
    until(lambda: state_of(pid) == "T")
    end(child)
    hand.join()
    assert gone(pid)
    child.start()
    try:
        child.stall(0.1)
        assert state_of(child.pid or 0) != "T"
    finally:
        child.stop()


def test_how_long_a_stall_may_be() -> None:
    good = {"stall 2s": 2.0, "stall 0.1s": 0.1, "stall 30s": 30.0, "stall 1.25s": 1.25}
    assert {text: stall_s(text) for text in good} == good
    for bad in ("stall", "stall 2", "stall 0s", "stall 0.09s", "stall 30.1s", "stall 99s", "stall -1s", "stall 1e1s",
                "stall nans", "stall 2s 2s", "stall ٢s", "cut", "stall 2 s"):  # fmt: skip
        with pytest.raises(BadFaultWord):
            stall_s(bad)
