"""What a service reports to systemd: sd_notify(3) over its datagram socket, by the standard library alone.

Outside systemd there is no ``NOTIFY_SOCKET``: then every call here does nothing.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final, Self

logger = logging.getLogger(__name__)

_SEND_S: Final = 1.0  # A manager that does not take a datagram within this time must not hold up the sender


class Notifier:
    """The connection to the service manager. No call raises: a station does not end because no manager listens."""

    def __init__(self, address: str | None = None, watchdog_s: float | None = None) -> None:
        """Take ``address`` as in NOTIFY_SOCKET, None for no receiver; ``watchdog_s`` is None without a watchdog."""
        self._address = _socket_address(address) if address else None
        self.watchdog_s = watchdog_s
        self._complained = False

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ, pid: int | None = None) -> Self:
        """Read how systemd set this process up (sd_notify(3), sd_watchdog_enabled(3)); ``pid`` is its own."""
        return cls(environ.get("NOTIFY_SOCKET"), _watchdog_s(environ, os.getpid() if pid is None else pid))

    def ready(self, status: str) -> None:
        """Report that the service can be used; from here the watchdog counts, as the unit has it."""
        armed = () if self.watchdog_s is None else (f"WATCHDOG_USEC={round(self.watchdog_s * 1_000_000)}",)
        self._notify("READY=1", f"STATUS={_one_line(status)}", *armed)

    def restarting(self, within_s: float) -> None:
        """Report a change to another service: until that is ready the watchdog waits as long as for a start."""
        if self.watchdog_s is not None:
            self._notify(f"WATCHDOG_USEC={round(within_s * 1_000_000)}", "WATCHDOG=1")

    def alive(self) -> None:
        self._notify("WATCHDOG=1")

    def status(self, text: str) -> None:
        """Set the line that ``systemctl status`` shows."""
        self._notify(f"STATUS={_one_line(text)}")

    def stopping(self) -> None:
        self._notify("STOPPING=1", "STATUS=stopping")

    def _notify(self, *lines: str) -> None:
        if self._address is None:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
                sock.settimeout(_SEND_S)
                sock.sendto("\n".join(lines).encode(), self._address)
        except OSError as error:
            if not self._complained:
                self._complained = True
                logger.warning("the service manager cannot be told: %s", error)


class LoopStop(threading.Event):
    """An end signal that feeds the watchdog when it is checked: for a process that is one loop and no more.

    A loop that hangs anywhere checks no more, and is killed. While it waits on this signal it is alive by definition.
    """

    def __init__(self, stop: threading.Event, manager: Notifier, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._stop, self._manager, self._clock = stop, manager, clock
        self._every_s = manager.watchdog_s / 4 if manager.watchdog_s else None
        self._next = -float("inf")

    def is_set(self) -> bool:
        if self._every_s is not None and self._clock() >= self._next:
            self._next = self._clock() + self._every_s
            self._manager.alive()
        return self._stop.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end in slices, each of which feeds the watchdog."""
        end = None if timeout is None else self._clock() + timeout
        while not self.is_set():
            left = None if end is None else end - self._clock()
            if left is not None and left <= 0:
                return False
            self._stop.wait(min((part for part in (left, self._every_s) if part is not None), default=None))
        return True


def _socket_address(text: str) -> str | None:
    """Return a path, or an abstract name written with ``@``; None for other kinds (vsock): not this machine's."""
    if text.startswith("@"):
        return "\0" + text[1:]
    return text if text.startswith("/") else None


def _watchdog_s(environ: Mapping[str, str], pid: int) -> float | None:
    """Return WATCHDOG_USEC in seconds when it is meant for this process."""
    text, owner = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not text.isascii() or not text.isdecimal() or int(text) == 0 or owner not in ("", str(pid)):
        return None
    return int(text) / 1_000_000


def _one_line(text: str) -> str:
    """Replace newlines: one would begin another assignment."""
    return " ".join(text.split())
