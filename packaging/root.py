"""The root of the image: a Debian for arm64 by mmdebstrap, kept as a tar by what went into it, and our packages in it.

Whatever of another architecture runs here runs under qemu-user, which is registered with the kernel for as long as it
lasts (binfmt_misc). Only root may do that.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from control import ABOUT
from parts import STATION
from release import ROOT
from tree import BOX, link

SUITE: Final = "trixie"
ARCHITECTURE: Final = "arm64"
CACHE: Final = Path(os.environ.get("KIOSK_CACHE") or ROOT / "build/cache")
FILES: Final = ROOT / "firmware_config/image"

SYSTEM: Final = (
    *("systemd", "systemd-sysv", "udev", "dbus", "kmod", "e2fsprogs", "dosfstools", "fdisk"),
    *("linux-image-arm64", "initramfs-tools", "zstd", "overlayroot", "busybox"),
    *("systemd-timesyncd", "systemd-resolved", "ca-certificates"),
    *("iwd", "wireless-regdb", "firmware-brcm80211"),
)
"""What a board boots with. fdisk grows the data partition; without busybox overlayroot leaves the root open.
The last row is Wi-Fi: who joins, by which rules of which country, and what the radio of the board runs."""
FIRMWARE: Final = "raspi-firmware"
"""Only its files are wanted: its hooks would write a boot partition of their own."""
LEFT_OUT: Final = ("man/*", "info/*", "locale/*", "doc/*")
KEPT: Final = ("doc/*/copyright", "doc/station-kiosk/*")

ZONE: Final = "Asia/Shanghai"
"""As the settings have it by default; for the journal, and for timers of Debian that name none."""
OWN_DATA: Final = "/dev/disk/kiosk/data"
"""By 74-kiosk-own-disk.rules."""
MODULES: Final = ("fs/overlayfs/overlay.ko", "fs/ext4/ext4.ko")
SEALS: Final = ("scripts/init-bottom/overlayroot", "bin/busybox")
"""Without any of these the root cannot be mounted, or stays open and nobody says so."""

AWAKE: Final = ("systemd-networkd.service", "iwd.service", "kiosk-grow.service")
ASLEEP: Final = (
    *("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer"),
    "systemd-networkd-wait-online.service",
)
"""Nothing of a sealed root is upgraded in its place, and no start waits for a network."""

_EMULATED: Final = """\
set -eu
if [ "$(uname -m)" != aarch64 ]; then
    binfmt=/proc/sys/fs/binfmt_misc
    [ -e $binfmt/register ] || mount -t binfmt_misc binfmt_misc $binfmt
    [ -e $binfmt/qemu-aarch64 ] || cat /usr/lib/binfmt.d/qemu-aarch64.conf >$binfmt/register
fi
exec "$@"
"""
_INSTALL: Final = """\
set -eu
mount -t proc proc "$1/proc"
mount -t tmpfs tmpfs "$1/run"
mount --bind "$2" "$1/mnt"
chroot "$1" env DEBIAN_FRONTEND=noninteractive dpkg --force-unsafe-io --install $(cd "$2" && printf '/mnt/%s ' *.deb)
"""


class NoImage(Exception):
    """It cannot be made, or must not be used."""


def packages() -> tuple[str, ...]:
    """All that is asked of Debian, by name."""
    wanted = [ABOUT[package].depends for package in (STATION, BOX)]
    names = [re.split(r"[ |(]", row.strip())[0] for row in ",".join(wanted).split(",")]
    return tuple(dict.fromkeys([*SYSTEM, *(name for name in names if name not in (STATION, BOX))]))


def recipe(names: Sequence[str], target: Path) -> list[str]:
    """mmdebstrap's command. It makes the initramfs once, at the end, and not again with each package."""
    tools = '"$1/etc/initramfs-tools/update-initramfs.conf"'
    hooks = {
        "essential": f'mkdir -p "$1/etc/initramfs-tools"; printf "update_initramfs=no\\n" >{tools}',
        "customize": f'printf "update_initramfs=yes\\nbackup_initramfs=no\\n" >{tools}\n'
        'chroot "$1" update-initramfs -c -k all\n'
        f'chroot "$1" dpkg-query --show >{target}/packages.txt\n'
        f'cd {target} && APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" apt-get --quiet download {FIRMWARE}',
    }
    command = ["mmdebstrap", "--quiet", "--mode=root", "--format=tar", "--variant=minbase"]
    command += [f"--architectures={ARCHITECTURE}", "--components=main,non-free-firmware"]
    command += ['--aptopt=APT::Install-Recommends "false"', "--dpkgopt=force-confold", "--dpkgopt=force-unsafe-io"]
    command += [f"--dpkgopt=path-exclude=/usr/share/{place}" for place in LEFT_OUT]
    command += [f"--dpkgopt=path-include=/usr/share/{place}" for place in KEPT]
    command += [f"--{when}-hook={what}" for when, what in hooks.items()]
    return [*command, f"--include={','.join(names)}", SUITE, f"{target}/root.tar"]


