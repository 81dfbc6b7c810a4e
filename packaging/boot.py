"""The boot partition: what a Raspberry Pi 3 or 4 starts from, or what QEMU is given, out of an installed root."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from initramfs import NoInitramfs, listing, packed
from release import ROOT
from root import FIRMWARE, NoImage, require_seal
from scripts.merge_boot import FRAGMENTS, SEAL, merge_cmdline, merge_config

PI, QEMU = TARGETS = ("pi", "qemu")
BOARDS: Final = ("pi3", "pi4")
"""Debian's kernel has no driver for the chip of a Pi 5 that its USB sockets hang on."""
BOARD_TREES: Final = ("bcm2837-rpi-3-*", "bcm2711-rpi-4*")
"""Of those boards, not of compute modules: a module without Bluetooth has nothing for an overlay to turn off."""
OVERLAYS: Final = ROOT / "packaging/overlays"
KERNEL, INITRAMFS = "vmlinuz", "initrd.img"
DISK_WORDS: Final = "root=LABEL=kiosk-root boot=kiosk rootfstype=ext4 rootwait ro"
CHOICE: Final = "scripts/kiosk"
"""In the initramfs, for boot=kiosk: which disk's root, when two have one."""
_CHOICE_FILE: Final = ROOT / "firmware_config/initramfs/kiosk"
START: Final = f"""\
# Written by packaging/image.py; Debian's kernel, not Raspberry Pi's.
arm_64bit=1
kernel={KERNEL}
initramfs {INITRAMFS} followkernel

"""
_FIRMWARE_FILES: Final = (
    *("bootcode.bin", "start.elf", "fixup.dat", "start4.elf", "fixup4.dat"),
    *("start_x.elf", "fixup_x.dat", "start4x.elf", "fixup4x.dat"),
)
"""Of both boards; those with an x are taken where the camera asks for them (camera_auto_detect)."""
_MAINLINE_NAMES: Final = {"bcm2837": "bcm2710"}
"""Raspberry Pi's firmware asks for the device tree of a Pi 3 by another chip's name than the kernel has for it."""


def config() -> str:
    """``config.txt`` of the card for every board it goes into."""
    fragments = {board: (FRAGMENTS / f"config-{board}.txt").read_text(encoding="ascii") for board in BOARDS}
    return merge_config(START, fragments)


def cmdline() -> str:
    """``cmdline.txt``: a sealed root from the beginning, because the data partition comes with the image."""
    words = (FRAGMENTS / "cmdline.txt").read_text(encoding="ascii").split()
    if not any(word.startswith(f"{SEAL}=") for word in words):
        raise NoImage("the kernel's words do not seal the root")
    return merge_cmdline(DISK_WORDS, words)


def overlays() -> Iterator[str]:
    """Names of the overlays that ``config`` asks for."""
    rows = config().splitlines()
    names = [row.removeprefix("dtoverlay=").partition(",")[0] for row in rows if row.startswith("dtoverlay=")]
    yield from dict.fromkeys(names)


def take_kernel(root: Path, folder: Path) -> None:
    """Kernel and initramfs move out of ``root``: they are read from the boot partition alone.

    Raises NoImage, also when the initramfs would leave the root open.
    """
    for pattern, name in (("vmlinuz-*", KERNEL), ("initrd.img-*", INITRAMFS)):
        found = list((root / "boot").glob(pattern))
        if len(found) != 1:
            raise NoImage(f"the root has {len(found)} files boot/{pattern}, not one")
        shutil.move(found[0], folder / name)
    try:
        require_seal(listing(folder / INITRAMFS))
    except NoInitramfs as error:
        raise NoImage(str(error)) from error
    initramfs = folder / INITRAMFS
    initramfs.write_bytes(packed({CHOICE: _CHOICE_FILE.read_bytes()}) + initramfs.read_bytes())
    for name in ("vmlinuz", "initrd.img", "vmlinuz.old", "initrd.img.old"):
        (root / name).unlink(missing_ok=True)


def lay_boards(root: Path, kept: Path, folder: Path) -> None:
    """Firmware, device trees and overlays. Raises NoImage when an overlay does not go with a board."""
    (package,) = kept.glob(f"{FIRMWARE}_*.deb")
    unpacked = folder.with_name("firmware")
    subprocess.run(["dpkg-deb", "--extract", str(package), str(unpacked)], check=True)
    for name in _FIRMWARE_FILES:
        shutil.copyfile(unpacked / "usr/lib/raspi-firmware" / name, folder / name)
    shutil.copyfile(unpacked / f"usr/share/doc/{FIRMWARE}/copyright", folder / "COPYRIGHT.firmware")
    trees = sorted(path for name in BOARD_TREES for path in root.glob(f"usr/lib/linux-image-*/*/{name}.dtb"))
    if not trees:
        raise NoImage("the kernel has brought no device tree of a board")
    (folder / "overlays").mkdir()
    compiled = [compile_overlay(name, folder / "overlays") for name in overlays()]
    for tree in trees:
        chip, _, rest = tree.name.partition("-")
        for name in {tree.name, f"{_MAINLINE_NAMES.get(chip, chip)}-{rest}"}:
            shutil.copyfile(tree, folder / name)
        judge_overlays(tree, compiled)


def compile_overlay(name: str, folder: Path) -> Path:
    """Raises NoImage where there is no source of it."""
    source, target = OVERLAYS / f"{name}.dts", folder / f"{name}.dtbo"
    if not source.is_file():
        raise NoImage(f"config.txt asks for dtoverlay={name}, and there is no {source.relative_to(ROOT)}")
    command = ["dtc", "-q", "-@", "-I", "dts", "-O", "dtb", "-o", str(target), str(source)]
    subprocess.run(command, check=True)
    return target


def judge_overlays(tree: Path, compiled: Sequence[Path]) -> None:
    """The firmware would leave one out that names what the board has not, and say nothing. Raises NoImage."""
    command = ["fdtoverlay", "-i", str(tree), "-o", "/dev/null", *map(str, compiled)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NoImage(f"an overlay does not go with {tree.name}: {done.stderr.strip()}")
