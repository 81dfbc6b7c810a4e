"""The clock module: whether one is there, still knows the time, and agrees with a clock that was synchronised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from kiosk.domain.moment import ClockQuality, Moment
from kiosk.station.doctor.machine.files import count, entries, read
from kiosk.station.doctor.shared.finding import DoctorFinding, Severity
from kiosk.station.shared.clock import EARLIEST_VALID_TIME

# A DS3231 is off by 2 ppm at most, a minute a year (its data sheet), and while the clock is synchronised the kernel
# writes it into the module every 11 minutes (CONFIG_RTC_SYSTOHC).
WRONG_S: Final = 60
CELL_EMPTY_UV: Final = 2_000_000  # A lithium cell of 3 V is used up at 2 V (data sheets of CR2032 and ML2020)
_LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)  # A DS3231 counts two digits of a year: what lies behind is garbage


@dataclass(frozen=True, slots=True)
class ClockModule:
    """One of /sys/class/rtc. ``seconds``: its ``since_epoch``, "" when the chip does not give a time; ``cell_uv``: its
    ``battery_voltage``, which the clock inside a Raspberry Pi 5 has, else "".
    """

    name: str
    seconds: str
    cell_uv: str = ""


def read_modules(sys: Path) -> list[ClockModule]:
    """All, the one first that the kernel sets its clock from. Raises OSError."""
    folders = entries(sys / "class/rtc")
    folders.sort(key=lambda folder: (read(folder / "hctosys") != "1", len(folder.name), folder.name))
    return [
        ClockModule(read(folder / "name"), _seconds(folder), read(folder / "battery_voltage")) for folder in folders
    ]


def _seconds(folder: Path) -> str:
    """A chip whose oscillator stood still says EINVAL; one that is loose, EIO, ENXIO or a timeout."""
    try:
        return read(folder / "since_epoch")
    except PermissionError:
        raise
    except OSError:
        return ""


def rtc(modules: Sequence[ClockModule], moment: Moment) -> DoctorFinding:
    """The row of the first of them."""
    if not modules:
        return DoctorFinding("rtc", False, None, Severity.WARN, "rtc_none", values={"name": "DS3231"})
    module = modules[0]
    seconds = count(module.seconds)
    if seconds is None or not EARLIEST_VALID_TIME.timestamp() <= seconds < _LATEST.timestamp():
        return DoctorFinding("rtc", True, False, Severity.WARN, "rtc_unset")
    off_s = abs(seconds - round(moment.utc.timestamp()))
    if moment.quality is ClockQuality.SYNCED and off_s > WRONG_S:
        return DoctorFinding("rtc", True, False, Severity.WARN, "rtc_wrong", values={"n": off_s})
    cell = count(module.cell_uv)
    if cell is not None and cell < CELL_EMPTY_UV:
        return DoctorFinding("rtc", True, False, Severity.WARN, "rtc_cell")
    return DoctorFinding("rtc", True, True)
