"""A further process of the sorting center: begun, told things, begun again when it ends, ended in time."""

from __future__ import annotations

import logging
import os
import select
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Final

from kiosk.domain.backoff import Backoff

log = logging.getLogger(__name__)

_RETRY_FIRST_S: Final = 0.5
_RETRY_MAX_S: Final = 30.0
_BACKOFF_RESET_S: Final = 60.0  # A process that lived so long is begun again without a pause that grew
_POLL_INTERVAL_S: Final = 0.25


# glibc, mallopt(3): each further one keeps its own slack, of a dozen threads that are mostly idle.
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
    """Looked after from `start` to `stop`, whatever becomes of the process."""

    def __init__(self, plan: SupervisedProcessPlan) -> None:
        self._plan = plan
        self._backoff = Backoff(_RETRY_FIRST_S, _RETRY_MAX_S)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._has_task = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=plan.name, daemon=True)

    def start(self) -> None:
        """Begin it, and again whenever it ends."""
        self._thread.start()

    def end(self) -> None:
        """Have it end, without waiting: its standard input ends."""
        self._stopping.set()
        with self._lock:
            if self._process is not None and self._process.stdin is not None and self._has_task:
                with suppress(OSError):
                    self._process.stdin.close()

    def stop(self, timeout_s: float) -> None:
        """Have it end; one that does not in time is killed."""
        self.end()
        with self._lock:
            process = self._process
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        if process is not None and process.poll() is None:
            process.kill()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    @property
    def is_alive(self) -> bool:
        """Whether it is looked after; that goes on until `stop`."""
        return self._thread.is_alive()

    @property
    def pid(self) -> int | None:
        """None while none runs."""
        with self._lock:
            return self._process.pid if self._process is not None else None

    def send(self, line: bytes) -> None:
        """Write to its standard input. Never waits: what a full pipe does not take is left out as a whole, if it is
        no longer than the pipe takes at once (4,096 bytes, pipe(7)).
        """
        with self._lock:
            stdin = self._process.stdin if self._process is not None and self._has_task else None
            if stdin is not None and not stdin.closed:
                with suppress(OSError):  # full, or the process is ending
                    os.write(stdin.fileno(), line)

    def _run(self) -> None:
        while not self._stopping.is_set():
            started = time.monotonic()
            try:
                status = self._run_once()
            except Exception:
                log.exception("The %s cannot be begun.", self._plan.name)
                status = -1
            if self._stopping.is_set():
                return
            if time.monotonic() - started > _BACKOFF_RESET_S:
                self._backoff.reset()
            try:
                self._plan.on_exit(status)
            except Exception:
                log.exception("The end of the %s could not be told.", self._plan.name)
            self._stopping.wait(self._backoff.next())

    def _run_once(self) -> int:
        """From its begin to its end; its exit status."""
        with self._lock:
            if self._stopping.is_set():
                return 0
            process = subprocess.Popen(
                list(self._plan.command),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                pass_fds=tuple(self._plan.files),
                env={**_MALLOC_ENVIRONMENT, **os.environ, "PYTHONUNBUFFERED": "1"},
            )
            self._process, self._has_task = process, False
        try:
            if process.stdin is None or process.stdout is None:
                raise OSError("a process was begun without its pipes")
            self._write_task(process.stdin)
            for line in process.stdout:
                self._plan.on_line(line)
        finally:
            with self._lock:
                for pipe in (process.stdin, process.stdout):
                    if pipe is not None:
                        with suppress(OSError):
                            pipe.close()
            if not self._stopping.is_set() and process.poll() is None:
                process.kill()  # it has closed its output and lives: nothing is heard of it any more
            status = process.wait()
            with self._lock:  # not before: one that closes its output at its end, and stays, is still to be killed
                self._process = None
        return status

    def _write_task(self, pipe: IO[bytes]) -> None:
        """Before any news. One longer than a pipe holds (64 KB, pipe(7)) waits until it is read, and nobody for it."""
        with suppress(OSError):  # the process is ending
            os.set_blocking(pipe.fileno(), False)
            writable = select.poll()
            writable.register(pipe, select.POLLOUT)
            left = memoryview(self._plan.task)
            while left and not self._stopping.is_set():
                if writable.poll(_POLL_INTERVAL_S * 1000):
                    left = left[os.write(pipe.fileno(), left) :]
        with self._lock:
            self._has_task = True
            if self._stopping.is_set():
                with suppress(OSError):
                    pipe.close()
