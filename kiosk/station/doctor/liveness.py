"""Whether scale, scanner, relay and page live: noted where it happens, kept until the doctor asks."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from kiosk.devices.ports import LinkState
from kiosk.messaging.relay.shared.faults import LinkFault
from kiosk.protocols.scales.shared.reading import Reading
from kiosk.station.doctor.lane_status_file import read_status, seconds, write_status
from kiosk.station.shared.clock import read_boot_id
from kiosk.station.shared.page_heartbeat import FILE_NAME, since_boot

RELAY_STATUS_FILE: Final = "relay-mark"
RELAY_ALARMS: Final = ("fork", "ahead")  # Why the relay refuses an acknowledgement, as in its status
_WRITE_INTERVAL_S: Final = 20.0  # An acknowledgement may come with every intake; the memory card is spared
_CHANGE_INTERVAL_S: Final = 2.0  # A fault that comes and goes with every message is written no more often than this
# A relay that is refused tries again every minute and says so again; one that has not said it for this long is not
# refused any more, or does not run.
_FAULT_S: Final = 600.0
_LEFT_S: Final = 60.0  # An estimate that the relay has not renewed for this long is none
# Faults that an acknowledgement does not end: in between all is well.
_LASTING: Final = frozenset({LinkFault.SESSION_TAKEOVER, LinkFault.MQTT_3})
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
        """``ok``, ``scanner_missing`` or ``scanner_second_keyboard``."""
        self.word = word

    def on_scan(self) -> None:
        """A scan came, whatever it was."""
        self._scanned_at = self._clock()

    @property
    def age_s(self) -> float | None:
        """Since the last scan; None before the first."""
        at = self._scanned_at
        return None if at is None else max(0.0, self._clock() - at)


@dataclass(slots=True)
class _RelayStatus:
    """What the relay said last, in whole seconds since the boot."""

    second: int | None = None  # The sorting center's last answer that was believed
    alarm: str = ""
    fault: str = ""
    fault_second: int = 0
    left: int | None = None
    left_second: int = 0


class RelayHeartbeat:
    """A file in which the relay, a process of its own, notes how the way to the sorting center does.

    Not synced: after a power cut an older mark, or none, only makes the doctor say less. A card that cannot be
    written must not stop the relay, so nothing is raised.
    """

    def __init__(self, data: Path, clock: Callable[[], float] = since_boot, boot_id: str | None = None) -> None:
        self._path = data / RELAY_STATUS_FILE
        self._clock = clock
        self._boot_id = boot_id if boot_id is not None else read_boot_id()
        self._written = float("-inf")
        self._owed = False  # A change was not written, to spare the card
        self._mark = _RelayStatus()

    def ack_received(self, alarm: str = "") -> None:
        """The sorting center's acknowledgement was believed; with a word in ``alarm`` it was refused for that."""
        mark, alarm_before, fault_before = self._mark, self._mark.alarm, self._mark.fault
        mark.alarm = alarm
        if not alarm:
            mark.second = round(self._clock())
            if mark.fault not in _LASTING:
                mark.fault = ""
        if alarm != alarm_before:
            self._write(0.0)
        else:
            self._write(_WRITE_INTERVAL_S if mark.fault == fault_before and not self._owed else _CHANGE_INTERVAL_S)

    def fault(self, fault: LinkFault) -> None:
        """The broker refuses something, or ended the connection."""
        mark, changed = self._mark, fault != self._mark.fault
        mark.fault, mark.fault_second = fault.value, int(self._clock())
        self._write(_CHANGE_INTERVAL_S if changed or self._owed else _WRITE_INTERVAL_S)

    def remaining(self, left_s: float | None) -> None:
        """About how long it takes until everything is acknowledged; None: nobody knows, or nothing waits."""
        mark, known = self._mark, self._mark.left is not None
        mark.left, mark.left_second = None if left_s is None else round(left_s), int(self._clock())
        if known != (mark.left is not None) or self._owed:
            self._write(_CHANGE_INTERVAL_S)
        elif known:
            self._write(_WRITE_INTERVAL_S)

    def _write(self, every_s: float) -> None:
        """Unless something was written less than ``every_s`` ago; what is not written now goes with the next."""
        now = self._clock()
        self._owed = now < self._written + every_s and (self._owed or every_s <= _CHANGE_INTERVAL_S)
        if now < self._written + every_s:
            return
        self._written = now
        write_status(self._path, {"boot": self._boot_id, **asdict(self._mark)})

    def age_s(self) -> float | None:
        """Since the last answer; after a restart of the machine at least the time since it. None: never."""
        now, mark = self._clock(), read_status(self._path)
        second = seconds(mark.get("second"))
        if second is None or "boot" not in mark:
            return None
        return max(0.0, now - second) if mark["boot"] == self._boot_id else now

    def alarm(self) -> str:
        """Why the newest acknowledgement of this boot was refused: ``fork`` or ``ahead``; "" when none was."""
        word = self._of_this_boot().get("alarm")
        return word if word in RELAY_ALARMS else ""

    def link_fault(self) -> LinkFault | None:
        """What the broker refused within the last minutes; None when nothing, or when that is over."""
        mark = self._of_this_boot()
        word, second = mark.get("fault"), seconds(mark.get("fault_second"))
        if second is None or not 0 <= self._clock() - second <= _FAULT_S:
            return None
        return next((fault for fault in LinkFault if fault.value == word), None)

    def left_s(self) -> float | None:
        """About how long it takes from now until everything is acknowledged; None when that is not known."""
        mark = self._of_this_boot()
        left, second = seconds(mark.get("left")), seconds(mark.get("left_second"))
        if left is None or second is None:
            return None
        age = self._clock() - second
        return max(0.0, left - age) if 0 <= age <= _LEFT_S else None

    def _of_this_boot(self) -> dict[str, Any]:
        """What the mark holds; nothing when there is none of this boot."""
        mark = read_status(self._path)
        return mark if mark.get("boot") == self._boot_id else {}


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
