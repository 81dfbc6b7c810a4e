"""Findings about the hardware: board, card, heat, supply, watchdog and clock, from the kernel's small files.

Each check has its own thread: a driver that does not answer may block its reader permanently.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated, Final

import msgspec

from kiosk.base.json_reader import Unreadable, reader
from kiosk.domain.moment import ClockQuality, Moment
from kiosk.station.doctor.finding import DoctorFinding, Severity, unreadable
from kiosk.station.shared.clock import EARLIEST_VALID_TIME, software_id
from kiosk.texts.plain import plain

MAX_BYTES: Final = 4096  # sysfs gives a page at most
MAX_ENTRIES: Final = 64  # No board has so many clocks, sensors or file systems
_COUNT: Final = re.compile(r"[0-9]{1,18}")
_NUMBER: Final = re.compile(r"-?[0-9]{1,18}")


def read(path: Path) -> str:
    """Read a text without its end of line or NUL; "" when there is no such file. Raises OSError with the path when it
    exists and cannot be read, or is no plain file: a pipe would block.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return os.read(handle, MAX_BYTES).decode("ascii", "replace").strip("\0\t\n\r ")
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        os.close(handle)


def entries(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as found:
            return sorted(Path(entry.path) for entry in islice(found, MAX_ENTRIES))
    except (FileNotFoundError, NotADirectoryError):
        return []


def count(text: str) -> int | None:
    return int(text) if _COUNT.fullmatch(text) else None


def number(text: str) -> int | None:
    return int(text) if _NUMBER.fullmatch(text) else None


_MODEL: Final = re.compile(r"Raspberry Pi (?:Compute Module )?(?:(?P<board>[345])\b|(?P<keyboard>[45])00\b)")
_MAX_NAME_LENGTH: Final = 64  # The name of a board is shorter
_PROGRAM: Final = Path(__file__).resolve().parents[3]  # The folder that contains the package
_INSTALLED: Final = "code"  # Its name on an installed machine; `release.json` is beside it


def read_model(proc: Path) -> str:
    return read(proc / "device-tree/model")


def board(model: str) -> DoctorFinding | None:
    name = plain(model, _MAX_NAME_LENGTH)
    if not name:
        return None
    known = _MODEL.match(name)
    word = f"board_pi{known['board'] or known['keyboard']}" if known is not None else "board_other"
    return DoctorFinding("board", True, None, word=word, values={"name": name})


class ReleaseInfo(msgspec.Struct, frozen=True):
    """What is read of ``release.json``; its version carries the commit."""

    version: Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z.+~-]{1,64}(?!\n)$")]


_release_of: Final = reader(msgspec.json.Decoder(ReleaseInfo))


def read_release(program: Path = _PROGRAM) -> str | None:
    """Read ``release.json``, "" when missing; None for a program that runs from its sources. Raises OSError."""
    return read(program.parent / "release.json") if program.name == _INSTALLED else None


def build(release: str | None) -> DoctorFinding:
    if release is None:
        return DoctorFinding("build", True, None, word="build_source", values={"name": software_id()})
    try:
        return DoctorFinding("build", True, True, word="build_release", values={"name": _release_of(release).version})
    except Unreadable:
        return DoctorFinding("build", True, None, Severity.WARN, "build_damaged")


# A DS3231 is off by 2 ppm at most, a minute a year (its data sheet), and while the clock is synchronised the kernel
# writes it into the module every 11 minutes (CONFIG_RTC_SYSTOHC).
WRONG_S: Final = 60
CELL_EMPTY_UV: Final = 2_000_000  # A lithium cell of 3 V is used up at 2 V (data sheets of CR2032 and ML2020)
_LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)  # A DS3231 counts two digits of a year: later is garbage


@dataclass(frozen=True, slots=True)
class ClockModule:
    """One of /sys/class/rtc. ``seconds``: its ``since_epoch``, "" when the chip does not give a time; ``cell_uv``: its
    ``battery_voltage``, which the clock inside a Raspberry Pi 5 has, else "".
    """

    name: str
    seconds: str
    cell_uv: str = ""


