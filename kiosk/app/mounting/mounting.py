"""Composition of ``kiosk-media@.service``: what udev has recorded of a medium, the rules, and systemd's own mounting.

systemd mounts, not this program: it needs no right of its own, and the mount goes with the device.
"""

from __future__ import annotations

import grp
import logging
import pwd
import subprocess
import tomllib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from kiosk.app.mounting.rules import KERNEL_NAME, BlockDevice, MediumRefused, Mount, Owner, mount_of
from kiosk.store.backup.shared.settings import MAX_UUID_LENGTH, UUID

logger = logging.getLogger(__name__)

SETTINGS: Final = Path("/etc/kiosk/station.toml")
STATION_USER: Final = "kiosk"
_MAX_RECORD_BYTES: Final = 64 * 1024
_MAX_SETTINGS_BYTES: Final = 256 * 1024
_MOUNT_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Kernel:
    """Where the kernel and udev tell of disks; other folders in tests."""

    block: Path = Path("/sys/class/block")
    udev: Path = Path("/run/udev/data")
    mounts: Path = Path("/proc/self/mountinfo")


def block_device(name: str, kernel: Kernel) -> BlockDevice:
    """What is known of ``name``, sda1. Raises MediumRefused for no name, OSError when it was pulled."""
    if not KERNEL_NAME.fullmatch(name):
        raise MediumRefused("this is no name of a disk")
    number = (kernel.block / name / "dev").read_text(encoding="ascii").strip()
    with (kernel.udev / f"b{number}").open("rb") as file:
        record = file.read(_MAX_RECORD_BYTES).decode("utf-8", "replace")
    known = dict(line[2:].partition("=")[::2] for line in record.splitlines() if line.startswith("E:"))
    mounted = any(row.split()[2:3] == [number] for row in kernel.mounts.read_text("utf-8", "replace").splitlines())
    kind, label, uuid = (known.get(f"ID_FS_{field}", "") for field in ("TYPE", "LABEL", "UUID"))
    return BlockDevice(name, kind, label, uuid, mounted)


def bound_uuid(settings: Path) -> str | None:
    """``uuid`` of ``[backup]``; "" when it or the whole file is not there, None when nobody can tell."""
    try:
        with settings.open("rb") as file:
            table = tomllib.loads(file.read(_MAX_SETTINGS_BYTES).decode("utf-8"))
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, RecursionError):
        return None
    backup = table.get("backup", {})
    uuid = backup.get("uuid", "") if isinstance(backup, dict) else None
    good = isinstance(uuid, str) and len(uuid) <= MAX_UUID_LENGTH and (not uuid or UUID.fullmatch(uuid))
    return uuid if good else None


def station_owner() -> Owner:
    """The station's user; root's own numbers where it is not installed."""
    with suppress(KeyError):
        return Owner(pwd.getpwnam(STATION_USER).pw_uid, grp.getgrnam(STATION_USER).gr_gid)
    return Owner(0, 0)


def command(mount: Mount) -> list[str]:
    """What makes systemd mount it: no fsck: it would write to the device; the unit is forgotten when it has failed."""
    return [
        "systemd-mount",
        "--quiet",
        "--no-ask-password",
        "--collect",
        "--fsck=no",
        f"--type={mount.kind}",
        f"--options={','.join(mount.options)}",
        mount.what,
        str(mount.where),
    ]


def mount_medium(
    name: str,
    kernel: Kernel = Kernel(),
    settings: Path = SETTINGS,
    run: Callable[..., subprocess.CompletedProcess[str]] = subprocess.run,
) -> Mount:
    """Raises MediumRefused, and OSError for a medium that was pulled or whose file system is broken."""
    mount = mount_of(block_device(name, kernel), station_owner(), bound_uuid(settings))
    try:
        done = run(command(mount), capture_output=True, text=True, timeout=_MOUNT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise OSError(f"{name} does not answer: pull it and plug it in again") from error
    if done.returncode != 0:
        raise OSError(f"{name} cannot be mounted, its file system may be broken: {' '.join(done.stderr.split())[:200]}")
    return mount
