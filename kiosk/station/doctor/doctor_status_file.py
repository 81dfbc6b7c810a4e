"""The newest rows of the doctor in a file: the station writes it, and the relay, a process of its own, reads it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from kiosk.messaging.contract.control import MAX_STATUS_ROWS, DoctorRow
from kiosk.station.doctor.lane_status_file import read_status, seconds, write_status
from kiosk.station.shared.clock import read_boot_id
from kiosk.station.shared.page_heartbeat import since_boot

DOCTOR_STATUS_FILE: Final = "doctor-mark"
_REPEAT_INTERVAL_S: Final = 300.0  # Rows that stay as they are say so again this seldom: the memory card is spared
# A station that has said nothing for so long, or not since the start of the machine, does not run: two lost turns.
_SILENT_AFTER_S: Final = 660.0
_SILENT_ROWS: Final = (DoctorRow("station", "fail", "station_mute"),)
_WARMED_UP_DECODER: Final = msgspec.json.Decoder(tuple[DoctorRow, ...])


class DoctorStatusFile:
    """The file of the newest rows. Not synced: after a power cut the next look writes it. Nothing is raised."""

    def __init__(self, data: Path, clock: Callable[[], float] = since_boot, boot_id: str | None = None) -> None:
        self._path = data / DOCTOR_STATUS_FILE
        self._clock = clock
        self._boot_id = boot_id if boot_id is not None else read_boot_id()
        self._written: tuple[DoctorRow, ...] | None = None
        self._repeat_at = 0.0

    def write(self, rows: tuple[DoctorRow, ...]) -> None:
        """Rows that have changed at once, others now and then."""
        now = self._clock()
        if rows == self._written and now < self._repeat_at:
            return
        if write_status(self._path, {"boot": self._boot_id, "second": int(now), "rows": rows}):
            self._written, self._repeat_at = rows, now + _REPEAT_INTERVAL_S

    def rows(self) -> tuple[DoctorRow, ...]:
        """The rows of this boot; a row of the station alone when it no longer says any."""
        mark = read_status(self._path)
        is_of_this_boot, second = mark.get("boot") == self._boot_id, seconds(mark.get("second"))
        try:
            rows = msgspec.convert(mark.get("rows"), tuple[DoctorRow, ...])
        except msgspec.ValidationError:
            return ()
        if second is None:
            return ()
        now = self._clock()
        if now - (second if is_of_this_boot else 0.0) > _SILENT_AFTER_S:
            return _SILENT_ROWS
        return rows[:MAX_STATUS_ROWS] if is_of_this_boot else ()
