"""Processes that a process of the sorting center begins: one that is kept running, and one that does one thing.

What is to be done is one line on standard input, which stays open as long as the parent process waits for it.
"""

from __future__ import annotations

import logging
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedReader
from typing import IO, Final

from kiosk.base.worker import Worker
from kiosk.domain.backoff import Backoff

log = logging.getLogger(__name__)

_RETRY_FIRST_S: Final = 0.5
_RETRY_MAX_S: Final = 30.0
_BACKOFF_RESET_S: Final = 60.0  # A process that lived so long is restarted without an increased pause
_POLL_INTERVAL_S: Final = 0.25
_EXIT_DELAY_S: Final = 3.0  # From the end of the parent process to that of this one, whatever hangs here
NICENESS: Final = 5  # How much nicer a job is than the pages, and than what takes events in

# glibc, mallopt(3): each further arena keeps its own slack, of a dozen threads that are mostly idle.
_MALLOC_ENVIRONMENT: Final = {"MALLOC_ARENA_MAX": "2"}


@dataclass(frozen=True, slots=True)
class SupervisedProcessPlan:
    """``task`` is its first line on standard input. ``on_line`` is given each line it writes; ``on_exit`` its exit
    status when it ended by itself. ``files`` are descriptors it inherits: nothing else of this process is open in it.
    """

    name: str
    command: Sequence[str]
    task: bytes
    on_line: Callable[[bytes], None]
    on_exit: Callable[[int], None]
    files: Sequence[int] = ()


