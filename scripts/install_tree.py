"""Lays the program out as an image or a package holds it: ``install_tree.py DESTDIR [--without-libraries]``.

Run it with the Python of the checkout's virtual environment: the libraries that go into the tree are those of that
environment, so what was tested is what is installed. Nothing is fetched, nothing outside DESTDIR is touched, and
DESTDIR may be ``/``. The machine it is for needs the same Debian Python (its version is in pyvenv.cfg).
"""

from __future__ import annotations

import argparse
import compileall
import os
import py_compile
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path, PurePosixPath

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = PurePosixPath("usr/lib/station-kiosk")
"""A virtual environment of its own: another program's libraries cannot change this one's."""

EXTRAS = ("panel",)
"""Pure Python; the ways to the pins (lgpio) and to a scanner's event device (evdev) come from Debian: docs/box.md."""

STRAY = ("docs", "tests")
"""Folders that some wheel drops beside the libraries, under names that belong to everybody."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One file or folder of the checkout and its place below DESTDIR."""

    source: str
    target: str
    mode: int = 0o644


PIECES = (
    Piece("systemd/*.service", "usr/lib/systemd/system/"),
    Piece("systemd/*.timer", "usr/lib/systemd/system/"),
    Piece("systemd/*.path", "usr/lib/systemd/system/"),
    Piece("systemd/80-kiosk.preset", "usr/lib/systemd/system-preset/"),
    Piece("systemd/kiosk.sysusers.conf", "usr/lib/sysusers.d/kiosk.conf"),
    Piece("systemd/kiosk.tmpfiles.conf", "usr/lib/tmpfiles.d/kiosk.conf"),
    Piece("systemd/browser-watch", f"{PROGRAM}/", 0o755),
    Piece("systemd/data-watch", f"{PROGRAM}/", 0o755),
    Piece("systemd/make-keys", f"{PROGRAM}/", 0o755),
    Piece("systemd/keep-failure", f"{PROGRAM}/", 0o755),
    Piece("firmware_config/session/*", f"{PROGRAM}/session/"),
    Piece("firmware_config/chromium/*.json", "etc/chromium/policies/managed/"),
    Piece("firmware_config/udev/*.rules", "usr/lib/udev/rules.d/"),
    Piece("firmware_config/modules/kiosk.conf", "usr/lib/modules-load.d/"),
    Piece("firmware_config/manager/watchdog.conf", "usr/lib/systemd/system.conf.d/50-kiosk.conf"),
    Piece("firmware_config/manager/logind.conf", "usr/lib/systemd/logind.conf.d/50-kiosk.conf"),
    Piece("firmware_config/manager/journald.conf", "usr/lib/systemd/journald.conf.d/50-kiosk.conf"),
    Piece("firmware_config/manager/sysctl.conf", "usr/lib/sysctl.d/50-kiosk.conf"),
    Piece("firmware_config/manager/tmpfiles-timesync.conf", "usr/lib/tmpfiles.d/kiosk-timesync.conf"),
    Piece("firmware_config/manager/timesyncd.conf", "usr/lib/systemd/system/systemd-timesyncd.service.d/50-kiosk.conf"),
    Piece("firmware_config/boot/*.txt", "usr/share/station-kiosk/boot/"),
    Piece("firmware_config/layout/*", "usr/share/station-kiosk/layout/"),
    Piece("firmware_config/mosquitto/*", "usr/share/station-kiosk/mosquitto/"),
    Piece("docs/*.md", "usr/share/doc/station-kiosk/"),
    Piece("docs/zh/*.md", "usr/share/doc/station-kiosk/zh/"),
    Piece("docs/ug/*.md", "usr/share/doc/station-kiosk/ug/"),
    Piece("LICENSE", "usr/share/doc/station-kiosk/copyright"),
)

FOLDERS = (
    "data",
    "etc/kiosk",
    "etc/credstore",
    "var/lib/kiosk",
    "var/lib/kiosk-keys",
    "var/lib/kiosk-releases",
    "var/lib/systemd/timesync",
    "var/lib/systemd/timers",
    "mnt/kiosk-backup",
)
"""Where the data partition and the backup medium are mounted: a read-only root cannot make them at boot."""

MASKED = ("getty@tty1.service", "autovt@.service", "ctrl-alt-del.target")
"""A console would ask for a name behind the kiosk page; three keys would restart the machine."""

