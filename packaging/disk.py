"""A card: its table of three partitions, their file systems, and the one file they lie in."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from release import ROOT

MIB: Final = 1024 * 1024
FIRST_MIB: Final = 4
"""Cards erase in blocks of up to 4 MiB: no partition begins within one."""
BOOT_MIB: Final = 256
DATA_MIB: Final = 640
"""Large enough for the blocks of a large file system (mke2fs.conf), which it becomes on its card."""
ROOT_SPARE: Final = 1.08
_MAKE_DATA: Final = ROOT / "firmware_config/layout/make-data-partition"


@dataclass(frozen=True, slots=True)
class Partition:
    """``kind`` as sfdisk has it; place and size in MiB. ``file`` holds its file system."""

    file: Path
    kind: str
    start_mib: int
    size_mib: int


def layout(files: tuple[Path, Path, Path]) -> tuple[Partition, ...]:
    """Boot, root and data, one behind the other; the sizes are those of the files."""
    start, rows = FIRST_MIB, []
    for file, kind in zip(files, ("c", "83", "83"), strict=True):
        size = -(-file.stat().st_size // (FIRST_MIB * MIB)) * FIRST_MIB
        rows.append(Partition(file, kind, start, size))
        start += size
    return tuple(rows)


def table(partitions: tuple[Partition, ...]) -> str:
    """For sfdisk. The first ROM of a Pi 3 reads no other kind."""
    rows = [f"start={row.start_mib}MiB, size={row.size_mib}MiB, type={row.kind}" for row in partitions]
    return "\n".join(["label: dos", *rows]) + "\n"


def make_boot(folder: Path, file: Path) -> None:
    """FAT with the files of ``folder``."""
    sized(file, BOOT_MIB)
    subprocess.run(["mkfs.vfat", "-F", "32", "-n", "kiosk-boot", str(file)], check=True, capture_output=True)
    names = [str(path) for path in sorted(folder.iterdir())]
    subprocess.run(["mcopy", "-s", "-Q", "-i", str(file), *names, "::"], check=True)


def make_root(folder: Path, file: Path) -> None:
    """ext4 with the files of ``folder`` and little more: nothing is ever written there."""
    told = subprocess.run(["du", "-sm", str(folder)], capture_output=True, text=True, check=True).stdout
    sized(file, int(int(told.split()[0]) * ROOT_SPARE) + 64)
    command = ["mke2fs", "-q", "-t", "ext4", "-L", "kiosk-root", "-m", "0", "-O", "^resize_inode", "-d", str(folder)]
    subprocess.run([*command, str(file)], check=True)


def make_data(file: Path) -> None:
    """As docs/box.md has it made by hand."""
    sized(file, DATA_MIB)
    subprocess.run([str(_MAKE_DATA), str(file)], check=True, stdout=subprocess.DEVNULL)


def sized(file: Path, mib: int) -> None:
    """A new file of this size with nothing in it."""
    with file.open("wb") as new:
        new.truncate(mib * MIB)


def assemble(partitions: tuple[Partition, ...], image: Path) -> None:
    """The card as one file, with holes where nothing is."""
    sized(image, partitions[-1].start_mib + partitions[-1].size_mib)
    subprocess.run(["sfdisk", "--quiet", str(image)], input=table(partitions), text=True, check=True)
    for row in partitions:
        words = [f"if={row.file}", f"of={image}", "bs=1M", f"seek={row.start_mib}", "conv=notrunc,sparse"]
        subprocess.run(["dd", "status=none", *words], check=True)
