"""Whether scale, scanner, relay and page live: noted where it happens, kept until the doctor asks."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kiosk.devices.ports import LinkState
from kiosk.messaging.relay.shared.faults import LinkFault
from kiosk.protocols.scales.shared.reading import Reading
from kiosk.station.desk.live import OK
from kiosk.station.doctor.status_files import RelayStatusFile
from kiosk.station.shared.health import FILE_NAME, since_boot

QUIET_S: Final = 600.0  # Events that wait longer than this without an answer of the sorting center need a check
LINK_DOWN: Final = "link_down"
LINK_NONE: Final = "link_none"
_LINK_POLL_S: Final = 5.0
_RUNTIME: Final = Path("/run/kiosk")


@dataclass(frozen=True, slots=True)
class ScaleLiveness:
    link: LinkState | None = None
    reading: Reading | None = None
    age_s: float | None = None


class ScaleWatch:
    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._link: LinkState | None = None
        self._last: tuple[Reading, float] | None = None

    def on_reading(self, reading: Reading, at: float) -> None:
        with self._lock:
            self._last = (reading, at)

    def on_expired(self, at: float) -> None: ...

    def on_link(self, state: LinkState, detail: str, at: float) -> None:
        with self._lock:
            self._link = state

    def liveness(self) -> ScaleLiveness:
        with self._lock:
            link, last = self._link, self._last
        if last is None:
            return ScaleLiveness(link)
        return ScaleLiveness(link, last[0], max(0.0, self._clock() - last[1]))


class ScannerWatch:
    """The scanner's state word and the age of the last scan; called from the scanner's thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._scanned_at: float | None = None
        self.word = ""

    def on_state(self, word: str) -> None:
        """Store ``ok``, ``scanner_missing`` or ``scanner_second_keyboard``."""
        self.word = word

    def on_scan(self) -> None:
        self._scanned_at = self._clock()

    @property
    def age_s(self) -> float | None:
        at = self._scanned_at
        return None if at is None else max(0.0, self._clock() - at)


class LinkStatus:
    """Polled repeatedly. What waited before the station started counts from the start: the wall clock may be wrong."""

    def __init__(self, relay: RelayStatusFile | None, clock: Callable[[], float] = time.monotonic) -> None:
        """Take the relay's status file, None without a relay, and a clock of monotonic seconds."""
        self._relay, self._clock = relay, clock
        self._waiting_since: float | None = None
        self._checked_at = float("-inf")
        self._word = OK

    def word(self, pending: int) -> str:
        """Return OK; LINK_NONE; or LINK_DOWN when the broker refuses, or events wait and none is acknowledged."""
        if self._relay is None:
            return LINK_NONE
        now = self._clock()
        if not pending:
            self._waiting_since = None
        elif self._waiting_since is None:
            self._waiting_since = now
        if now - self._checked_at >= _LINK_POLL_S:
            self._checked_at = now
            self._word = LINK_DOWN if _is_refused(self._relay) or self._is_quiet(self._relay, now) else OK
        return self._word

    def _is_quiet(self, relay: RelayStatusFile, now: float) -> bool:
        if self._waiting_since is None or now - self._waiting_since <= QUIET_S:
            return False
        age_s = relay.age_s()
        return age_s is None or age_s > QUIET_S


def _is_refused(relay: RelayStatusFile) -> bool:
    """Return whether the broker refuses. One with MQTT 3.1.1 does not: it accepts everything, but is to be replaced."""
    return relay.link_fault() not in (None, LinkFault.MQTT_3)


class PageWatch:
    """What the page on the screen has reported, in the file that ``PageHeartbeat`` writes. Without a service the file
    is not written: then nothing is known and nothing is waited for.
    """

    def __init__(
        self,
        clock: Callable[[], float] = since_boot,
        environ: Mapping[str, str] = os.environ,
        *,
        folder: Path = _RUNTIME,
    ) -> None:
        """Begin to wait for the first page."""
        runtime = environ.get("RUNTIME_DIRECTORY", "")
        self._path = (Path(runtime) if runtime else folder) / FILE_NAME
        self._clock = clock
        self._since = clock() if runtime else None

    def age_s(self) -> float | None:
        """Return the seconds since the page's last heartbeat; None when there was none."""
        try:
            return max(0.0, self._clock() - float(self._path.read_text(encoding="ascii")))
        except (OSError, ValueError):
            return None

    def waited_s(self) -> float | None:
        """Return the seconds waited without any heartbeat; None after one, or when it cannot be known."""
        if self._since is None or self.age_s() is not None:
            return None
        return max(0.0, self._clock() - self._since)
