"""Composition of ``kiosk-media@.service``: what udev has recorded of a medium, the rules, and systemd's own mounting.

The rules are tables and one pure function. Everything a medium states about itself is hostile text: labels and names
come from whatever wrote it. systemd mounts, not this program: it needs no right of its own, and the mount ends with the
device.

``kiosk-bundle.service`` copies a support bundle to the stick, requested by a technician at the unlocked page, and by
the station through its request file. The stick is writable for the copy alone, and for this unit alone.
"""

from __future__ import annotations

import grp
import os
import pwd
import re
import subprocess
import tomllib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from kiosk.app.mounting.writable import Writable, writable
from kiosk.app.shared.media import IsMount, mounted
from kiosk.base.files import open_regular, write_durably
from kiosk.base.refused import Refused
from kiosk.base.root_requests import serve
from kiosk.station.doctor.tools import copy_request_file
from kiosk.store.backup.shared.settings import MAX_UUID_LENGTH, UUID

SETTINGS: Final = Path("/etc/kiosk/station.toml")
STATION_USER: Final = "kiosk"
_MAX_RECORD_BYTES: Final = 64 * 1024
_MAX_SETTINGS_BYTES: Final = 256 * 1024
_MOUNT_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Kernel:
    """Where the kernel and udev describe disks; other folders in tests."""

    block: Path = Path("/sys/class/block")
    udev: Path = Path("/run/udev/data")
    mounts: Path = Path("/proc/self/mountinfo")


def block_device(name: str, kernel: Kernel) -> BlockDevice:
    """Read what is known of ``name``, sda1. Raises Refused for an invalid name, OSError when it was pulled."""
    if not KERNEL_NAME.fullmatch(name):
        raise Refused("not_mounted", "this is no name of a disk")
    number = (kernel.block / name / "dev").read_text(encoding="ascii").strip()
    with (kernel.udev / f"b{number}").open("rb") as file:
        record = file.read(_MAX_RECORD_BYTES).decode("utf-8", "replace")
    known = dict(line[2:].partition("=")[::2] for line in record.splitlines() if line.startswith("E:"))
    mounted = any(row.split()[2:3] == [number] for row in kernel.mounts.read_text("utf-8", "replace").splitlines())
    kind, label, uuid = (known.get(f"ID_FS_{field}", "") for field in ("TYPE", "LABEL", "UUID"))
    return BlockDevice(name, kind, label, uuid, mounted)


def bound_uuid(settings: Path) -> str | None:
    """Read ``uuid`` of ``[backup]``; "" when it or the whole file is missing, None when it is unreadable or bad."""
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
    """Return the station's user; root's own numbers where it is not installed."""
    with suppress(KeyError):
        return Owner(pwd.getpwnam(STATION_USER).pw_uid, grp.getgrnam(STATION_USER).gr_gid)
    return Owner(0, 0)


