"""Processes that do one thing and end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import ExitStack

import pytest

from kiosk.sorting_center.shared.subprocess_job import SubprocessJob, run_job, write_result

PATIENT_S = 60.0


def errand(program: str, task: bytes = b"a task", longest_s: float = PATIENT_S) -> SubprocessJob:
    return SubprocessJob((sys.executable, "-c", program), task, (), longest_s, {"WHERE": "here"})


def test_it_is_told_its_task_and_heard_until_it_ends() -> None:
    program = "import os, sys; print(os.environ['WHERE'], sys.stdin.readline().strip())"
    assert run_job(errand(program)) == b"here a task\n"
    assert run_job(errand(f"{program}; sys.exit(3)")) == b"here a task\n", "what it said says why"


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
            run_job(errand(UNREAD + act, b"x" * (PIPE_BYTES + 1_000)))


def test_one_that_takes_too_long_is_killed() -> None:
    with pytest.raises(OSError, match="status -9"):
        run_job(errand("import sys; sys.stdin.read()", longest_s=0.05))


def test_it_ends_with_who_waits() -> None:
    waiting = (
        "import sys, threading; from kiosk.sorting_center.shared.subprocess_job import exit_with_parent as end\n"
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
from kiosk.sorting_center.shared.subprocess_job import open_stdin, read_task
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
