"""Whether the station lives: each part gives signs of life, and the watchdog is fed only while all of them do.

A sign of life is a moment on the monotonic clock that only working code moves forward: the turn of a loop, an answer to
a request, a finished read. What is unplugged, out of paper, offline or not writable is not a hang: a restart would not
repair it, so it is not checked here. ``kiosk.station.service`` marks a store that cannot keep anything.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from kiosk.base.worker import Worker
from kiosk.station.shared.ports import LifeSign, ServiceManager

logger = logging.getLogger(__name__)


FILE_NAME: Final = "page-alive"
# The file is written at most this often, however many pages ask; it is in memory, not on the card.
EVERY_S: Final = 5.0


def since_boot() -> float:
    """Return the seconds since the machine started, as in /proc/uptime: setting the clock does not move it."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class PageHeartbeat:
    """Writes the second of the newest beat into a file of the service's runtime folder; may be called by any thread.
    Without a folder (not a systemd service) nothing is written. A full or missing folder is logged once.
    """

    def __init__(self, folder: Path | None, clock: Callable[[], float] = since_boot) -> None:
        self._path = folder / FILE_NAME if folder is not None else None
        self._clock = clock
        self._lock = threading.Lock()
        self._next = 0.0
        self._failed = False

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Use RUNTIME_DIRECTORY, which systemd sets for a unit with RuntimeDirectory= (systemd.exec(5))."""
        folder = environ.get("RUNTIME_DIRECTORY", "")
        return cls(Path(folder) if folder else None)

    def beat(self) -> None:
        if self._path is None:
            return
        with self._lock:
            now = self._clock()
            if now < self._next:
                return
            self._next = now + EVERY_S
            self._write(self._path, f"{now:.0f}\n")

    def _write(self, path: Path, text: str) -> None:
        try:
            partial = path.with_name(f".{path.name}.part")
            partial.write_text(text, encoding="ascii")
            partial.replace(path)
            path.chmod(0o644)
        except OSError as error:
            if not self._failed:
                self._failed = True
                logger.warning("the page's sign of life cannot be written: %s", error)


PROBE_EVERY_S: Final = 5.0
# A part that gave no sign for so long hangs. Above the 5 s the database waits for a lock and the slowest card sync.
ALIVE_WITHIN_S: Final = 20.0

_ANSWER_S: Final = 5.0
_GOOD: Final = (b"HTTP/1.0 200 ", b"HTTP/1.1 200 ")
_MAX_BYTES: Final = 65_536

_RETRY_S: Final = 0.5  # A part that answered wrongly is queried again this soon
_WATCH_S: Final = 5.0  # How often the parts are looked at when no watchdog asks for more
_SOON_S: Final = 0.05  # How often a starting station is checked: READY shall not wait for the next round


@dataclass(frozen=True, slots=True)
class PartHealth:
    """One part at one moment: ``age_s`` since its last sign of life, None before the first; ``detail`` says why not."""

    name: str
    ok: bool
    age_s: float | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class HealthTiming:
    """How often a part is queried, and after which silence it counts as hanging; in seconds of ``clock``."""

    every_s: float = PROBE_EVERY_S
    alive_within_s: float = ALIVE_WITHIN_S
    clock: Callable[[], float] = time.monotonic


TIMING = HealthTiming()


class Probe:
    """One part, queried by its own thread: a part that hangs blocks only this thread. ``ask`` returns when the part has
    answered, and raises with the reason when it answered wrongly.
    """

    def __init__(self, name: str, ask: Callable[[], object], timing: HealthTiming = TIMING) -> None:
        self._ask, self._every_s, self._clock = ask, timing.every_s, timing.clock
        self.pulse: float | None = None  # The monotonic second of the last good answer
        self.fault = ""  # Why the last answer was none
        self.worker = Worker(f"health-{name}", self._step)

    def _step(self) -> float:
        try:
            self._ask()
        except Exception as error:  # whatever it is, it is no sign of life, and the next question may get one
            self.fault = f"{type(error).__name__}: {error}"
            return min(_RETRY_S, self._every_s)
        self.pulse, self.fault = self._clock(), ""
        return self._every_s


class StationHealth:
    """The parts of a station: those that are queried, and a scale that gives its signs by itself."""

    def __init__(
        self,
        questions: Mapping[str, Callable[[], object]],
        scale: LifeSign | None = None,
        timing: HealthTiming = TIMING,
    ) -> None:
        """Take ``questions`` by the name of the part, as ``Probe`` does; ``scale`` is None when none is set up."""
        self._timing = timing
        self._probes = {name: Probe(name, ask, timing) for name, ask in questions.items()}
        self._signs: dict[str, LifeSign] = {**self._probes, **({"scale": scale} if scale is not None else {})}

    def start(self) -> None:
        for probe in self._probes.values():
            probe.worker.start()

    def stop(self) -> None:
        for probe in self._probes.values():
            probe.worker.stop(_ANSWER_S + 1.0)

    def parts(self) -> tuple[PartHealth, ...]:
        return tuple(self._part_health(name, sign) for name, sign in self._signs.items())

    def _part_health(self, name: str, sign: LifeSign) -> PartHealth:
        pulse = sign.pulse
        fault = sign.fault if isinstance(sign, Probe) else ""
        if pulse is None:
            return PartHealth(name, False, None, fault or "no sign of life yet")
        age = max(0.0, self._timing.clock() - pulse)
        if age <= self._timing.alive_within_s:
            return PartHealth(name, True, age)
        return PartHealth(name, False, age, f"no sign of life for {age:.0f} s" + (f" ({fault})" if fault else ""))


class HealthReporter:
    """Reports to the service manager: READY after every part's first sign, WATCHDOG only while all are alive."""

    def __init__(self, health: StationHealth, manager: ServiceManager) -> None:
        self._health, self._manager = health, manager
        # Four times in each watchdog period: three lost turns are still no reason to be killed.
        self._every_s = min(_WATCH_S, manager.watchdog_s / 4) if manager.watchdog_s else _WATCH_S
        self._ready = False
        self._reported = ""
        self._worker = Worker("health", self._report, retry_s=_SOON_S)

    def start(self) -> None:
        self._health.start()
        self._worker.start()

    def stop(self) -> None:
        self._worker.stop()
        self._manager.stopping()  # after the last report: no report of life may follow it
        self._health.stop()

    def _report(self) -> float:
        silent = [part for part in self._health.parts() if not part.ok]
        text = summary(silent) if self._ready or not silent else f"starting: {_names(silent)}"
        if not silent and not self._ready:
            self._ready, self._reported = True, text
            self._manager.ready(text)
        elif not silent:
            self._manager.alive()
        if text != self._reported:
            self._reported = text
            logger.log(logging.WARNING if silent and self._ready else logging.DEBUG, "%s", text)
            self._manager.status(text)
        return self._every_s if self._ready else _SOON_S


def summary(silent: Sequence[PartHealth]) -> str:
    """Build one line for ``systemctl status``, without the ages, so that it changes only when a part does."""
    if not silent:
        return "all parts are alive"
    return f"no sign of life: {_names(silent)}"


def _names(parts: Sequence[PartHealth]) -> str:
    return ", ".join(part.name for part in parts)


def fetch(host: str, port: int, path: str = "/health", timeout_s: float = _ANSWER_S) -> None:
    """Ask a page of this machine over a socket, as a browser does; raises OSError unless it answers 200 in time."""
    end = time.monotonic() + timeout_s
    name = f"[{host}]" if ":" in host else host
    answer = b""
    with socket.create_connection((host, port), timeout_s) as way:
        way.sendall(f"GET {path} HTTP/1.0\r\nHost: {name}:{port}\r\n\r\n".encode("ascii"))
        while len(answer) < _MAX_BYTES:
            way.settimeout(max(0.01, end - time.monotonic()))
            piece = way.recv(4096)
            if not piece:
                break
            answer += piece
    if not answer.startswith(_GOOD):
        raise OSError(f"{path} at {host}:{port} answered {answer[:40]!r}")
