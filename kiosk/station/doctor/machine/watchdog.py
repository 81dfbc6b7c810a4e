"""The watchdog in the hardware: whether there is one, and whether systemd feeds it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kiosk.station.doctor.machine.files import entries, read
from kiosk.station.doctor.shared.finding import DoctorFinding, Severity

# Of the manager (org.freedesktop.systemd1(5)).
PROPERTIES: Final = ("RuntimeWatchdogUSec", "WatchdogLastPingTimestampMonotonic")
_OFF: Final = frozenset({"0", "infinity"})
_SOFTWARE: Final = "Software Watchdog"  # `identity` of softdog: it hangs when the kernel does


@dataclass(frozen=True, slots=True)
class Device:
    """One of /sys/class/watchdog; both are "" of a kernel without CONFIG_WATCHDOG_SYSFS."""

    identity: str
    state: str


def read_devices(sys: Path) -> list[Device]:
    """All. Raises OSError."""
    return [Device(read(folder / "identity"), read(folder / "state")) for folder in entries(sys / "class/watchdog")]


def watchdog(devices: Sequence[Device], manager: Mapping[str, str]) -> DoctorFinding:
    """``manager``: PROPERTIES as systemd tells them, without those that it does not know.

    A kernel that finds the time too long leaves the watchdog off, although systemd was told to feed it.
    """
    hardware = [device for device in devices if device.identity != _SOFTWARE]
    if not hardware:
        return DoctorFinding(
            "watchdog", False, False, Severity.WARN, "watchdog_none", values={"name": "dtparam=watchdog=on"}
        )
    states = {device.state for device in hardware}
    fed = manager.get("WatchdogLastPingTimestampMonotonic")
    is_off = manager.get("RuntimeWatchdogUSec") in _OFF or states == {"inactive"}
    if is_off or ("active" not in states and fed == "0"):
        return DoctorFinding(
            "watchdog",
            True,
            False,
            Severity.WARN,
            "watchdog_off",
            values={"name": PROPERTIES[0].replace("USec", "Sec")},
        )
    known = "active" in states or fed is not None
    return DoctorFinding("watchdog", True, True if known else None)