def read_modules(sys: Path) -> list[ClockModule]:
    folders = entries(sys / "class/rtc")
    folders.sort(key=lambda folder: (read(folder / "hctosys") != "1", len(folder.name), folder.name))
    return [
        ClockModule(read(folder / "name"), _seconds(folder), read(folder / "battery_voltage")) for folder in folders
    ]


def _seconds(folder: Path) -> str:
    """Read the clock chip; "" on an error: EINVAL after its oscillator stopped; EIO, ENXIO or a timeout when loose."""
    try:
        return read(folder / "since_epoch")
    except PermissionError:
        raise
    except OSError:
        return ""


def rtc(modules: Sequence[ClockModule], moment: Moment) -> DoctorFinding:
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


# 80 to 90 % of the device's life are used: DEVICE_LIFE_TIME_EST of JEDEC JESD84-B51, which counts in steps of 10 %.
WORN_LIFE: Final = 0x09
OVER_LIFE: Final = 0x0B  # More than its life is used (the same)
WORN_EOL: Final = 0x02  # 80 % of the reserved blocks are used: PRE_EOL_INFO of the same
OVER_EOL: Final = 0x03  # 90 % of them: urgent
_GB: Final = 1_000_000_000
_SECTOR_BYTES: Final = 512  # Of /sys/block/…/stat, whatever the device has (Documentation/block/stat.rst of the kernel)
_WRITTEN_FIELD: Final = 6
_LIFE_HEX: Final = re.compile(r"0x[0-9a-fA-F]{1,2}")
_UNKNOWN_DAY: Final = "–"
_LATEST_S: Final = 4_102_444_800  # 2100: later values are garbage


@dataclass(frozen=True, slots=True)
class FileSystem:
    """One of /sys/fs/ext4; the times are seconds, "0" when nothing happened yet."""

    name: str
    errors: str
    first: str = ""
    last: str = ""


def read_file_systems(sys: Path) -> list[FileSystem]:
    return [
        FileSystem(
            folder.name,
            read(folder / "errors_count"),
            read(folder / "first_error_time"),
            read(folder / "last_error_time"),
        )
        for folder in entries(sys / "fs/ext4")
        if folder.name != "features"
    ]


def file_systems(found: Sequence[FileSystem]) -> DoctorFinding | None:
    """Check the errors counted in each ext4, which are kept there until it is repaired. None without an ext4."""
    errors = {one.name: count(one.errors) for one in found}
    if all(known is None for known in errors.values()):
        return None
    bad = [one for one in found if errors[one.name]]
    if not bad:
        return DoctorFinding("filesystem", True, True)
    values: dict[str, str | int] = {
        "place": ", ".join(one.name for one in bad),
        "n": sum(errors[one.name] or 0 for one in bad),
        "first": min(_days(one.first for one in bad), default=_UNKNOWN_DAY),
        "last": max(_days(one.last for one in bad), default=_UNKNOWN_DAY),
    }
    return DoctorFinding("filesystem", True, False, Severity.FAIL, "filesystem_errors", values=values)


def _days(timestamps: Iterable[str]) -> list[str]:
    """Return the ISO dates, in UTC, of timestamps from a clock that was set."""
    known = (seconds for seconds in map(count, timestamps) if seconds is not None)
    moments = (datetime.fromtimestamp(seconds, UTC) for seconds in known if seconds < _LATEST_S)
    return [moment.date().isoformat() for moment in moments if moment >= EARLIEST_VALID_TIME]


@dataclass(frozen=True, slots=True)
class DataDisk:
    """The disk of the data. ``written_kb``: what ext4 has written to the partition in its life; ``stat`` of the disk,
    since the start of the machine; ``life`` and ``eol``: as reported by an eMMC, "" of an SD card and an SSD.
    """

    disk: str
    written_kb: str = ""
    stat: str = ""
    life: str = ""
    eol: str = ""


