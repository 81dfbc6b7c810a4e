"""What the doctor says, for the sorting center: written by the station, read by the relay, a process of its own."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from kiosk.messaging.contract.control import MAX_DOCTOR_ROWS, DoctorRow
from kiosk.station.clock import read_boot_id
from kiosk.station.doctor.finding import Finding, Verdict
from kiosk.station.page_heartbeat import since_boot

logger = logging.getLogger(__name__)

DOCTOR_MARK: Final = "doctor-mark"
NOT_TOLD: Final = frozenset({"link", "center"})
"""The sorting center that reads the rows is reached, and knows more of the link than the station."""
_AGAIN_S: Final = 300.0
"""Rows that stay as they are say so again this seldom: the memory card is spared."""
_MUTE_S: Final = 660.0
"""A station that has said nothing for so long, or not since the start of the machine, does not run: two lost turns."""
_FIRST_S: Final = 20.0
"""A scale, a camera and a browser need so long after the station's start."""
_EVERY_S: Final = 60.0
_END_S: Final = 10.0
"""Two printers that do not answer take 4 s."""
_WORST_FIRST: Final = (Verdict.FAIL, Verdict.WARN, Verdict.OK)
_MUTE: Final = (DoctorRow("station", "fail", "station_mute"),)


def told(findings: Sequence[Finding]) -> tuple[DoctorRow, ...]:
    """As rows of a status: codes alone, the worst first, in the order of the doctor."""
    rows = sorted((row for row in findings if row.device not in NOT_TOLD), key=_rank)
    return tuple(DoctorRow(row.device, row.verdict.value, row.word) for row in rows[:MAX_DOCTOR_ROWS])


def _rank(row: Finding) -> int:
    return _WORST_FIRST.index(row.verdict)


class DoctorMark:
    """The file of the newest rows. Not synced: after a power cut the next look writes it. Nothing is raised."""

    def __init__(self, data: Path, clock: Callable[[], float] = since_boot, boot_id: str | None = None) -> None:
        self._path = data / DOCTOR_MARK
        self._clock = clock
        self._boot_id = boot_id if boot_id is not None else read_boot_id()
        self._written: tuple[DoctorRow, ...] | None = None
        self._again_at = 0.0

    def write(self, rows: tuple[DoctorRow, ...]) -> None:
        """Rows that have changed at once, others now and then."""
        now = self._clock()
        if rows == self._written and now < self._again_at:
            return
        mark = {"boot": self._boot_id, "second": int(now), "rows": msgspec.to_builtins(rows)}
        partial = self._path.with_name(f".{DOCTOR_MARK}.part")
        try:
            partial.write_text(json.dumps(mark), encoding="ascii")
            partial.replace(self._path)
        except OSError:
            return
        self._written, self._again_at = rows, now + _AGAIN_S

    def rows(self) -> tuple[DoctorRow, ...]:
        """The rows of this boot; a row of the station alone when it no longer says any; none from an older station."""
        try:
            mark = json.loads(self._path.read_text(encoding="ascii"))
            is_of_this_boot, second = mark["boot"] == self._boot_id, float(mark["second"])
            rows = msgspec.convert(mark["rows"], tuple[DoctorRow, ...])
        except (OSError, ValueError, KeyError, TypeError):
            return ()
        now = self._clock()
        if now - (second if is_of_this_boot else 0.0) > _MUTE_S:
            return _MUTE
        return rows[:MAX_DOCTOR_ROWS] if is_of_this_boot else ()


class DoctorReporter:
    """Has the doctor look once a minute, in a thread of its own, and writes what he says."""

    def __init__(
        self,
        look: Callable[[], Sequence[Finding]],
        mark: DoctorMark,
        *,
        first_s: float = _FIRST_S,
        every_s: float = _EVERY_S,
    ) -> None:
        self._look, self._mark, self._first_s, self._every_s = look, mark, first_s, every_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="doctor", daemon=True)

    def start(self) -> None:
        """The first look is when the devices have had their time."""
        self._thread.start()

    def stop(self) -> None:
        """Say that the station has stopped, on purpose."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join(_END_S)
        self._mark.write((DoctorRow("station", "warn", "station_stopped"),))

    def _run(self) -> None:
        wait_s = self._first_s
        while not self._stopping.wait(wait_s):
            wait_s = self._every_s
            try:
                self._mark.write(told(self._look()))
            except Exception:
                logger.exception("what the doctor says could not be written for the sorting center")
