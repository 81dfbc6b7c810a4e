"""Whether scale, scanner, relay and page live: noted where it happens, kept until the doctor asks."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kiosk.devices.ports import LinkState
from kiosk.protocols.scales.reading import Reading
from kiosk.station.clock import read_boot_id
from kiosk.station.page_heartbeat import FILE_NAME, since_boot

RELAY_MARK: Final = "relay-mark"
RELAY_ALARMS: Final = ("fork", "ahead")
"""Why the relay refuses an acknowledgement, as in its status."""
_MARK_EVERY_S: Final = 20.0
"""An acknowledgement may come with every intake; the memory card is spared."""
_RUNTIME: Final = Path("/run/kiosk")


@dataclass(frozen=True, slots=True)
class ScaleLiveness:
    """The newest frame and its age; ``link`` is None before the scale's thread has said anything."""

    link: LinkState | None = None
    reading: Reading | None = None
    age_s: float | None = None


class ScaleWatch:
    """A ``ScaleListener`` that remembers the newest."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._link: LinkState | None = None
        self._last: tuple[Reading, float] | None = None

    def on_reading(self, reading: Reading, at: float) -> None:
        with self._lock:
            self._last = (reading, at)

    def on_expired(self, at: float) -> None:
        """Its age says so."""

    def on_link(self, state: LinkState, detail: str, at: float) -> None:
        with self._lock:
            self._link = state

    def look(self) -> ScaleLiveness:
        """What is known now."""
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
        """``ok``, ``scanner_missing`` or ``scanner_second_keyboard``."""
        self.word = word

    def scanned(self) -> None:
        """A scan came, whatever it was."""
        self._scanned_at = self._clock()

    @property
    def age_s(self) -> float | None:
        """Since the last scan; None before the first."""
        at = self._scanned_at
        return None if at is None else max(0.0, self._clock() - at)


class RelayHeartbeat:
    """A file in which the relay, a process of its own, notes that the sorting center has answered.

    Not synced: after a power cut an older mark, or none, only makes the doctor say less. A card that cannot be
    written must not stop the relay, so nothing is raised.
    """

    def __init__(self, data: Path, clock: Callable[[], float] = since_boot, boot_id: str | None = None) -> None:
        self._path = data / RELAY_MARK
        self._clock = clock
        self._boot_id = boot_id if boot_id is not None else read_boot_id()
        self._next = float("-inf")
        self._alarm = ""
        self._second: int | None = None

    def heard(self, alarm: str = "") -> None:
        """The sorting center's acknowledgement was believed; with a word in ``alarm`` it was refused for that."""
        now = self._clock()
        if not alarm:
            self._second = round(now)
        if alarm == self._alarm and now < self._next:
            return
        self._next, self._alarm = now + _MARK_EVERY_S, alarm
        mark = {"boot": self._boot_id, "second": self._second, "alarm": alarm}
        partial = self._path.with_name(f".{RELAY_MARK}.part")
        try:
            partial.write_text(json.dumps(mark), encoding="ascii")
            partial.replace(self._path)
        except OSError:
            return

    def age_s(self) -> float | None:
        """Since the last answer; after a restart of the machine at least the time since it. None: never."""
        now = self._clock()
        try:
            mark = self._read()
            same_boot, second = mark["boot"] == self._boot_id, float(mark["second"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return max(0.0, now - second) if same_boot else now

    def alarm(self) -> str:
        """Why the newest acknowledgement of this boot was refused: ``fork`` or ``ahead``; "" when none was."""
        try:
            mark = self._read()
            word = mark["alarm"] if mark["boot"] == self._boot_id else ""
        except (OSError, ValueError, KeyError, TypeError):
            return ""
        return word if word in RELAY_ALARMS else ""

    def _read(self) -> dict[str, Any]:
        mark = json.loads(self._path.read_text(encoding="ascii"))
        return mark if isinstance(mark, dict) else {}


class PageWatch:
    """What the page on the screen has said of itself, by the file that ``PageHeartbeat`` writes.

    Outside of a service nobody writes it: then nothing is known and nothing is waited for.
    """

    def __init__(
        self,
        clock: Callable[[], float] = since_boot,
        environ: Mapping[str, str] = os.environ,
        *,
        folder: Path = _RUNTIME,
    ) -> None:
        """The first page is waited for from now on."""
        runtime = environ.get("RUNTIME_DIRECTORY", "")
        self._path = (Path(runtime) if runtime else folder) / FILE_NAME
        self._clock = clock
        self._since = clock() if runtime else None

    def age_s(self) -> float | None:
        """Since the page was last heard; None when it never was."""
        try:
            return max(0.0, self._clock() - float(self._path.read_text(encoding="ascii")))
        except (OSError, ValueError):
            return None

    def waited_s(self) -> float | None:
        """For how long no page has been heard at all; None when one was, or when nobody would know."""
        if self._since is None or self.age_s() is not None:
            return None
        return max(0.0, self._clock() - self._since)
