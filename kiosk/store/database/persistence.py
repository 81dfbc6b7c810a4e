"""Whether written data survives a power cut: a box without its data partition writes into memory, unnoticed.

On a box, whose units set ``KIOSK_BOX=1``, a station refuses such a folder. Anywhere else (a demo in /tmp, a container)
only the doctor reports it. Also the ownership of what the store makes: a command run by root must leave nothing that
the station cannot write.
"""

from __future__ import annotations

import ctypes
import os
import re
import stat
import subprocess
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Final

from kiosk.base import systemd
from kiosk.store.shared.errors import StoreError

_ROOT: Final = 0


class WriteBlocker(StrEnum):
    OWNER = "owner"
    READ_ONLY = "read_only"


def write_blocker(path: Path) -> WriteBlocker | None:
    """Return why the folder's owner cannot write this; None when it can. Root's own access does not count."""
    file_stat, folder_stat = path.stat(), (path if path.is_dir() else path.parent).stat()
    if os.geteuid() == _ROOT and folder_stat.st_uid != _ROOT:
        writable = os.access(path, os.W_OK) and _may_write(file_stat, folder_stat)
    else:
        writable = os.access(path, os.W_OK)
    if writable:
        return None
    return WriteBlocker.READ_ONLY if file_stat.st_uid == folder_stat.st_uid else WriteBlocker.OWNER


def _may_write(file_stat: os.stat_result, folder_stat: os.stat_result) -> bool:
    """Judge by owner, group and mode; root's own access would allow all but a read-only disk."""
    if file_stat.st_uid == folder_stat.st_uid:
        return bool(file_stat.st_mode & stat.S_IWUSR)
    if file_stat.st_gid == folder_stat.st_gid:
        return bool(file_stat.st_mode & stat.S_IWGRP)
    return bool(file_stat.st_mode & stat.S_IWOTH)


BOX_VARIABLE: Final = "KIOSK_BOX"  # Set to 1 only by the units of a box (`systemd/`)
_STATION_UNIT: Final = "kiosk-station.service"
_MOUNTS: Final = Path("/proc/self/mountinfo")
_BLOCK_DEVICES: Final = Path("/sys/dev/block")
# `f_type` of statfs(2), from linux/magic.h. An overlay of a read-only root has its upper side in memory.
_MEMORY_FILE_SYSTEMS: Final = {0x01021994: "tmpfs", 0x858458F6: "ramfs", 0x794C7630: "overlay", 0x61756673: "aufs"}
_MEMORY_DISK: Final = re.compile(r"(?:zram|ram)\d+")
_STATFS_BYTES: Final = 256


class NotPersistent(StoreError):
    """Nothing was opened, made or changed: whatever is stored there is lost at the next start."""


def memory_file_system(path: Path) -> str:
    """Return the kind of file system when what is written at ``path`` is lost with the power, else "".

    Follows links and bind mounts; for a missing path the folder counts in which it would be made. Raises OSError when
    it cannot be queried.
    """
    existing = path.resolve()
    while not os.path.lexists(existing) and existing != existing.parent:
        existing = existing.parent
    kind = _MEMORY_FILE_SYSTEMS.get(_statfs_type(existing), "")
    return kind or _memory_disk(existing)


def require_persistent(path: Path, environ: Mapping[str, str] = os.environ) -> None:
    """Raise NotPersistent on a box whose ``path`` is in memory."""
    kind = memory_file_system(path)
    if kind and is_box(environ):
        raise NotPersistent(
            f"The data partition is missing: {path} lies in memory ({kind}), and nothing can be kept. Look at the "
            "card, at /etc/fstab and at the order in box.md; the station starts by itself when it is there."
        )


def is_box(environ: Mapping[str, str] = os.environ) -> bool:
    """Return whether this is a box: this process is one of its units, or the unit of the station says so.

    A command that is typed is no unit; the second check is for it.
    """
    if environ.get(BOX_VARIABLE) == "1":
        return True
    environment = unit_properties("Environment", _STATION_UNIT) if systemd.is_booted() else {}
    return f"{BOX_VARIABLE}=1" in environment.get("Environment", "").split()


def root_is_writable(mounts: Path = _MOUNTS) -> bool:
    """Return whether the root file system is writable, whatever a unit sees of it (ProtectSystem=). Raises OSError."""
    rows = [row.split() for row in mounts.read_text(encoding="utf-8", errors="replace").splitlines()]
    roots = [row[row.index("-") + 1 :] for row in rows if len(row) > 4 and row[4] == "/" and "-" in row]
    if not roots or len(roots[-1]) < 3:
        return False
    kind, _, options = roots[-1][:3]
    return kind not in _MEMORY_FILE_SYSTEMS.values() and "ro" not in options.split(",")


def _statfs_type(path: Path) -> int:
    """Read ``f_type``, the first word of struct statfs on every Linux; os.statvfs leaves it out."""
    libc = ctypes.CDLL(None, use_errno=True)
    answer = ctypes.create_string_buffer(_STATFS_BYTES)
    if libc.statfs64(os.fsencode(path), answer) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(path))
    return ctypes.c_ulong.from_buffer(answer).value & 0xFFFF_FFFF


def _memory_disk(path: Path) -> str:
    device = path.stat().st_dev
    try:
        name = (_BLOCK_DEVICES / f"{os.major(device)}:{os.minor(device)}").resolve(strict=True).name
    except OSError:
        return ""
    return name if _MEMORY_DISK.fullmatch(name) else ""


def unit_properties(names: str, *unit: str) -> Mapping[str, str]:
    """Read ``names``, comma-separated, of a unit or of systemd itself; none when it does not answer in 5 s."""
    command = ["systemctl", "show", f"--property={names}", *unit]
    try:
        output = subprocess.run(command, capture_output=True, text=True, timeout=5.0, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return {}
    return dict(line.partition("=")[::2] for line in output.splitlines())