def read_card(sys: Path, data: Path) -> DataDisk | None:
    """Read the counters of the data disk; None when the folder is on no disk. Raises OSError."""
    device = data.stat().st_dev
    try:
        part = (sys / f"dev/block/{os.major(device)}:{os.minor(device)}").resolve(strict=True)
    except FileNotFoundError:
        return None
    disk = part.parent if (part / "partition").exists() else part
    return DataDisk(
        disk.name,
        read(sys / "fs/ext4" / part.name / "lifetime_write_kbytes"),
        read(disk / "stat"),
        read(disk / "device/life_time"),
        read(disk / "device/pre_eol_info"),
    )


def card(found: DataDisk | None) -> DoctorFinding | None:
    """Check the card's wear; an SSD reports its wear to other programs only. None when nothing is known."""
    if found is None:
        return None
    written = _written_gb(found)
    values: dict[str, str | int] = {"place": found.disk, "n": written or 0}
    life = max((int(word, 16) for word in found.life.split() if _LIFE_HEX.fullmatch(word)), default=0)
    eol = int(found.eol, 16) if _LIFE_HEX.fullmatch(found.eol) else 0
    if life > OVER_LIFE:  # reserved
        life = 0
    if life == OVER_LIFE or eol == OVER_EOL:
        return DoctorFinding("card", True, False, Severity.FAIL, "card_worn_out", values=values)
    if life >= WORN_LIFE or eol == WORN_EOL:
        return DoctorFinding("card", True, True, Severity.WARN, "card_worn", values=values)
    if life:
        return DoctorFinding("card", True, True, word="card_used", values={**values, "percent": life * 10})
    return DoctorFinding("card", True, None, word="card_written", values=values) if written is not None else None


def _written_gb(found: DataDisk) -> int | None:
    kilobytes = count(found.written_kb)
    if kilobytes is not None:
        return kilobytes * 1024 // _GB
    fields = found.stat.split()
    sectors = count(fields[_WRITTEN_FIELD]) if len(fields) > _WRITTEN_FIELD else None
    return None if sectors is None else sectors * _SECTOR_BYTES // _GB


# From here on the firmware slows the processor down (Raspberry Pi documentation, frequency management).
HOT_C: Final = 80
TOO_HOT_C: Final = 85  # From here on it slows the processor down as far as it can (the same)
_SENSOR_C: Final = range(-40, 151)  # What the sensor can measure; anything else is invalid
LOW_NOW: Final = 1 << 0  # `get_throttled` (Raspberry Pi documentation, vcgencmd): below 4.63 V now
LOW_BEFORE: Final = 1 << 16  # The same since the start
_BITS_HEX: Final = re.compile(r"(?:0x)?[0-9a-fA-F]{1,8}")
_FIRMWARE: Final = "devices/platform/soc/soc:firmware/get_throttled"
_SUPPLY_MONITOR: Final = "rpi_volt"


def read_temperatures(sys: Path) -> list[str]:
    """Read the sensors, in thousandths of a degree; "" for one that cannot be read. Raises OSError."""
    return [
        _read_sensor(folder / "temp")
        for folder in entries(sys / "class/thermal")
        if folder.name.startswith("thermal_zone")
    ]


def _read_sensor(path: Path) -> str:
    """Read one sensor; "" on an error, as from one that is switched off. Raises PermissionError."""
    try:
        return read(path)
    except PermissionError:
        raise
    except OSError:
        return ""


