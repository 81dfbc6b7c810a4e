"""A further process that does not end as it should."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

from kiosk.sorting_center.shared import child as center_child
from kiosk.sorting_center.shared.child import SupervisedProcess, SupervisedProcessPlan
from tests.sorting_center.brokers import until

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
    monkeypatch.setattr(center_child, "_RETRY_FIRST_S", 0.01)
    ends: list[int] = []

    def ended(status: int) -> None:
        ends.append(status)
        raise ValueError("a fault of ours")

    child = SupervisedProcess(SupervisedProcessPlan("one that ends", ("/bin/true",), b"", lambda _line: None, ended))
    child.start()
    until(lambda: len(ends) > 1)
    child.stop(60)
    assert "could not be told" in caplog.text
