"""The rows of the machine: each look has a thread of its own, for a driver that does not answer answers never."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from kiosk.domain.moment import Moment
from kiosk.station.doctor.machine import board, rtc, storage, supply, watchdog
from kiosk.station.doctor.shared.finding import DoctorFinding, Severity, unreadable

_WAIT_S: Final = 2.0  # A clock on a bus that hangs is given up by the kernel after a second

HardwareCheck = Callable[[], DoctorFinding | None]


@dataclass
class BoundedChecks:
    """Waits for no look longer than ``wait_s``. One that still hangs is not begun again."""

    wait_s: float = _WAIT_S
    _hanging: dict[str, threading.Thread] = field(default_factory=dict)

    def rows(self, checks: Iterable[tuple[str, HardwareCheck]]) -> Iterator[DoctorFinding]:
        """The row of each device that has one."""
        for device, check in checks:
            row = self._row(device, check)
            if row is not None:
                yield row

    def _row(self, device: str, check: HardwareCheck) -> DoctorFinding | None:
        hanging = self._hanging.get(device)
        if hanging is not None and hanging.is_alive():
            return _not_responding(device)
        seen: list[DoctorFinding | None] = []
        thread = threading.Thread(
            target=lambda: seen.append(_run_check(device, check)), name=f"look {device}", daemon=True
        )
        thread.start()
        thread.join(self.wait_s)
        if not seen:
            self._hanging[device] = thread
            return _not_responding(device)
        return seen[0]


def _run_check(device: str, check: HardwareCheck) -> DoctorFinding | None:
    try:
        return check()
    except OSError as error:
        return unreadable(device, error)


def _not_responding(device: str) -> DoctorFinding:
    return DoctorFinding(device, True, False, Severity.WARN, "hardware_mute")


@dataclass(frozen=True, slots=True)
class MachineChecks:
    """Where the kernel tells of the hardware; other folders in tests."""

    sys: Path = Path("/sys")
    proc: Path = Path("/proc")
    bounded: BoundedChecks = field(default_factory=BoundedChecks)

    def findings(self, data: Path, moment: Moment, manager: Callable[[], Mapping[str, str]]) -> Iterator[DoctorFinding]:
        """One row each for what this machine has. ``manager``: the properties of systemd that the watchdog needs."""
        sys = self.sys
        looks: tuple[tuple[str, HardwareCheck], ...] = (
            ("build", lambda: board.build(board.read_release())),
            ("board", lambda: board.board(board.read_model(self.proc))),
            ("filesystem", lambda: storage.file_systems(storage.read_file_systems(sys))),
            ("card", lambda: storage.card(storage.read_card(sys, data))),
            ("temperature", lambda: supply.temperature(supply.read_temperatures(sys))),
            ("power", lambda: supply.power(supply.read_supply(sys))),
            ("watchdog", lambda: watchdog.watchdog(watchdog.read_devices(sys), manager())),
            ("rtc", lambda: rtc.rtc(rtc.read_modules(sys), moment)),
        )
        yield from self.bounded.rows(looks)


MACHINE: Final = MachineChecks()  # This one; what hangs is remembered from look to look