def temperature(readings: Sequence[str]) -> DoctorFinding | None:
    if not readings:
        return None
    degrees = [thousandths // 1000 for thousandths in map(number, readings) if thousandths is not None]
    hottest = max((degree for degree in degrees if degree in _SENSOR_C), default=None)
    if hottest is None:
        return DoctorFinding("temperature", True, None)
    values: dict[str, str | int] = {"n": hottest}
    if hottest >= TOO_HOT_C:
        return DoctorFinding("temperature", True, False, Severity.FAIL, "temperature_too_high", values=values)
    if hottest >= HOT_C:
        return DoctorFinding("temperature", True, True, Severity.WARN, "temperature_high", values=values)
    return DoctorFinding("temperature", True, True, word="temperature_known", values=values)


@dataclass(frozen=True, slots=True)
class Supply:
    """``alarms``: ``in0_lcrit_alarm`` of each monitor of the supply; ``throttled``: the firmware's own word, in
    hexadecimal. Empty of a board that has neither.
    """

    alarms: tuple[str, ...] = ()
    throttled: str = ""


def read_supply(sys: Path) -> Supply:
    monitors = [folder for folder in entries(sys / "class/hwmon") if read(folder / "name") == _SUPPLY_MONITOR]
    return Supply(tuple(_read_sensor(folder / "in0_lcrit_alarm") for folder in monitors), _read_sensor(sys / _FIRMWARE))


def power(supply: Supply) -> DoctorFinding | None:
    bits = int(supply.throttled, 16) if _BITS_HEX.fullmatch(supply.throttled) else None
    alarms = [alarm == "1" for alarm in supply.alarms if alarm in ("0", "1")]
    if bits is None and not alarms:
        return None
    if any(alarms) or (bits is not None and bits & LOW_NOW):
        return DoctorFinding("power", True, False, Severity.WARN, "power_low")
    if bits is not None and bits & LOW_BEFORE:
        return DoctorFinding("power", True, True, Severity.WARN, "power_was_low")
    return DoctorFinding("power", True, True)


# Of the manager (org.freedesktop.systemd1(5)).
WATCHDOG_PROPERTIES: Final = "RuntimeWatchdogUSec,WatchdogLastPingTimestampMonotonic"
_OFF: Final = frozenset({"0", "infinity"})
_SOFTWARE: Final = "Software Watchdog"  # `identity` of softdog: it hangs when the kernel does


@dataclass(frozen=True, slots=True)
class Device:
    """One of /sys/class/watchdog; both are "" of a kernel without CONFIG_WATCHDOG_SYSFS."""

    identity: str
    state: str


def read_devices(sys: Path) -> list[Device]:
    return [Device(read(folder / "identity"), read(folder / "state")) for folder in entries(sys / "class/watchdog")]


def watchdog(devices: Sequence[Device], manager: Mapping[str, str]) -> DoctorFinding:
    """Check the watchdog. ``manager``: WATCHDOG_PROPERTIES from systemd, without those that it does not know. A kernel
    that finds the time too long leaves the watchdog off, although systemd was set to feed it.
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
            values={"name": "RuntimeWatchdogSec"},
        )
    known = "active" in states or fed is not None
    return DoctorFinding("watchdog", True, True if known else None)


_WAIT_S: Final = 2.0  # A clock on a bus that hangs is given up by the kernel after a second

HardwareCheck = Callable[[], DoctorFinding | None]


@dataclass
class BoundedChecks:
    """Runs each check for at most ``wait_s``. One that still hangs is not started again."""

    wait_s: float = _WAIT_S
    _hanging: dict[str, threading.Thread] = field(default_factory=dict)

    def rows(self, checks: Iterable[tuple[str, HardwareCheck]]) -> Iterator[DoctorFinding]:
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
    """The folders in which the kernel reports on the hardware; other ones in tests."""

    sys: Path = Path("/sys")
    proc: Path = Path("/proc")
    bounded: BoundedChecks = field(default_factory=BoundedChecks)

    def findings(self, data: Path, moment: Moment, manager: Callable[[], Mapping[str, str]]) -> Iterator[DoctorFinding]:
        """Yield a row for each thing this machine has. ``manager``: the systemd properties for the watchdog."""
        sys = self.sys
        looks: tuple[tuple[str, HardwareCheck], ...] = (
            ("build", lambda: build(read_release())),
            ("board", lambda: board(read_model(self.proc))),
            ("filesystem", lambda: file_systems(read_file_systems(sys))),
            ("card", lambda: card(read_card(sys, data))),
            ("temperature", lambda: temperature(read_temperatures(sys))),
            ("power", lambda: power(read_supply(sys))),
            ("watchdog", lambda: watchdog(read_devices(sys), manager())),
            ("rtc", lambda: rtc(read_modules(sys), moment)),
        )
        yield from self.bounded.rows(looks)


MACHINE: Final = MachineChecks()  # This one; what hangs is remembered from look to look