def key(command: Sequence[str]) -> str:
    """Of a recipe, wherever it writes to."""
    return hashlib.sha256("\n".join(command).encode()).hexdigest()[:16]


def debian(*, fresh: bool = False) -> Path:
    """The folder with ``root.tar``, its list of packages and the firmware's; made unless kept, or ``fresh``.

    Raises NoImage, CalledProcessError.
    """
    folder = CACHE / f"root-{key(recipe(packages(), Path('/target')))}"
    if fresh or not folder.exists():
        new = folder.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(parents=True)
        # The kernel's package would make an initramfs before there is anything to put into it.
        run_emulated(recipe(packages(), new.resolve()), TMPDIR=str(new.resolve()), INITRD="No")
        shutil.rmtree(folder, ignore_errors=True)
        new.rename(folder)
    return folder


def require_seal(listing: Iterable[str]) -> None:
    """Of an initramfs. Raises NoImage when the root would stay open, or could not be mounted."""
    names = [re.sub(r"\.(xz|zst|gz)$", "", row.strip()) for row in listing]
    gone = [wanted for wanted in (*SEALS, *MODULES) if not any(f"/{name}".endswith(f"/{wanted}") for name in names)]
    if gone:
        raise NoImage(f"the initramfs cannot seal the root, it lacks: {', '.join(gone)}")


def run_emulated(command: Sequence[str], **environment: str) -> None:
    """As root, in mounts of its own, where programs of the image's architecture run. Raises CalledProcessError."""
    apart = ["unshare", "--mount", "sh", "-c", _EMULATED, "sh", *command]
    subprocess.run(apart, env={**os.environ, "LC_ALL": "C.UTF-8", **environment}, check=True)


def install(root: Path, kept: Path, debs: Path) -> None:
    """Into the new folder ``root``: Debian as it is ``kept``, every package of ``debs``, and what makes it a box's."""
    root.mkdir(parents=True)
    subprocess.run(["tar", "-xf", str(kept / "root.tar"), "-C", str(root), "--numeric-owner"], check=True)
    run_emulated(["sh", "-c", _INSTALL, "sh", str(root), str(debs)])
    lay_settings(root)
    forget(root)
    enable_units(root)


def enable_units(root: Path) -> None:
    """What a board starts, and nothing that a sealed root must not have."""
    # A service with an old script beside it would have systemctl run the board's own update-rc.d, not emulated here.
    of_root = ["env", "SYSTEMCTL_SKIP_SYSV=1", "systemctl", f"--root={root}", "--quiet"]
    subprocess.run([*of_root, "enable", *AWAKE], check=True)
    subprocess.run([*of_root, "mask", *ASLEEP], check=True)


def lay_settings(root: Path) -> None:
    """Files of the image alone: network, disks, time zone."""
    for source in sorted(FILES.rglob("*")):
        if source.is_file():
            place = root / source.relative_to(FILES)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, place)
            place.chmod(0o755 if source.read_bytes().startswith(b"#!") else 0o644)
    (root / "etc/fstab").write_text(fstab(), encoding="utf-8")
    link(root / "etc/localtime", f"/usr/share/zoneinfo/{ZONE}")


def fstab() -> str:
    """The card's own lines, and those of the data partition as every box has them.

    No label and no UUID: two cards of one image have the same. udev names what lies on the root's own disk.
    """
    own = (
        "/dev/disk/kiosk/root  /               ext4   defaults,noatime  0  1\n"
        "/dev/disk/kiosk/boot  /boot/firmware  vfat   "
        "ro,nofail,nosuid,nodev,noexec,umask=0077,x-systemd.device-timeout=120s  0  0\n"
    )
    return own + (ROOT / "firmware_config/layout/fstab").read_text(encoding="utf-8").replace("UUID=@DATA@", OWN_DATA)


def forget(root: Path) -> None:
    """Whatever makes a machine a certain one: two cards with one image are two stations."""
    (root / "etc/machine-id").write_bytes(b"")
    for name in ("var/lib/dbus/machine-id", "var/lib/systemd/random-seed", "var/lib/systemd/credential.secret"):
        (root / name).unlink(missing_ok=True)
    strangers = [path for place in ("etc/kiosk", "var/lib/kiosk-keys") for path in (root / place).iterdir()]
    strangers += list(root.glob("etc/ssh/ssh_host_*"))
    if strangers:
        raise NoImage(f"these belong to one station, not to an image: {', '.join(map(str, strangers))}")
    (root / "boot/firmware").mkdir(exist_ok=True)
    resolver = root / "etc/resolv.conf"
    resolver.unlink(missing_ok=True)
    resolver.symlink_to("../run/systemd/resolve/stub-resolv.conf")
