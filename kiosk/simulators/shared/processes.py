"""Child processes of the demo and of the system tests: started, waited for, killed by their own id, always reaped."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

ANSWER_S = 2.0  # A program that takes longer for one answer is not ready yet


class HeldPort:
    """A free loopback port that no other program of this machine is given until it is released.

    No process listens on it: a server that sets SO_REUSEADDR, as all of this project and Mosquitto do, can start, end
    and start again on it. A port that is only looked up may be another program's before the server has started.
    """

    def __init__(self) -> None:
        with socket.socket() as place:
            place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            place.bind(("127.0.0.1", 0))
            self.number: int = place.getsockname()[1]
            # May be called twice. Who keeps nothing but this holds no port.
            self.release = weakref.finalize(self, os.close, place.detach())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


class StartFailed(RuntimeError):
    """The text names the program and carries the last lines of its log."""


def answers(url: str) -> Callable[[], bool]:
    place = urlsplit(url)

    def check() -> bool:
        try:
            # A starting program is polled repeatedly, and an HTTP request without a listener costs five times as much.
            socket.create_connection((place.hostname or "", place.port or 80), ANSWER_S).close()
            with urllib.request.urlopen(url, timeout=ANSWER_S) as reply:  # noqa: S310 - loopback, made by the caller
                return bool(reply.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    return check


class ChildProgram:
    """One program of this project in a separate process."""

    def __init__(self, name: str, arguments: Sequence[str], log: Path, ready: Callable[[], bool] | None = None) -> None:
        self.name = name
        self._arguments = [sys.executable, "-m", *arguments]
        self._log = log
        self._ready = ready
        self._process: subprocess.Popen[bytes] | None = None
        self._ending = threading.Event()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self.running and self._process else None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, timeout_s: float = 60.0) -> None:
        """Start and wait until it is ready; raises StartFailed."""
        if self.running:
            return
        self.begin()
        self.until_ready(timeout_s)

    def begin(self) -> None:
        """Start the stopped program without waiting until it is ready, so that others may start meanwhile."""
        self._ending.clear()
        with self._log.open("ab") as log:
            environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
            self._process = subprocess.Popen(
                self._arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
            )

    def until_ready(self, timeout_s: float = 60.0) -> None:
        """Wait until the started program is ready; raises StartFailed."""
        deadline = time.monotonic() + timeout_s
        while self._ready is not None and not self._ready():
            if not self.running or time.monotonic() > deadline:
                self.kill()
                raise StartFailed(f"{self.name} did not start: {self.last_words()}")
            time.sleep(0.02)

    def last_words(self) -> str:
        text = self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""
        return " / ".join(text.strip().splitlines()[-6:])

    def stall(self, seconds: float) -> None:
        """Pause it for so long, as a busy machine does, then resume it; raises RuntimeError when it does not run.

        ``stop`` or ``kill`` meanwhile ends the pause. The process is signalled by its handle: its number may be reused.
        """
        process = self._process
        if process is None or process.poll() is not None:
            raise RuntimeError(f"{self.name} does not run: there is nothing to stop")
        process.send_signal(signal.SIGSTOP)
        try:
            self._ending.wait(seconds)
        finally:
            process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """Send SIGKILL: nothing is finished, as in a power cut."""
        self._end(signal.SIGKILL, 10.0)

    def stop(self, timeout_s: float = 15.0) -> None:
        """Send SIGTERM, and SIGKILL when it does not end in time."""
        self._end(signal.SIGTERM, timeout_s)

    def _end(self, number: signal.Signals, timeout_s: float) -> None:
        self._ending.set()
        process = self._process
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._process = None
