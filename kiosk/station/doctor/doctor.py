"""The doctor of a running station: one finding for every device and service, from what the station holds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain, repeat
from pathlib import Path
from typing import Final

from kiosk.base.worker import Worker
from kiosk.devices.network.ports import Network
from kiosk.devices.ports import Camera, Panel, Printer
from kiosk.messaging.contract.control import MAX_STATUS_ROWS, DoctorRow
from kiosk.station.catalog.stick_import import StickCatalogs
from kiosk.station.configuration.county import StationCounty
from kiosk.station.doctor import devices, environment
from kiosk.station.doctor.bundle import Subject
from kiosk.station.doctor.finding import FINE, DoctorFinding, Severity, has_failure
from kiosk.station.doctor.liveness import PageWatch, ScaleWatch, ScannerWatch
from kiosk.station.doctor.ports import ExaminedStation
from kiosk.station.doctor.status_files import DoctorStatusFile
from kiosk.station.scale.keys import ScaleKeys
from kiosk.station.shared.health import PartHealth
from kiosk.station.shared.ports import Configuration
from kiosk.station.update.updates import Updates
from kiosk.store import StoreError

PRINTERS: Final = ("label", "receipt")
_KEEP_S: Final = 2.0  # Printers are queried no more often than this, however many clients ask


@dataclass
class Equipment:
    """What the composition root holds beside the service. Everything may be missing; what is missing is reported so.

    ``parts`` are the health's; ``extra_findings`` are findings of others, such as the scale's; ``on_event`` wakes the
    threads that wait for a paper or an event; ``end_lamp_test`` lets the lamps show the station's own state again.
    ``scale_keys`` are those of the running scale, ``updates`` exist on a machine that can be updated, ``catalogs`` are
    the goods on sticks, ``county`` is what the county gives this station, ``network`` is that of a box.
    """

    config: Configuration
    settings_file: Path | None = None
    printers: Mapping[str, Printer] = field(default_factory=dict)
    camera: Camera | None = None
    scale: ScaleWatch = field(default_factory=ScaleWatch)
    scanner: ScannerWatch = field(default_factory=ScannerWatch)
    panel: Panel | None = None
    parts: Callable[[], Sequence[PartHealth]] = tuple
    extra_findings: Callable[[], Iterable[DoctorFinding]] = tuple
    page: PageWatch = field(default_factory=PageWatch)
    on_event: Callable[[], None] = lambda: None
    end_lamp_test: Callable[[], None] = lambda: None
    scale_keys: ScaleKeys | None = None
    updates: Updates | None = None
    catalogs: StickCatalogs | None = None
    county: StationCounty | None = None
    network: Network | None = None


def examine(station: ExaminedStation, equipment: Equipment) -> tuple[DoctorFinding, ...]:
    """Examine everything now: query the printers, read the database, change nothing."""
    return tuple(_all(station, equipment))


def _all(station: ExaminedStation, equipment: Equipment) -> Iterator[DoctorFinding]:
    yield DoctorFinding("settings", True, True, needed=True)
    yield liveness_finding(equipment.parts())
    yield from device_findings(station, equipment)
    yield from equipment.extra_findings()
    if equipment.county is not None and equipment.county.has_county:
        with suppress(StoreError):  # it has its own row
            yield devices.county_finding(equipment.county)
            yield devices.county_log_finding(equipment.county)
    yield from environment.findings(equipment.config, station.stamp().moment)


def device_findings(station: ExaminedStation, equipment: Equipment) -> Iterator[DoctorFinding]:
    config, marks = equipment.config, station.board.snapshot().marks
    yield devices.scale(config.scale, equipment.scale.liveness())
    for name in PRINTERS:
        yield devices.printer(name, config.printers.get(name), equipment.printers.get(name))
    yield devices.camera(config.camera, marks.camera)
    scanner_watch, scan_required = equipment.scanner, config.station.scan_after_sticking
    yield devices.scanner(config.scanner, scanner_watch.word, scanner_watch.age_s, scan_required=scan_required)
    yield devices.panel(config.panel, None if equipment.panel is None else equipment.panel.fitted)
    yield devices.page(equipment.page.age_s(), equipment.page.waited_s())


def liveness_finding(parts: Sequence[PartHealth]) -> DoctorFinding:
    ages = [part.age_s for part in parts if part.age_s is not None]
    silent = [part.name for part in parts if not part.ok]
    if silent:
        values = {"place": ", ".join(silent)}
        return DoctorFinding(
            "station", True, False, Severity.FAIL, "station_hangs", True, max(ages, default=None), values
        )
    return DoctorFinding("station", True, True, needed=True, last_seen_s=max(ages, default=0.0))


class Doctor:
    """Used by the technician's page, and by ``kiosk doctor`` at ``/doctor.json``. Safe from several threads."""

    def __init__(
        self, station: ExaminedStation, equipment: Equipment, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.station, self.equipment = station, equipment
        self._clock = clock
        self._lock = threading.Lock()
        self._found: tuple[DoctorFinding, ...] = ()
        self._good_until = float("-inf")

    def findings(self, *, fresh: bool = False) -> tuple[DoctorFinding, ...]:
        with self._lock:
            if fresh or self._clock() >= self._good_until:
                self._found = examine(self.station, self.equipment)
                self._good_until = self._clock() + _KEEP_S
            return self._found

    def bundle_subject(self) -> Subject:
        found, station = self.findings(fresh=True), self.station
        software, moment = (station.software, station.metrology), station.stamp().moment
        return Subject(station.settings, self.equipment.settings_file, found, moment, *software, running=True)

    def as_json(self) -> dict[str, object]:
        """Return codes for ``/doctor.json``, without places, names and values: anyone on this machine may read it."""
        found = self.findings()
        return {"ok": not has_failure(found), "rows": [row.as_json() for row in found]}


# The sorting center that reads the rows is reached, and knows more of the link than the station.
EXCLUDED_DEVICES: Final = frozenset({"link", "center"})
# Before the first check, the second, and each further one. A scale and a camera need 20 s after the station's start; a
# page that has not come after 35 s is reported within the first minute.
PAUSES_S: Final = (20.0, 18.0, 60.0)
_END_S: Final = 5.0  # Two printers that do not answer take 4 s
_WORST_FIRST: Final = (Severity.FAIL, Severity.WARN, Severity.OK)


def status_rows(findings: Sequence[DoctorFinding]) -> tuple[DoctorRow, ...]:
    """Return the findings as status rows: codes only, the worst first, in the order of the doctor. Of those that are
    well, rows with a code of their own come first: where not all fit, plain "well" rows are cut.
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
        """Report that the station was stopped on purpose."""
        self._worker.stop(_END_S)
        self._mark.write((DoctorRow("station", "warn", "station_stopped"),))

    def _step(self) -> float:
        if self._waited:
            self._mark.write(status_rows(self._examine()))
        self._waited = True
        return next(self._pauses_s)
