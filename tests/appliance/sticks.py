"""Sticks: a file with a real file system on a loop device, plugged into a container as kernel and udev would show it.

A container has no udev and sees the block devices of its host: what udev's own ``blkid`` finds is written where udev
keeps it, and the kernel's folder of block devices holds this stick alone. Nor has a container's systemd devices to bind
a mount to: ``MOUNTS`` asks it for the mount that ``systemd-mount`` asks for, without the device. Everything else from
``kiosk-media@sda1.service`` on is the real thing.
"""

from __future__ import annotations

import hashlib
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.systemd.box import AS_ROOT, ROOT, Booted, wait_for

COPIES_S = 900.0
"""The longest that a machine of another process of tests runs."""
NAME = "sda1"
MEDIUM = f"kiosk-media@{NAME}.service"
MOUNTS = {
    "usr/local/bin/systemd-mount": """\
#!/bin/sh
set -eu
for word; do
    case $word in
        --type=*) kind=${word#*=} ;;
        --options=*) options=${word#*=} ;;
        --*) ;;
        /dev/*) what=$word ;;
        *) where=$word ;;
    esac
done
unit=$(systemd-escape --path --suffix=mount "$where")
busctl --quiet call org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager \
    StartTransientUnit 'ssa(sv)a(sa(sv))' "$unit" fail \
    4 What s "$what" Type s "$kind" Options s "$options" CollectMode s inactive-or-failed 0
# The answer comes when the job stands in its queue: until it runs, the unit is still inactive.
while job=$(systemctl show --value --property=Job "$unit"); [ "${job:-0}" != 0 ]; do sleep 0.1; done
if ! systemctl --quiet is-active "$unit"; then echo "Job for $unit failed." >&2; exit 1; fi
"""
}
PLUG_IN = """\
mkdir -p /run/udev/data /sys/class/block
mountpoint -q /sys/class/block || mount -t tmpfs -o mode=755 block /sys/class/block
mkdir -p "/sys/class/block/$1"
echo "$2" >"/sys/class/block/$1/dev"
printf %s "$3" >"/run/udev/data/b$2"
rm -f "/dev/$1"
mknod -m 600 "/dev/$1" b "${2%:*}" "${2#*:}"
"""
PULL = """\
umount --lazy /run/kiosk-media/* /mnt/kiosk-backup 2>/dev/null || true
rm -rf "/dev/$1" "/sys/class/block/$1"
"""


def kernel_has(kind: str) -> bool:
    """Whether this host's kernel mounts it. Containers have their host's kernel."""
    return any(row.split()[-1] == kind for row in Path("/proc/filesystems").read_text(encoding="ascii").splitlines())


def stick_kind() -> str:
    """FAT as sticks have it, where the kernel knows it; a test says which it was."""
    return "vfat" if kernel_has("vfat") else "ext4"


class Stick:
    """``file`` holds the file system; what is on it is looked at and changed only while nobody has it mounted."""

    def __init__(
        self, file: Path, kind: str = "", *, megabytes: int = 64, label: str = "KIOSK-USB", inodes: int = 16_384
    ) -> None:
        self.file, self.kind = file, kind or stick_kind()
        with file.open("wb") as image:
            image.truncate(megabytes << 20)
        make = {
            "vfat": ["mkfs.vfat", "-n", label],
        }.get(self.kind, ["mke2fs", "-q", "-t", self.kind, "-N", str(inodes), "-L", label])
        subprocess.run([*make, str(file)], check=True, capture_output=True)

    @contextmanager
    def mounted(self) -> Iterator[Path]:
        """On this host, as on the county's computer."""
        place = self.file.with_suffix(".mounted")
        place.mkdir(exist_ok=True)
        subprocess.run([*AS_ROOT, "mount", "-o", "loop", str(self.file), str(place)], check=True)
        try:
            yield place
        finally:
            subprocess.run([*AS_ROOT, "umount", str(place)], check=True)
            # Whoever began a machine meanwhile has a copy of this mount, and writes the file system out when that ends.
            wait_for(lambda: not self._loops(), lambda: f"{self.file} stays mounted somewhere", COPIES_S)

    def _loops(self) -> str:
        listed = subprocess.run([*AS_ROOT, "losetup", "--associated", str(self.file)], capture_output=True, check=True)
        return listed.stdout.decode()

    @contextmanager
    def plugged_into(self, booted: Booted) -> Iterator[None]:
        """The kernel has found it, udev has looked at it; nobody has been asked to mount it yet."""
        attach = [*AS_ROOT, "losetup", "--find", "--show", str(self.file)]
        loop = subprocess.run(attach, capture_output=True, text=True, check=True).stdout.strip()
        try:
            number = Path(f"/sys/class/block/{Path(loop).name}/dev").read_text(encoding="ascii").strip()
            probe = [*AS_ROOT, "blkid", "--probe", "--output", "udev", loop]
            found = subprocess.run(probe, capture_output=True, text=True, check=False).stdout
            record = "".join(f"E:{row}\n" for row in found.splitlines())
            done = booted.call("sh", "-euc", PLUG_IN, "sh", NAME, number, record)
            assert done.returncode == 0, done.stderr
            yield
        finally:
            booted.call("sh", "-c", PULL, "sh", NAME)
            subprocess.run([*AS_ROOT, "losetup", "--detach", loop], check=True)
            # What was cut off still writes the file system out: a second device would mount it half written.
            wait_for(lambda: not self._loops(), lambda: f"{self.file} stays mounted somewhere", COPIES_S)

    def digest(self, first: int = 0) -> str:
        """Of every byte from ``first`` on: what was written anywhere changes it."""
        with self.file.open("rb") as image:
            image.seek(first)
            return hashlib.file_digest(image, "sha256").hexdigest()


def format_as_documented(medium: Stick, owner: str) -> None:
    """By the line of docs/box.md that makes the second medium. ``owner``: numbers of the station's user and group."""
    text = (ROOT / "docs/box.md").read_text(encoding="utf-8")
    line = re.search(r"^    (mkfs\.ext4 -L kiosk-backup .*)/dev/sda1", text, re.MULTILINE)
    assert line is not None
    typed = line[1].replace("$(id -u kiosk):$(id -g kiosk)", owner)  # it is run outside: a bare Debian has no mkfs
    subprocess.run(["sh", "-euc", f"{typed} -q -F {medium.file}"], check=True, capture_output=True)