LAUNCHER = """#!/{program}/bin/python3 -IXfaulthandler
import sys

from {module} import main

sys.exit(main())
"""
COMMANDS = {"kiosk": "kiosk.cli.kiosk", "sorting-center": "kiosk.cli.sorting_center"}


def main() -> int:
    """Install; 2 when the environment lacks a library."""
    parser = argparse.ArgumentParser(description="Lay the program out below DESTDIR.")
    parser.add_argument("destdir", type=Path, metavar="DESTDIR")
    parser.add_argument("--without-libraries", action="store_true", help="units and settings only, to look at them")
    options = parser.parse_args()
    os.umask(0o022)
    try:
        install(options.destdir, libraries=not options.without_libraries)
    except PackageNotFoundError as error:
        print(f"{error.name} is not installed here: run scripts/setup run", file=sys.stderr)
        return 2
    return 0


def install(root: Path, *, libraries: bool = True) -> None:
    """Everything below ``root``; what is there already is replaced."""
    for piece in PIECES:
        lay(piece, root)
    (root / PROGRAM / "session/start").chmod(0o755)
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)
    system = root / "etc/systemd/system"
    system.mkdir(parents=True, exist_ok=True)
    for unit in MASKED:
        link(system / unit, "/dev/null")
    for command in COMMANDS:
        link(root / "usr/bin" / command, f"/{PROGRAM}/bin/{command}")
    environment(root / PROGRAM)
    if libraries:
        packages(root / PROGRAM)


def lay(piece: Piece, root: Path) -> None:
    """Copy one row of the table; a row that matches nothing is a mistake of this file."""
    found = [path for path in sorted(ROOT.glob(piece.source)) if path.name != "__pycache__"]
    if not found:
        raise FileNotFoundError(f"{piece.source} matches nothing")
    for source in found:
        target = root / piece.target / (source.name if piece.target.endswith("/") else "")
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, target)
            target.chmod(piece.mode)


def link(path: Path, target: str) -> None:
    """A symbolic link, replaced when it is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def site_packages(program: Path) -> Path:
    """Where a virtual environment of this Python looks."""
    return program / f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"


def environment(program: Path) -> None:
    """A virtual environment by hand: ``python -m venv`` would write DESTDIR into its scripts."""
    (program / "bin").mkdir(parents=True, exist_ok=True)
    link(program / "bin/python3", "/usr/bin/python3")
    version = ".".join(map(str, sys.version_info[:3]))
    (program / "pyvenv.cfg").write_text(
        f"home = /usr/bin\ninclude-system-site-packages = true\nversion = {version}\n", encoding="ascii"
    )
    for command, module in COMMANDS.items():
        script = program / "bin" / command
        script.write_text(LAUNCHER.format(program=PROGRAM, module=module), encoding="ascii")
        script.chmod(0o755)


def packages(program: Path) -> None:
    """The program and every library it needs, compiled: the root is read-only on the machine."""
    target = site_packages(program)
    target.mkdir(parents=True, exist_ok=True)
    shutil.copytree(ROOT / "kiosk", target / "kiosk", dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    own = distribution("station-kiosk")
    about = target / f"station_kiosk-{own.version}.dist-info"
    about.mkdir(exist_ok=True)
    (about / "METADATA").write_text(own.read_text("METADATA") or "", encoding="utf-8")
    for needed in closure(own):
        copy_distribution(needed, target)
    compileall.compile_dir(
        target,
        quiet=2,
        stripdir=str(target),
        prependdir=f"/{site_packages(Path(PROGRAM))}",
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )


def closure(own: Distribution) -> Iterator[Distribution]:
    """What the program needs, what that needs, and so on; each once. Raises PackageNotFoundError."""
    seen: set[str] = set()
    waiting = list(requirements(own, EXTRAS))
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name not in seen:
            seen.add(name)
            found = distribution(requirement.name)
            yield found
            waiting += requirements(found, tuple(requirement.extras))


def requirements(of: Distribution, extras: tuple[str, ...] = ()) -> Iterator[Requirement]:
    """The rows of its metadata that hold on this machine."""
    for row in of.requires or ():
        requirement = Requirement(row)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield requirement


def copy_distribution(found: Distribution, target: Path) -> None:
    """Its files of site-packages; its own commands, compiled files and tests are left out."""
    for file in found.files or ():
        if ".." in file.parts or "__pycache__" in file.parts or file.parts[0] in STRAY or "tests" in file.parts[:-1]:
            continue
        place = target / file
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(str(found.locate_file(file)), place)


if __name__ == "__main__":
    sys.exit(main())