class SupervisedProcess:
    """Started at `start`, and again whenever it ends, until `stop`."""

    def __init__(self, plan: SupervisedProcessPlan) -> None:
        self._plan = plan
        self._backoff = Backoff(_RETRY_FIRST_S, _RETRY_MAX_S)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._has_task = False
        self._worker = Worker(plan.name, self._step, retry_s=_RETRY_FIRST_S)

    def start(self) -> None:
        self._worker.start()

    def end(self) -> None:
        """End it, without waiting, by closing its standard input."""
        self._worker.stop(0.0)
        with self._lock:
            if self._process is not None and self._process.stdin is not None and self._has_task:
                with suppress(OSError):
                    self._process.stdin.close()

    def stop(self, timeout_s: float) -> None:
        """End it; kill it when it has not ended in time."""
        self.end()
        with self._lock:
            process = self._process
        self._worker.stop(timeout_s)
        if process is not None and process.poll() is None:
            process.kill()
        self._worker.stop(timeout_s)

    def restart(self) -> None:
        """Kill the running process, which hangs: another one is started."""
        with self._lock:
            if self._process is not None:
                self._process.kill()

    @property
    def is_alive(self) -> bool:
        """Whether it is looked after, which goes on until `stop`."""
        return self._worker.is_alive

    @property
    def pid(self) -> int | None:
        """None while none runs."""
        with self._lock:
            return self._process.pid if self._process is not None else None

    def send(self, line: bytes) -> None:
        """Write to its standard input, without waiting. A full pipe drops the line as a whole, if it is no longer than
        a pipe takes at once (4,096 bytes, pipe(7)).
        """
        with self._lock:
            stdin = self._process.stdin if self._process is not None and self._has_task else None
            if stdin is not None and not stdin.closed:
                with suppress(OSError):  # full, or the process is ending
                    os.write(stdin.fileno(), line)

    def _step(self) -> float:
        started = time.monotonic()
        try:
            status = self._run_once()
        except Exception:
            log.exception("The %s cannot be begun.", self._plan.name)
            status = -1
        if not self._worker.is_stopping:
            if time.monotonic() - started > _BACKOFF_RESET_S:
                self._backoff.reset()
            self._plan.on_exit(status)
        return self._backoff.next()

    def _run_once(self) -> int:
        """Run it from beginning to end; return its exit status."""
        with self._lock:
            if self._worker.is_stopping:
                return 0
            process = subprocess.Popen(
                list(self._plan.command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=tuple(self._plan.files),
                env={**_MALLOC_ENVIRONMENT, **os.environ, "PYTHONUNBUFFERED": "1"},
            )
            self._process, self._has_task = process, False
        stdin, stdout = _pipes(process)
        try:
            self._write_task(stdin)
            for line in stdout:
                self._plan.on_line(line)
        finally:
            with self._lock:
                for pipe in (stdin, stdout):
                    with suppress(OSError):
                        pipe.close()
            if not self._worker.is_stopping and process.poll() is None:
                process.kill()  # it lives but has closed its output: it can report nothing any more
            status = process.wait()
            with self._lock:  # not before: one that closes its output at its end, and stays, is still to be killed
                self._process = None
        return status

    def _write_task(self, pipe: IO[bytes]) -> None:
        """Write the task before any news. One longer than a pipe (64 KB, pipe(7)) waits to be read; `send` does not."""
        with suppress(OSError):  # the process is ending
            os.set_blocking(pipe.fileno(), False)
            writable = select.poll()
            writable.register(pipe, select.POLLOUT)
            left = memoryview(self._plan.task)
            while left and not self._worker.is_stopping:
                if writable.poll(_POLL_INTERVAL_S * 1000):
                    left = left[os.write(pipe.fileno(), left) :]
        with self._lock:
            self._has_task = True
            if self._worker.is_stopping:
                with suppress(OSError):
                    pipe.close()


def run_job(
    command: Sequence[str],
    task: bytes,
    files: Sequence[int],
    timeout_s: float,
    environment: Mapping[str, str] | None = None,
) -> bytes:
    """Run a process and return its output; kill it after ``timeout_s``. Raises OSError when it failed without output.
    ``files`` are descriptors it inherits, ``environment`` is added to that of this process.
    """
    with subprocess.Popen(
        list(command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=tuple(files),
        env={**os.environ, **(environment or {})},
    ) as process:
        stdin, stdout = _pipes(process)
        kill_timer = threading.Timer(timeout_s, process.kill)
        kill_timer.start()
        try:
            with suppress(BrokenPipeError):  # it ended before it read the task: its status shows that
                stdin.write(task + b"\n")
                stdin.flush()
            output = stdout.read()
            process.wait()
            with suppress(BrokenPipeError):  # what it did not read is written again when the pipe is closed
                stdin.close()
        finally:
            kill_timer.cancel()
            kill_timer.join()
            process.kill()
    if process.returncode and not output:
        raise OSError(None, f"its process has ended with status {process.returncode}")
    return output


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    if process.stdin is None or process.stdout is None:
        raise AssertionError("a process was begun without its pipes")
    return process.stdin, process.stdout


def open_stdin() -> BufferedReader:
    """Open standard input of a process that the sorting center has started. Not `sys.stdin`: at its end the interpreter
    waits for a thread that reads that, and aborts.
    """
    return open(sys.stdin.fileno(), "rb", closefd=False)


def read_task(lines: BufferedReader) -> bytes:
    """Read the first line. Raises SystemExit when the parent process ended before it had written all of it."""
    task = lines.readline()
    if not task.endswith(b"\n"):
        raise SystemExit(1)
    return task


def watch_parent(lines: BufferedReader, ending: threading.Event, on_line: Callable[[bytes], object] = len) -> None:
    """Run in a thread: give each line to ``on_line``; when the parent process ends, set ``ending``, and exit soon."""
    for line in lines:
        on_line(line)
    # Nothing that hangs here may keep a process that no other knows of.
    threading.Timer(_EXIT_DELAY_S, os._exit, [1]).start()
    ending.set()


def write_result(descriptor: int, payload: bytes) -> None:
    """Write the result; do nothing when the parent process has ended."""
    with suppress(BrokenPipeError):
        os.write(descriptor, payload)


def exit_with_parent(descriptor: int) -> None:
    """Run in a thread of a job: end with the parent process, whose end closes standard input."""
    while os.read(descriptor, 4096):  # not through a buffer, whose lock would be held at the end
        pass
    os._exit(1)
