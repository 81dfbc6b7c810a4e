"""What the doctor says, for the sorting center: looked at by the station once a minute, as codes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain, repeat
from typing import Final

from kiosk.base.worker import Worker
from kiosk.messaging.contract.control import MAX_STATUS_ROWS, DoctorRow
from kiosk.station.doctor.shared.finding import FINE, DoctorFinding, Severity
from kiosk.station.doctor.status_files import DoctorStatusFile

# The sorting center that reads the rows is reached, and knows more of the link than the station.
EXCLUDED_DEVICES: Final = frozenset({"link", "center"})
# Before the first look, the second, and each further one. A scale and a camera need 20 s after the station's start; a
# page that has not come after 35 s is told within the first minute.
PAUSES_S: Final = (20.0, 18.0, 60.0)
_END_S: Final = 5.0  # Two printers that do not answer take 4 s
_WORST_FIRST: Final = (Severity.FAIL, Severity.WARN, Severity.OK)


def status_rows(findings: Sequence[DoctorFinding]) -> tuple[DoctorRow, ...]:
    """As rows of a status: codes alone, the worst first, in the order of the doctor. Of those that are well the ones
    with a word of their own are first: if some do not fit, it is those that only say that they are well.
    """
    rows = sorted((row for row in findings if row.device not in EXCLUDED_DEVICES), key=_rank)
    return tuple(DoctorRow(row.device, row.verdict.value, row.word) for row in rows[:MAX_STATUS_ROWS])


def _rank(row: DoctorFinding) -> tuple[int, bool]:
    return _WORST_FIRST.index(row.verdict), row.ok and row.word == FINE


class DoctorReporter:
    """Writes the doctor's findings once a minute; the first time when the devices have had their time."""

    def __init__(
        self,
        examine: Callable[[], Sequence[DoctorFinding]],
        mark: DoctorStatusFile,
        pauses_s: Sequence[float] = PAUSES_S,
    ) -> None:
        self._examine, self._mark = examine, mark
        self._pauses_s = chain(pauses_s, repeat(pauses_s[-1]))
        self._waited = False
        self._worker = Worker("doctor", self._step, retry_s=pauses_s[-1])
        self.start = self._worker.start

    def stop(self) -> None:
        """Say that the station has stopped, on purpose."""
        self._worker.stop(_END_S)
        self._mark.write((DoctorRow("station", "warn", "station_stopped"),))

    def _step(self) -> float:
        if self._waited:
            self._mark.write(status_rows(self._examine()))
        self._waited = True
        return next(self._pauses_s)
