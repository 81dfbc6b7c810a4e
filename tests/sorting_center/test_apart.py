"""Processes that do one thing and end."""

from __future__ import annotations

import subprocess
import sys

import pytest

from kiosk.sorting_center.apart import Errand, said_of

PATIENT_S = 60.0


def errand(program: str, task: bytes = b"a task", longest_s: float = PATIENT_S) -> Errand:
    return Errand((sys.executable, "-c", program), task, (), longest_s, {"WHERE": "here"})


def test_it_is_told_its_task_and_heard_until_it_ends() -> None:
    program = "import os, sys; print(os.environ['WHERE'], sys.stdin.readline().strip())"
    assert said_of(errand(program)) == b"here a task\n"
    assert said_of(errand(f"{program}; sys.exit(3)")) == b"here a task\n", "what it said says why"


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
            said_of(errand(UNREAD + act, b"x" * (PIPE_BYTES + 1_000)))


def test_one_that_takes_too_long_is_killed() -> None:
    with pytest.raises(OSError, match="status -9"):
        said_of(errand("import sys; sys.stdin.read()", longest_s=0.05))


def test_it_ends_with_who_waits() -> None:
    waiting = (
        "import sys, threading; from kiosk.sorting_center.apart import end_when_nobody_waits as end\n"
        "threading.Thread(target=end, args=(0,), daemon=True).start(); threading.Event().wait()"
    )
    with subprocess.Popen([sys.executable, "-c", waiting], stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(PATIENT_S) == 1
