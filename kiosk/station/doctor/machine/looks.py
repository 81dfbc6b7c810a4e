"""The rows of the machine: each look has a thread of its own, for a driver that does not answer answers never."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from kiosk.domain.moment import Moment
from kiosk.station.doctor.finding import Finding, Verdict, unreadable
from kiosk.station.doctor.machine import board, rtc, storage, supply, watchdog

_WAIT_S: Final = 2.0
"""A clock on a bus that hangs is given up by the kernel after a second."""

Look = Callable[[], Finding | None]


@dataclass
class BoundedLooks:
    """Waits for no look longer than ``wait_s``. One that still hangs is not begun again."""

    wait_s: float = _WAIT_S
    _hanging: dict[str, threading.Thread] = field(default_factory=dict)

    def rows(self, looks: Iterable[tuple[str, Look]]) -> Iterator[Finding]:
        """The row of each device that has one."""
        for device, look in looks:
            row = self._row(device, look)
            if row is not None:
                yield row

    def _row(self, device: str, look: Look) -> Finding | None:
        hanging = self._hanging.get(device)
        if hanging is not None and hanging.is_alive():
            return _mute(device)
        seen: list[Finding | None] = []
        thread = threading.Thread(target=lambda: seen.append(_looked(device, look)), name=f"look {device}", daemon=True)
        thread.start()
        thread.join(self.wait_s)
        if not seen:
            self._hanging[device] = thread
            return _mute(device)
        return seen[0]


def _looked(device: str, look: Look) -> Finding | None:
    try:
        return look()
    except OSError as error:
        return unreadable(device, error)


def _mute(device: str) -> Finding:
    return Finding(device, True, False, Verdict.WARN, "hardware_mute")


@dataclass(frozen=True, slots=True)
class Machine:
    """Where the kernel tells of the hardware; other folders in tests."""

    sys: Path = Path("/sys")
    proc: Path = Path("/proc")
    bounded: BoundedLooks = field(default_factory=BoundedLooks)

    def findings(self, data: Path, moment: Moment, manager: Callable[[], Mapping[str, str]]) -> Iterator[Finding]:
        """One row each for what this machine has. ``manager``: the properties of systemd that the watchdog needs."""
        sys = self.sys
        looks: tuple[tuple[str, Look], ...] = (
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


MACHINE: Final = Machine()
"""This one; what hangs is remembered from look to look."""