def command(mount: Mount) -> list[str]:
    """Build the systemd-mount command: no fsck, which would write to the device; a failed unit is forgotten."""
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
    """Mount a medium. Raises Refused, and OSError for one that was pulled or whose file system is broken."""
    mount = mount_of(block_device(name, kernel), station_owner(), bound_uuid(settings))
    try:
        done = run(command(mount), capture_output=True, text=True, timeout=_MOUNT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise OSError(f"{name} does not answer: pull it and plug it in again") from error
    if done.returncode != 0:
        raise OSError(f"{name} cannot be mounted, its file system may be broken: {' '.join(done.stderr.split())[:200]}")
    return mount


MEDIA: Final = Path("/run/kiosk-media")
BACKUP: Final = Path("/mnt/kiosk-backup")
BACKUP_LABEL: Final = "kiosk-backup"

KERNEL_NAME: Final = re.compile(r"(?:sd[a-z]{1,3}|mmcblk[0-9]{1,2}p?|nvme[0-9]{1,2}n[0-9]{1,2}p?)[0-9]{0,3}")
# For every medium: no device file, no right and no program of a stick counts.
GUARDED: Final = ("nodev", "nosuid", "noexec")
# What is mounted, and with which options. `noload`: the journal of a stick that was pulled is not played back, because
# that writes to it. Files of FAT belong to root and the group of the station.
FILE_SYSTEMS: Final[Mapping[str, tuple[str, ...]]] = {
    "vfat": ("utf8", "umask=0027"),
    "exfat": ("umask=0027",),
    "ext4": ("noload",),
}
# The bound medium is written every night. On FAT all belongs to the station's user.
OF_BACKUP: Final[Mapping[str, tuple[str, ...]]] = {
    "vfat": ("utf8", "umask=0077"),
    "exfat": ("umask=0077",),
    "ext4": ("noatime",),
}
# Partitions of the machine itself, which /etc/fstab mounts; those of our image and of Raspberry Pi OS.
OWN_LABELS: Final = re.compile(r"kiosk-(?:boot|root|data)|bootfs|rootfs", re.IGNORECASE)
_UNSAFE_CHARACTERS: Final = re.compile(r"[^A-Za-z0-9_-]+")
_MAX_LABEL_LENGTH: Final = 24


@dataclass(frozen=True, slots=True)
class BlockDevice:
    """What udev knows: the kernel's name (sda1), type, label and UUID of the file system, "" for what it has not."""

    name: str
    kind: str = ""
    label: str = ""
    uuid: str = ""
    mounted: bool = False


@dataclass(frozen=True, slots=True)
class Owner:
    """Numbers of the station's user and group: FAT stores none."""

    user: int
    group: int


@dataclass(frozen=True, slots=True)
class Mount:
    """``where`` is a folder below MEDIA, or BACKUP."""

    what: str
    where: Path
    kind: str
    options: tuple[str, ...]


def mount_of(device: BlockDevice, owner: Owner, backup_uuid: str | None) -> Mount:
    """Choose how to mount it. Raises Refused. ``backup_uuid`` is that of ``[backup]``, "" when no medium is bound yet,
    None when the settings cannot be read: then no medium is taken for the backup's.
    """
    if not KERNEL_NAME.fullmatch(device.name):
        raise Refused("not_mounted", "this is no name of a disk")
    if device.mounted or OWN_LABELS.fullmatch(device.label.strip()):
        raise Refused("not_mounted", f"{device.name} belongs to this machine")
    if not device.kind:
        raise Refused("not_mounted", f"{device.name} has no file system that is known, or a broken one")
    if device.kind not in FILE_SYSTEMS:
        raise Refused("not_mounted", f"{device.name} has another file system than {', '.join(FILE_SYSTEMS)}")
    what = f"/dev/{device.name}"
    fat = device.kind != "ext4"
    if _is_backup(device, backup_uuid):
        ids = (f"uid={owner.user}", f"gid={owner.group}") if fat else ()
        return Mount(what, BACKUP, device.kind, ("rw", *GUARDED, *OF_BACKUP[device.kind], *ids))
    options = ("ro", *GUARDED, *FILE_SYSTEMS[device.kind], *((f"gid={owner.group}",) if fat else ()))
    return Mount(what, MEDIA / _folder(device), device.kind, options)


def _is_backup(device: BlockDevice, uuid: str | None) -> bool:
    """Compare the UUID; the label alone only as long as no medium is bound, so that the first start can choose one."""
    if uuid is None:
        return False
    return device.uuid.lower() == uuid.lower() if uuid else (device.label == BACKUP_LABEL and device.kind == "ext4")


def _folder(device: BlockDevice) -> str:
    """Return a readable name of safe characters; the kernel's name keeps two sticks with one label apart."""
    label = _UNSAFE_CHARACTERS.sub("-", device.label)[:_MAX_LABEL_LENGTH].strip("-")
    return f"{label}-{device.name}" if label else device.name


MAX_BUNDLE_BYTES: Final = 64_000_000  # A bundle is below 5 MB


@dataclass(frozen=True, slots=True)
class ExportPaths:
    """The paths of all files on a box; other folders in tests."""

    data: Path = Path("/var/lib/kiosk")
    media: tuple[Path, ...] = (MEDIA,)
    is_mount: IsMount = os.path.ismount
    writable: Writable = field(default=writable)


def copy_bundle(where: ExportPaths) -> Path:
    """Copy the bundle to the first stick. Raises Refused, CannotRemove, OSError."""
    made = serve(copy_request_file(where.data), lambda message: _copy(where, message.body.bundle))
    if made is None:
        raise Refused("not_copied", "no bundle is requested")
    return made


def _copy(where: ExportPaths, name: str) -> Path:
    try:
        content = _plain_file(where.data / name, MAX_BUNDLE_BYTES)
    except OSError as error:
        raise Refused("not_copied", f"no bundle was asked for that is there: {error}") from error
    medium = next(iter(mounted(where.media, where.is_mount)), None)
    if medium is None:
        raise Refused("not_copied", "there is no stick: plug one in and write the bundle again")
    with where.writable(medium):
        write_durably(medium / name, content)
    return medium / name


def _plain_file(path: Path, max_bytes: int) -> bytes:
    """Read a file, but no link: the folder is the station's, and a link could lead anywhere. Raises OSError."""
    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_size > max_bytes:
            raise OSError(f"{path.name} has more than {max_bytes} bytes")
        return file.read(max_bytes)
