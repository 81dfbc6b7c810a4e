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

_END_S: Final = 3.0
"""From the end of the parent process to that of this one, whatever hangs here."""
BEHIND: Final = 5
"""How much nicer it is than the pages, and than who takes in."""


@dataclass(frozen=True, slots=True)
class Errand:
    """``files`` are descriptors it inherits, ``environment`` what it has beside that of this process."""

    command: Sequence[str]
    task: bytes
    files: Sequence[int]
    longest_s: float
    environment: Mapping[str, str] = field(default_factory=dict)


def said_of(errand: Errand) -> bytes:
    """What it said until it ended, which it does in time or is killed. Raises OSError when it ended otherwise than
    well and said nothing.
    """
    with subprocess.Popen(
        list(errand.command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=tuple(errand.files),
        env={**os.environ, **errand.environment},
    ) as process:
        limit = threading.Timer(errand.longest_s, process.kill)
        limit.start()
        try:
            said = _answer(process, errand.task + b"\n")
        finally:
            limit.cancel()
            limit.join()
            process.kill()
    if process.returncode and not said:
        raise OSError(None, f"its process has ended with status {process.returncode}")
    return said


def parents_lines() -> BufferedReader:
    """Standard input of a process that the sorting center has started. Not `sys.stdin`: at its end the interpreter
    waits for a thread that reads that, and aborts.
    """
    return open(sys.stdin.fileno(), "rb", closefd=False)


def task_of(lines: BufferedReader) -> bytes:
    """The first line. Raises SystemExit when the parent process ended before it had written all of it."""
    task = lines.readline()
    if not task.endswith(b"\n"):
        raise SystemExit(1)
    return task


def listen(lines: BufferedReader, ending: threading.Event, heard: Callable[[bytes], object] = len) -> None:
    """For a thread: give each line to ``heard``; at the end of the parent process set ``ending``, and exit soon."""
    for line in lines:
        heard(line)
    # Nothing that hangs here may keep a process that nobody knows of.
    threading.Timer(_END_S, os._exit, [1]).start()
    ending.set()


def answer(descriptor: int, said: bytes) -> None:
    """Write it; nothing when the parent process has ended."""
    with suppress(BrokenPipeError):
        os.write(descriptor, said)


def end_when_nobody_waits(descriptor: int) -> None:
    """For a thread of that process: its standard input ends when who waits has ended, however that was."""
    while os.read(descriptor, 4096):  # not through a buffer, whose lock would be held at the end
        pass
    os._exit(1)


def _answer(process: subprocess.Popen[bytes], task: bytes) -> bytes:
    """Its input stays open until it has ended."""
    if process.stdin is None or process.stdout is None:
        raise OSError(None, "a process was begun without its pipes")
    with suppress(BrokenPipeError):  # it has ended before it read: its status says so
        process.stdin.write(task)
        process.stdin.flush()
    said = process.stdout.read()
    process.wait()
    with suppress(BrokenPipeError):  # what it did not read is written again when the pipe is closed
        process.stdin.close()
    return said
