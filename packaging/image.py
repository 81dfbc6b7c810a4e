"""Makes the images of a box: ``packaging/image.py [pi|qemu ...] [--fresh] [--out build/image] [--without-updates]``.

One recipe, two boot partitions: ``pi`` for the card of a Raspberry Pi 3 or 4, compressed, and ``qemu`` for the virtual
board of QEMU. Debian comes from its archive by package names; the root it makes is kept in build/cache (KIOSK_CACHE) by
what goes into it, ``--fresh`` makes it anew with what Debian has today. Needs root: another architecture's programs are
run (packaging/root.py).
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import boot
import disk
from control import ARCHITECTURES
from deb import build, write_sums
from kiosk.cli.shared.one_line import progress
from kiosk.station.update.release import parse_keys
from parts import STATION
from release import ROOT, VENDOR_KEY, NoRelease, of_checkout
from root import ARCHITECTURE, NoImage, debian, install
from scripts.lint_boot import lint
from tree import BOX
from wheels import NoWheels

LEVEL: Final = "-7"
"""Of zstd: the image is written to cards by the hundred, and made by one machine."""


@contextmanager
def told(what: str) -> Iterator[None]:
    """Say how long it took, and on a terminal meanwhile how long it takes."""
    begun = time.monotonic()
    with progress(what):
        yield
    print(f"{what}: {time.monotonic() - begun:.0f} s", flush=True)


def main() -> int:
    """Make what is asked for, all by default; 2 when it cannot be made here."""
    parser = argparse.ArgumentParser(description="Make the images of a box.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="pi, qemu; both by default")
    parser.add_argument("--fresh", action="store_true", help="a new root with what Debian has today")
    parser.add_argument("--out", type=Path, default=ROOT / "build/image")
    parser.add_argument("--without-updates", action="store_true", help="also where the vendor's key is missing")
    options = parser.parse_args()
    strangers = set(options.targets) - set(boot.TARGETS)
    if strangers:
        parser.error(f"no such target: {', '.join(sorted(strangers))}")
    try:
        require_key(VENDOR_KEY, may_lack=options.without_updates)
    except NoImage as error:
        print(f"The image cannot be made: {error}", file=sys.stderr)
        return 2
    if os.geteuid() != 0:
        print("Only root makes an image: the kernel is told how to run the board's programs.", file=sys.stderr)
        return 2
    os.umask(0o022)
    try:
        begun = time.monotonic()
        for image in make(options.targets or boot.TARGETS, options.out.resolve(), fresh=options.fresh):
            print(image, flush=True)
        print(write_sums(options.out, "*.img*"))
        print(f"made in all: {time.monotonic() - begun:.0f} s", flush=True)
    except (NoImage, NoRelease, NoWheels) as error:
        print(f"The image cannot be made: {error}", file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:
        print(f"The image cannot be made: {error.cmd[0]} failed with {error.returncode}", file=sys.stderr)
        return 2
    return 0


def require_key(file: Path, *, may_lack: bool) -> None:
    """Raises NoImage for a card whose station could never be updated: nobody can bring it a key afterwards."""
    try:
        good = bool(parse_keys(file.read_text(encoding="ascii")))
    except FileNotFoundError:
        good = may_lack
    except (OSError, ValueError):
        good = False
    if not good:
        raise NoImage(
            f"{file} does not hold the vendor's public key: packaging/sign.py new-key makes one (docs/updates.md). "
            "Where it is missing, --without-updates makes an image whose stations take no update, only a new card."
        )


def make(targets: Sequence[str], out: Path, *, fresh: bool = False) -> list[Path]:
    """The images below ``out``. Raises NoImage, NoRelease, NoWheels, CalledProcessError."""
    out.mkdir(parents=True, exist_ok=True)
    release = of_checkout()
    with told("Debian"):
        kept = debian(fresh=fresh)
    work = out / ".work"
    shutil.rmtree(work, ignore_errors=True)
    debs = work / "deb"
    try:
        with told("our packages"):
            for package in (STATION, BOX):
                architecture = ARCHITECTURE if ARCHITECTURE in ARCHITECTURES[package] else ARCHITECTURES[package][0]
                build(package, architecture, release, debs, stored=True)
        with told("the root"):
            install(work / "root", kept, debs)
            (work / "start").mkdir()
            boot.take_kernel(work / "root", work / "start")
        with told("its file systems"):
            disk.make_root(work / "root", work / "root.ext4")
            disk.make_data(work / "data.ext4")
        found = []
        for target in targets:
            with told(f"the image for {target}"):
                name = f"station-kiosk-{target}_{release.version}.img"
                image = finished(target, kept, work, work / name)
                made = compressed(image) if target == boot.PI else image
                for older in out.glob(f"station-kiosk-{target}_*.img*"):
                    older.unlink()
                found.append(made.rename(out / made.name))
        return found
    finally:
        shutil.rmtree(work, ignore_errors=True)


def finished(target: str, kept: Path, work: Path, image: Path) -> Path:
    """One card, with the boot partition of the target."""
    folder = work / target
    folder.mkdir()
    for name in (boot.KERNEL, boot.INITRAMFS):
        shutil.copyfile(work / "start" / name, folder / name)
    texts = {"cmdline.txt": boot.cmdline()}
    if target == boot.PI:
        texts["config.txt"] = boot.config()
        boot.lay_boards(work / "root", kept, folder)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="ascii")
        mistakes = lint(folder / name)
        if mistakes:
            raise NoImage("; ".join(map(str, mistakes)))
    file = work / f"{target}.fat"
    disk.make_boot(folder, file)
    disk.assemble(disk.layout((file, work / "root.ext4", work / "data.ext4")), image)
    return image


def compressed(image: Path) -> Path:
    """For whoever writes cards."""
    subprocess.run(["zstd", "--quiet", "--force", "--rm", "-T0", LEVEL, str(image)], check=True)
    return image.with_name(f"{image.name}.zst")


if __name__ == "__main__":
    sys.exit(main())
