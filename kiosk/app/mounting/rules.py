"""Where a medium is mounted and how, or why not: a table and one pure function of what udev has found on it.

Everything a medium says of itself is hostile text: labels and names come from whoever wrote it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MEDIA: Final = Path("/run/kiosk-media")
BACKUP: Final = Path("/mnt/kiosk-backup")
BACKUP_LABEL: Final = "kiosk-backup"

KERNEL_NAME: Final = re.compile(r"(?:sd[a-z]{1,3}|mmcblk[0-9]{1,2}p?|nvme[0-9]{1,2}n[0-9]{1,2}p?)[0-9]{0,3}")
# For every medium: no device file, no right and no program of a stick counts.
GUARDED: Final = ("nodev", "nosuid", "noexec")
# What is mounted, and what is said besides. `noload`: the journal of a stick that was pulled is not played back, for
# that writes on it. Files of FAT belong to root and the group of the station.
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


class MediumRefused(ValueError):
    """It is not mounted; the text says why, and holds nothing of the medium but its kernel name."""


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
    """Numbers of the station's user and group: FAT keeps none of its own."""

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
    """Raises MediumRefused. ``backup_uuid`` is that of ``[backup]``, "" when no medium is bound yet, None when nobody
    knows, because the settings cannot be read: then no medium is taken for the backup's.
    """
    if not KERNEL_NAME.fullmatch(device.name):
        raise MediumRefused("this is no name of a disk")
    if device.mounted or OWN_LABELS.fullmatch(device.label.strip()):
        raise MediumRefused(f"{device.name} belongs to this machine")
    if not device.kind:
        raise MediumRefused(f"{device.name} has no file system that is known, or a broken one")
    if device.kind not in FILE_SYSTEMS:
        raise MediumRefused(f"{device.name} has another file system than {', '.join(FILE_SYSTEMS)}")
    what = f"/dev/{device.name}"
    fat = device.kind != "ext4"
    if _is_backup(device, backup_uuid):
        ids = (f"uid={owner.user}", f"gid={owner.group}") if fat else ()
        return Mount(what, BACKUP, device.kind, ("rw", *GUARDED, *OF_BACKUP[device.kind], *ids))
    options = ("ro", *GUARDED, *FILE_SYSTEMS[device.kind], *((f"gid={owner.group}",) if fat else ()))
    return Mount(what, MEDIA / _folder(device), device.kind, options)


def _is_backup(device: BlockDevice, uuid: str | None) -> bool:
    """By its UUID; by label alone only as long as no medium is bound, so that the first start can choose one."""
    if uuid is None:
        return False
    return device.uuid.lower() == uuid.lower() if uuid else (device.label == BACKUP_LABEL and device.kind == "ext4")


def _folder(device: BlockDevice) -> str:
    """What a person reads, made of harmless signs; the kernel's name keeps two sticks with one label apart."""
    label = _UNSAFE_CHARACTERS.sub("-", device.label)[:_MAX_LABEL_LENGTH].strip("-")
    return f"{label}-{device.name}" if label else device.name
