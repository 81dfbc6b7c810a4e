"""Processes that a process of the sorting center begins: kept running, or for one job."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from kiosk.sorting_center.shared import child_process
from kiosk.sorting_center.shared.child_process import (
    SupervisedProcess,
    SupervisedProcessPlan,
    run_job,
    write_result,
)
from tests.sorting_center.brokers import until

PATIENT_S = 60.0

LINGERS = """
import os, signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.write(1, b"here\\n")
sys.stdin.buffer.read()
os.close(1)
signal.pause()
"""


def test_one_that_closes_its_output_and_stays_is_killed() -> None:
    here = threading.Event()
    command = (sys.executable, "-c", LINGERS)
    child = SupervisedProcess(
        SupervisedProcessPlan("one that stays", command, b"{}\n", lambda _line: here.set(), lambda _status: None)
    )
    child.start()
    assert here.wait(60)
    pid = child.pid
    assert pid is not None
    child.end()
    until(lambda: not os.path.lexists(f"/proc/{pid}/fd/1"))
    child.stop(0.5)
    until(lambda: not Path(f"/proc/{pid}").exists())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_one_that_does_not_read_a_long_task_is_ended_in_time() -> None:
    command = (sys.executable, "-c", "import signal; signal.pause()")
    child = SupervisedProcess(
        SupervisedProcessPlan("one that reads nothing", command, b"x" * 300_000, lambda _: None, lambda _: None)
    )
    child.start()

    def stop() -> None:
        until(lambda: child.pid is not None)
        child.send(b"news that come before the task are left out")
        child.stop(0.5)

    stopping = threading.Thread(target=stop, daemon=True)
    stopping.start()
    stopping.join(60)
    assert not stopping.is_alive(), "it waits for nobody"
    until(lambda: (child.is_alive, child.pid) == (False, None))


def test_a_long_task_comes_whole_and_news_behind_it() -> None:
    heard: list[bytes] = []
    says = "import sys\nfor line in sys.stdin.buffer: print(len(line), flush=True)"
    child = SupervisedProcess(
        SupervisedProcessPlan("one", (sys.executable, "-c", says), b"x" * 300_000 + b"\n", heard.append, lambda _: None)
    )
    child.start()

    def told() -> bool:
        child.send(b"news\n")
        return len(heard) > 1

    until(told)
    child.stop(60)
    assert heard[:2] == [b"300001\n", b"5\n"]


def test_an_end_that_cannot_be_told_ends_nothing_else(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(child_process, "_RETRY_FIRST_S", 0.01)
    ends: list[int] = []

    def ended(status: int) -> None:
        ends.append(status)
        raise ValueError("a fault of ours")

    child = SupervisedProcess(SupervisedProcessPlan("one that ends", ("/bin/true",), b"", lambda _line: None, ended))
    child.start()
    until(lambda: len(ends) > 1)
    child.stop(60)
    assert "a fault of ours" in caplog.text


def job(program: str, task: bytes = b"a task", timeout_s: float = PATIENT_S) -> bytes:
    return run_job((sys.executable, "-c", program), task, (), timeout_s, {"WHERE": "here"})


def test_it_is_told_its_task_and_heard_until_it_ends() -> None:
    program = "import os, sys; print(os.environ['WHERE'], sys.stdin.readline().strip())"
    assert job(program) == b"here a task\n"
    assert job(f"{program}; sys.exit(3)") == b"here a task\n", "what it said says why"


PIPE_BYTES = 65_536
UNREAD = f"""
import array, fcntl, os, sys, termios
waiting = array.array("i", [0])
while waiting[0] < {PIPE_BYTES}:
    fcntl.ioctl(0, termios.FIONREAD, waiting)
"""
"""It reads nothing, and goes on when its pipe is full."""


def test_one_that_ends_before_it_has_read_is_known_by_its_status() -> None:
    """Its task is a little more than a pipe holds: the rest is still to be written when it has ended."""
    for act, status in (("sys.exit(7)", 7), ("os.kill(os.getpid(), 9)", -9)):
        with pytest.raises(OSError, match=f"status {status}"):
            job(UNREAD + act, b"x" * (PIPE_BYTES + 1_000))


def test_one_that_takes_too_long_is_killed() -> None:
    with pytest.raises(OSError, match="status -9"):
        job("import sys; sys.stdin.read()", timeout_s=0.05)


def test_it_ends_with_who_waits() -> None:
    waiting = (
        "import sys, threading; from kiosk.sorting_center.shared.child_process import exit_with_parent as end\n"
        "threading.Thread(target=end, args=(0,), daemon=True).start(); threading.Event().wait()"
    )
    with subprocess.Popen([sys.executable, "-c", waiting], stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(PATIENT_S) == 1


CHILDREN = (
    "web.process",
    "feed.process",
    "web.shared.exporting",
    "listings.exports.picture_process",
)


def begun(stack: ExitStack, module: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "kiosk.base.loading", f"kiosk.sorting_center.{module}"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return stack.enter_context(subprocess.Popen(command, **pipes))  # type: ignore[call-overload, no-any-return]


def test_a_process_whose_parent_died_before_it_told_the_task_ends_in_silence() -> None:
    with ExitStack() as stack:
        children = {module: begun(stack, module) for module in CHILDREN}
        for child in children.values():
            assert child.stdin is not None
            child.stdin.write(b'{"ledger": "sqlite:///')
            child.stdin.close()
        ends = {
            module: (child.wait(PATIENT_S), child.stderr.read()) for module, child in children.items() if child.stderr
        }
    assert ends == dict.fromkeys(CHILDREN, (1, b""))


LISTENING = """
import signal, sys, threading
from kiosk.sorting_center.shared.child_process import open_stdin, read_task
ending = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: ending.set())
lines = open_stdin()
print(read_task(lines).decode().strip(), flush=True)
threading.Thread(target=lines.readline, daemon=True).start()
while not ending.wait(0.1):
    pass
"""


def test_a_process_that_is_told_to_end_before_its_parent_ends_as_it_should() -> None:
    """The interpreter waits at its end for who reads its own standard input, and then aborts."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", LISTENING], **pipes) as process:  # type: ignore[call-overload]
        process.stdin.write(b"a task\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"a task\n"
        os.kill(process.pid, signal.SIGTERM)
        assert (process.wait(PATIENT_S), process.stderr.read()) == (0, b"")


def test_an_answer_that_nobody_waits_for_is_no_trouble() -> None:
    there, here = os.pipe()
    write_result(here, b"word")
    assert os.read(there, 9) == b"word"
    os.close(there)
    write_result(here, b"word")
    os.close(here)
