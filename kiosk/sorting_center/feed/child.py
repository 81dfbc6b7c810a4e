"""The feed's process as the sorting center sees it: begun, woken, begun again when it ends, ended."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import Final

from kiosk.domain.backoff import Backoff
from kiosk.sorting_center.health import Health

log = logging.getLogger(__name__)

_COMMAND: Final = (sys.executable, "-m", "kiosk.sorting_center.feed.process")
_AGAIN_FIRST_S: Final = 0.5
_AGAIN_MAX_S: Final = 30.0
_STEADY_S: Final = 60.0
"""A process that lived so long is begun again without a pause that grew."""


class FeedProcess:
    """A process of its own, so that who publishes never slows down who takes in.

    It inherits no file but its pipes: no lock of a ledger outlives the program that has it.
    """

    def __init__(self, task: bytes, health: Health) -> None:
        """``task``: what `process.task` made."""
        self._task = task
        self._health = health
        self._pauses = Backoff(_AGAIN_FIRST_S, _AGAIN_MAX_S)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feed's process", daemon=True)

    def start(self) -> None:
        """Begin it, and again whenever it ends."""
        self._thread.start()

    def end(self) -> None:
        """Have it end, without waiting: it finishes the window in hand."""
        self._stopping.set()
        with self._lock:
            if self._process is not None and self._process.stdin is not None:
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

    def wake(self) -> None:
        """There may be something new. Never waits: a pipe that is full says it already."""
        with self._lock:
            if self._process is not None and self._process.stdin is not None and not self._process.stdin.closed:
                with suppress(OSError):  # full, or the process is ending
                    os.write(self._process.stdin.fileno(), b"\n")

    def _run(self) -> None:
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                status = self._one_life()
            except Exception:
                log.exception("The feed's process cannot be begun.")
                status = -1
            if self._stopping.is_set():
                return
            if time.monotonic() - began > _STEADY_S:
                self._pauses.reset()
            text = self._health.report().feed_trouble or "The feed's process has ended; it is begun again."
            if self._health.trouble("feed", text):
                log.error("The feed's process has ended with status %d; it is begun again.", status)
            self._stopping.wait(self._pauses.next())

    def _one_life(self) -> int:
        """From its begin to its end; its exit status."""
        with self._lock:
            if self._stopping.is_set():
                return 0
            process = subprocess.Popen(
                _COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONUNBUFFERED": "1"}
            )
            self._process = process
            if process.stdin is not None:
                with suppress(OSError):  # in the same breath: news that came before would be taken for the task
                    process.stdin.write(self._task)
                    process.stdin.flush()
                    os.set_blocking(process.stdin.fileno(), False)
        try:
            if process.stdout is None:
                raise OSError("a process was begun without its pipes")
            for line in process.stdout:
                self._heard(line)
        finally:
            with self._lock:
                self._process = None
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(OSError):
                        pipe.close()
            if not self._stopping.is_set() and process.poll() is None:
                process.kill()  # it has closed its output and lives: nothing is heard of it any more
            status = process.wait()
        return status

    def _heard(self, line: bytes) -> None:
        with suppress(ValueError, KeyError, TypeError):
            self._health.trouble("feed", str(json.loads(line)["trouble"]))
