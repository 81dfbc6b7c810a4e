"""Findings about the box itself: its root, its hardware, its services. Outside of systemd there are none."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from kiosk.domain.moment import Moment
from kiosk.station.doctor.finding import DoctorFinding, Severity, unreadable
from kiosk.station.doctor.hardware import MACHINE, WATCHDOG_PROPERTIES, MachineChecks, read
from kiosk.store.database.persistence import is_box, root_is_writable

# The units of each row: the first must run, the others must not have failed.
UNITS: Final = {
    "unit_station": ("kiosk-station.service",),
    "unit_relay": ("kiosk-relay.service",),
    "unit_browser": ("kiosk-browser.service",),
    "unit_splash": ("kiosk-splash.service",),
    "unit_watch": ("kiosk-browser-watch.timer",),
    "unit_data": ("kiosk-data.service",),
    "unit_backup": ("kiosk-backup.timer", "kiosk-backup.service"),
}
NEEDED: Final = frozenset({"unit_station", "unit_browser"})
MANY_RESTARTS: Final = 3
SETTLED_S: Final = 120.0  # A unit that was restarted often and has run for so long since then has got over it
SYSTEMD: Final = Path("/run/systemd/system")
_PROPERTIES: Final = ("LoadState", "ActiveState", "SubState", "NRestarts", "ActiveEnterTimestampMonotonic")
_COMMAND_LINE: Final = Path("/proc/cmdline")
_SEALED: Final = "overlayroot="
_SEALING_PARTS: Final = "apt-get install overlayroot busybox"
_UNSEALED: Final = ("overlayroot=disabled", "overlayroot=")

State = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class BoxContext:
    data: Path
    moment: Moment
    systemd: Path = SYSTEMD
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)


def findings(place: BoxContext, machine: MachineChecks = MACHINE) -> Iterator[DoctorFinding]:
    """Root and hardware of a box, and the services that systemd knows here."""
    if is_box(place.environ):
        yield root()
        yield from machine.findings(place.data, place.moment, lambda: _unit_properties(WATCHDOG_PROPERTIES))
    if place.systemd.is_dir():
        for device, units in UNITS.items():
            yield from _row(device, units)


def root(is_open: Callable[[], bool] = root_is_writable, command_line: Path = _COMMAND_LINE) -> DoctorFinding:
    """Whether a power cut can harm the system itself. An initramfs without overlayroot or busybox leaves the root open
    without a word, whatever the command line asks for.
    """
    try:
        if is_open():
            if not _is_to_be_sealed(read(command_line)):
                return DoctorFinding("root", True, False, Severity.WARN, "root_open")
            values = {"command": _SEALING_PARTS}
            return DoctorFinding("root", True, False, Severity.WARN, "root_unsealed", values=values)
    except OSError as error:
        return unreadable("root", error)
    return DoctorFinding("root", True, True)


def _is_to_be_sealed(command_line: str) -> bool:
    words = [word for word in command_line.split() if word.startswith(_SEALED)]
    return bool(words) and words[-1] not in _UNSEALED


def _row(device: str, units: tuple[str, ...]) -> Iterator[DoctorFinding]:
    states = {unit: _unit_properties(_PROPERTIES, unit) for unit in units}
    main = states[units[0]]
    if main.get("LoadState") != "loaded":
        return
    for unit, state in states.items():
        values: dict[str, str | int] = {"place": unit, "n": _number(state, "NRestarts")}
        if state.get("ActiveState") == "failed":
            yield DoctorFinding(device, True, False, Severity.FAIL, "unit_failed", device in NEEDED, values=values)
            return
        if _restarts_for_ever(state):
            yield DoctorFinding(device, True, False, Severity.FAIL, "unit_restarts", device in NEEDED, values=values)
            return
    if main.get("ActiveState") == "inactive":
        yield DoctorFinding(device, True, False, Severity.WARN, "unit_off", values={"place": units[0]})
    else:
        yield DoctorFinding(device, True, True)


def _restarts_for_ever(state: State) -> bool:
    """A unit between two starts is neither failed nor active: "activating (auto-restart)", and soon active again."""
    if _number(state, "NRestarts") < MANY_RESTARTS:
        return False
    entered = _number(state, "ActiveEnterTimestampMonotonic") / 1_000_000
    return state.get("ActiveState") != "active" or time.monotonic() - entered < SETTLED_S


def _number(state: State, name: str) -> int:
    text = state.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() else 0


def _unit_properties(properties: Sequence[str], *unit: str) -> State:
    """Properties of a unit, or of the manager itself; none when nobody tells."""
    try:
        output = subprocess.run(
            ["systemctl", "show", f"--property={','.join(properties)}", *unit],
            capture_output=True,
            text=True,
            timeout=5.0,
            check=False,
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return {}
    return dict(line.partition("=")[::2] for line in output.splitlines())
