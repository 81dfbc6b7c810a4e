"""What one process of a station notes for another in a small file of the data folder.

Not synced: after a power cut an older file, or none, only makes the reader say less. Writing and reading raise nothing:
a memory card that fails must stop neither the relay nor the doctor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Generic, TypeVar

import msgspec

from kiosk.base.json_reader import Unreadable, reader
from kiosk.messaging.contract.control import MAX_STATUS_ROWS, DoctorRow
from kiosk.messaging.relay.photos.ports import Backlog, PhotoFault
from kiosk.messaging.relay.shared.faults import LinkFault
from kiosk.messaging.relay.updates.ports import Fetching
from kiosk.station.shared.clock import read_boot_id
from kiosk.station.shared.health import since_boot
from kiosk.station.update.release import is_version

RELAY_ALARMS: Final = ("", "fork", "ahead")  # Why the relay refuses an acknowledgement, as in its status

_STALE_S: Final = 660.0  # A process that has written nothing for so long does not run: two missed reports
_REPEAT_INTERVAL_S: Final = 300.0  # Unchanged content is written again only this often: the memory card is spared
# Every picture that arrives, every part of an update and every acknowledgement changes it; the memory card is spared.
_WRITE_INTERVAL_S: Final = 20.0
_CHANGE_INTERVAL_S: Final = 2.0  # A fault that comes and goes with every message is written no more often than this
# A relay that is refused tries again every minute and reports it each time; one that has not reported it for this long
# is no longer refused, or does not run.
_FAULT_S: Final = 600.0
_LEFT_S: Final = 60.0  # An estimate that the relay has not renewed for this long is invalid
# Faults that an acknowledgement does not end: in between all is well.
_LASTING: Final = frozenset({LinkFault.SESSION_TAKEOVER, LinkFault.MQTT_3})
_SILENT_ROWS: Final = (DoctorRow("station", "fail", "station_mute"),)

T = TypeVar("T")
Seconds = Annotated[float, msgspec.Meta(ge=0, le=10**10)]  # Since the boot; no machine runs for three hundred years


class _Noted(msgspec.Struct, Generic[T], frozen=True):
    boot: str
    second: Seconds
    body: T


class PhotosStatus(msgspec.Struct, frozen=True):
    pictures: int
    fault: PhotoFault | None


class _RelayStatus(msgspec.Struct):
    answered: Seconds | None = None  # The sorting center's last answer that was believed
    alarm: str = ""
    fault: LinkFault | None = None
    fault_second: Seconds = 0
    left: Seconds | None = None
    left_second: Seconds = 0


@dataclass(frozen=True, slots=True)
class FoundStatus(Generic[T]):
    """``age_s`` counts from the start of the machine when it was written before that."""

    body: T
    age_s: float
    is_of_this_boot: bool

    @property
    def is_fresh(self) -> bool:
        return self.is_of_this_boot and 0 <= self.age_s <= _STALE_S


class StatusFile(Generic[T]):
    """``clock``: seconds since the start of the machine."""

    name: ClassVar[str]
    decoder: ClassVar[msgspec.json.Decoder[Any]]

    def __init__(self, data: Path, clock: Callable[[], float] = since_boot, boot_id: str | None = None) -> None:
        self._path, self._read, self._clock = data / self.name, reader(self.decoder), clock
        self._boot_id = boot_id if boot_id is not None else read_boot_id()
        self._about: object = None
        self._written_at = float("-inf")

    def write_now(self, body: T) -> bool:
        partial = self._path.with_name(f".{self._path.name}.part")
        try:
            partial.write_bytes(msgspec.json.encode(_Noted(self._boot_id, int(self._clock()), body)))
            partial.replace(self._path)
        except OSError:
            return False
        return True

    def write_seldom(self, body: T, about: object, interval_s: float = _WRITE_INTERVAL_S) -> None:
        """Write after ``interval_s`` at the earliest when ``about`` has changed, else at long intervals."""
        now = self._clock()
        if now < self._written_at + (_REPEAT_INTERVAL_S if about == self._about else interval_s):
            return
        self._written_at = now
        if self.write_now(body):
            self._about = about

    def found(self) -> FoundStatus[T] | None:
        try:
            noted: _Noted[T] = self._read(self._path.read_bytes())
        except (OSError, Unreadable):
            return None
        is_of_this_boot, now = noted.boot == self._boot_id, self._clock()
        return FoundStatus(noted.body, now - noted.second if is_of_this_boot else now, is_of_this_boot)


class DoctorStatusFile(StatusFile[tuple[DoctorRow, ...]]):
    """The newest rows of the doctor: the station writes them, and the relay sends them."""

    name = "doctor-mark"
    decoder = msgspec.json.Decoder(_Noted[tuple[DoctorRow, ...]])

    def write(self, rows: tuple[DoctorRow, ...]) -> None:
        self.write_seldom(rows, rows, 0.0)

    def rows(self) -> tuple[DoctorRow, ...]:
        """Read the rows of this boot; one row for a silent station when they are too old."""
        found = self.found()
        if found is None:
            return ()
        if found.age_s > _STALE_S:
            return _SILENT_ROWS
        return found.body[:MAX_STATUS_ROWS] if found.is_of_this_boot else ()


class PhotosStatusFile(StatusFile[PhotosStatus]):
    name = "photos-mark"
    decoder = msgspec.json.Decoder(_Noted[PhotosStatus])

    def report(self, backlog: Backlog, fault: PhotoFault | None) -> None:
        status = PhotosStatus(backlog.pictures, fault)
        self.write_seldom(status, status)

    def read(self) -> PhotosStatus | None:
        found = self.found()
        return found.body if found is not None and found.is_fresh else None


class UpdatesStatusFile(StatusFile[Fetching]):
    name = "updates-mark"
    decoder = msgspec.json.Decoder(_Noted[Fetching])

    def report(self, fetching: Fetching) -> None:
        self.write_seldom(fetching, msgspec.structs.replace(fetching, offers_age_s=min(fetching.offers_age_s, 0)))

    def read(self) -> Fetching | None:
        found = self.found()
        if found is None or not found.is_fresh:
            return None
        fetching = found.body
        if not all(not version or is_version(version) for version in (fetching.version, fetching.here)):
            return None
        offers_age_s = fetching.offers_age_s + round(found.age_s) if fetching.offers_age_s >= 0 else -1
        return msgspec.structs.replace(fetching, offers_age_s=offers_age_s)


class RelayStatusFile(StatusFile[_RelayStatus]):
    """The state of the link to the sorting center: written by the relay's ``LinkWatcher``, read by the station."""

    name = "relay-mark"
    decoder = msgspec.json.Decoder(_Noted[_RelayStatus])

    def __init__(self, data: Path, clock: Callable[[], float] = since_boot, boot_id: str | None = None) -> None:
        super().__init__(data, clock, boot_id)
        self._written = float("-inf")
        self._owed = False  # A change was not written, to spare the card
        self._status = _RelayStatus()

    def ack_received(self, alarm: str = "") -> None:
        """Record a verified acknowledgement of the sorting center; ``alarm``: why it was refused, "" if not."""
        status, alarm_before, fault_before = self._status, self._status.alarm, self._status.fault
        status.alarm = alarm
        if not alarm:
            status.answered = round(self._clock())
            if status.fault not in _LASTING:
                status.fault = None
        if alarm != alarm_before:
            self._write(0.0)
        else:
            self._write(_WRITE_INTERVAL_S if status.fault == fault_before and not self._owed else _CHANGE_INTERVAL_S)

    def fault(self, fault: LinkFault) -> None:
        status, changed = self._status, fault != self._status.fault
        status.fault, status.fault_second = fault, int(self._clock())
        self._write(_CHANGE_INTERVAL_S if changed or self._owed else _WRITE_INTERVAL_S)

    def remaining(self, left_s: float | None) -> None:
        """Record about how long until all is acknowledged; None: not known, or nothing waits."""
        status, known = self._status, self._status.left is not None
        status.left, status.left_second = None if left_s is None else round(left_s), int(self._clock())
        if known != (status.left is not None) or self._owed:
            self._write(_CHANGE_INTERVAL_S)
        elif known:
            self._write(_WRITE_INTERVAL_S)

    def _write(self, interval_s: float) -> None:
        """Write unless the last write is less than ``interval_s`` ago; the next write then includes the change."""
        now = self._clock()
        self._owed = now < self._written + interval_s and (self._owed or interval_s <= _CHANGE_INTERVAL_S)
        if now >= self._written + interval_s:
            self._written = now
            self.write_now(self._status)

    def age_s(self) -> float | None:
        """Return the seconds since the last answer; after a reboot only those since the boot. None: never."""
        found, now = self.found(), self._clock()
        if found is None or found.body.answered is None:
            return None
        return max(0.0, now - found.body.answered) if found.is_of_this_boot else now

    def alarm(self) -> str:
        """Return why the newest acknowledgement of this boot was refused: ``fork`` or ``ahead``; "" if it was not."""
        word = self._of_this_boot().alarm
        return word if word in RELAY_ALARMS else ""

    def link_fault(self) -> LinkFault | None:
        """Return what the broker refused within the last minutes; None for nothing, or when that is over."""
        status = self._of_this_boot()
        return status.fault if 0 <= self._clock() - status.fault_second <= _FAULT_S else None

    def left_s(self) -> float | None:
        """Return about how many seconds from now until all is acknowledged; None when not known."""
        status = self._of_this_boot()
        age_s = self._clock() - status.left_second
        return max(0.0, status.left - age_s) if status.left is not None and 0 <= age_s <= _LEFT_S else None

    def _of_this_boot(self) -> _RelayStatus:
        found = self.found()
        return found.body if found is not None and found.is_of_this_boot else _RelayStatus()
