"""A process that does one thing and ends. What is to be done is one line on its standard input, which stays open as
long as somebody waits for it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from io import BufferedReader
from typing import Final

_EXIT_DELAY_S: Final = 3.0  # From the end of the parent process to that of this one, whatever hangs here
NICENESS: Final = 5  # How much nicer it is than the pages, and than who takes in


@dataclass(frozen=True, slots=True)
class SubprocessJob:
    """``files`` are descriptors it inherits, ``environment`` what it has beside that of this process."""

    command: Sequence[str]
    task: bytes
    files: Sequence[int]
    timeout_s: float
    environment: Mapping[str, str] = field(default_factory=dict)


def run_job(job: SubprocessJob) -> bytes:
    """What it said until it ended, which it does in time or is killed. Raises OSError when it ended otherwise than
    well and said nothing.
    """
    with subprocess.Popen(
        list(job.command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=tuple(job.files),
        env={**os.environ, **job.environment},
    ) as process:
        kill_timer = threading.Timer(job.timeout_s, process.kill)
        kill_timer.start()
        try:
            output = _communicate(process, job.task + b"\n")
        finally:
            kill_timer.cancel()
            kill_timer.join()
            process.kill()
    if process.returncode and not output:
        raise OSError(None, f"its process has ended with status {process.returncode}")
    return output


def open_stdin() -> BufferedReader:
    """Standard input of a process that the sorting center has started. Not `sys.stdin`: at its end the interpreter
    waits for a thread that reads that, and aborts.
    """
    return open(sys.stdin.fileno(), "rb", closefd=False)


def read_task(lines: BufferedReader) -> bytes:
    """The first line. Raises SystemExit when the parent process ended before it had written all of it."""
    task = lines.readline()
    if not task.endswith(b"\n"):
        raise SystemExit(1)
    return task


def watch_parent(lines: BufferedReader, ending: threading.Event, on_line: Callable[[bytes], object] = len) -> None:
    """For a thread: give each line to ``on_line``; at the end of the parent process set ``ending``, and exit soon."""
    for line in lines:
        on_line(line)
    # Nothing that hangs here may keep a process that nobody knows of.
    threading.Timer(_EXIT_DELAY_S, os._exit, [1]).start()
    ending.set()


def write_result(descriptor: int, payload: bytes) -> None:
    """Write it; nothing when the parent process has ended."""
    with suppress(BrokenPipeError):
        os.write(descriptor, payload)


def exit_with_parent(descriptor: int) -> None:
    """For a thread of that process: its standard input ends when who waits has ended, however that was."""
    while os.read(descriptor, 4096):  # not through a buffer, whose lock would be held at the end
        pass
    os._exit(1)


def _communicate(process: subprocess.Popen[bytes], task: bytes) -> bytes:
    """Its input stays open until it has ended."""
    if process.stdin is None or process.stdout is None:
        raise OSError(None, "a process was begun without its pipes")
    with suppress(BrokenPipeError):  # it has ended before it read: its status says so
        process.stdin.write(task)
        process.stdin.flush()
    output = process.stdout.read()
    process.wait()
    with suppress(BrokenPipeError):  # what it did not read is written again when the pipe is closed
        process.stdin.close()
    return output
