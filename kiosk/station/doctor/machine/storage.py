"""The card: errors that ext4 met, how much was written, and how much of its life is used."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from kiosk.station.doctor.machine.files import count, entries, read
from kiosk.station.doctor.shared.finding import DoctorFinding, Severity
from kiosk.station.shared.clock import EARLIEST_VALID_TIME

# 80 to 90 % of the device's life are used: DEVICE_LIFE_TIME_EST of JEDEC JESD84-B51, which counts in steps of 10 %.
WORN_LIFE: Final = 0x09
OVER_LIFE: Final = 0x0B  # More than its life is used (the same)
WORN_EOL: Final = 0x02  # 80 % of the reserved blocks are used: PRE_EOL_INFO of the same
OVER_EOL: Final = 0x03  # 90 % of them: urgent
_GB: Final = 1_000_000_000
_SECTOR_BYTES: Final = 512  # Of /sys/block/…/stat, whatever the device has (Documentation/block/stat.rst of the kernel)
_WRITTEN_FIELD: Final = 6
_HEX: Final = re.compile(r"0x[0-9a-fA-F]{1,2}")
_UNKNOWN_DAY: Final = "–"
_LATEST: Final = 4_102_444_800  # 2100: what lies behind is garbage


@dataclass(frozen=True, slots=True)
class FileSystem:
    """One of /sys/fs/ext4; the times are seconds, "0" when nothing happened yet."""

    name: str
    errors: str
    first: str = ""
    last: str = ""


def read_file_systems(sys: Path) -> list[FileSystem]:
    """All that are mounted. Raises OSError."""
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
    """The errors are kept in the file system itself until it is repaired. None without an ext4."""
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
    """Those that were told by a clock that was set."""
    known = (seconds for seconds in map(count, timestamps) if seconds is not None)
    moments = (datetime.fromtimestamp(seconds, UTC) for seconds in known if seconds < _LATEST)
    return [moment.date().isoformat() for moment in moments if moment >= EARLIEST_VALID_TIME]


@dataclass(frozen=True, slots=True)
class DataDisk:
    """The disk of the data. ``written_kb``: what ext4 has written to the partition in its life; ``stat`` of the disk,
    since the start of the machine; ``life`` and ``eol``: as an eMMC tells them, "" of an SD card and an SSD.
    """

    disk: str
    written_kb: str = ""
    stat: str = ""
    life: str = ""
    eol: str = ""


def read_card(sys: Path, data: Path) -> DataDisk | None:
    """None of a folder on no disk. Raises OSError."""
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
    """Of an SSD nothing is said: it tells its wear to other programs only. None when nothing is known."""
    if found is None:
        return None
    written = _written_gb(found)
    values: dict[str, str | int] = {"place": found.disk, "n": written or 0}
    life = max((int(word, 16) for word in found.life.split() if _HEX.fullmatch(word)), default=0)
    eol = int(found.eol, 16) if _HEX.fullmatch(found.eol) else 0
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
