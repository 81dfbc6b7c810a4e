"""Lays the packages out as a machine holds them: ``packaging/tree.py DESTDIR [--without-libraries]``.

Run it with the Python of the checkout's virtual environment: the libraries that go into the tree are those of that
environment, so what was tested is what is installed. Nothing is fetched, nothing outside DESTDIR is touched, and
DESTDIR may be ``/``. The machine it is for needs the same Debian Python. Packages with libraries of their own
architecture are made by deb.py.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError
from pathlib import Path, PurePosixPath

from compiled import compile_modules, compile_pages
from libraries import digits_of, installed_libraries
from parts import CENTER, PARTS, STATION, lay_modules
from release import PYTHON, ROOT, VENDOR_KEY, NoRelease, Release, of_checkout

BOX = "station-kiosk-box"
PACKAGES = (STATION, BOX, CENTER)
PROGRAM = PurePosixPath("usr/lib/station-kiosk")
PROGRAMS = {STATION: PROGRAM, CENTER: PurePosixPath("usr/lib/sorting-center")}
"""Virtual environments of their own: another program's libraries cannot change these, nor one the other's."""

COMMANDS = {package: part.command for package, part in PARTS.items()}


@dataclass(frozen=True, slots=True)
class Piece:
    """One file or folder of the checkout and its place below DESTDIR."""

    source: str
    target: str
    mode: int = 0o644


OF_THE_SCREEN = frozenset(
    {
        "kiosk-splash.service",
        "kiosk-browser.service",
        "kiosk-browser-watch.service",
        "kiosk-browser-watch.timer",
        "browser-watch",
        "72-kiosk-no-keyboard.rules",
        "74-kiosk-screen.rules",
    }
)
OF_THE_CENTER = frozenset(
    {
        "sorting-center.service",
        "sorting-center-storefront.service",
        "sorting-center-certificates.path",
        "sorting-center-certificates.service",
        "sorting-center-backup.service",
        "sorting-center-backup.timer",
        "sorting-center-renew.service",
        "sorting-center-renew.timer",
        "sorting-center-photos.service",
        "sorting-center-photos.socket",
    }
)
"""Every other unit, every other program of a unit, and every other rule for devices belongs to the station."""

PIECES = (
    Piece("systemd/kiosk.sysusers.conf", "usr/lib/sysusers.d/kiosk.conf"),
    Piece("systemd/kiosk.tmpfiles.conf", "usr/lib/tmpfiles.d/kiosk.conf"),
    Piece("firmware_config/modules/kiosk.conf", "usr/lib/modules-load.d/"),
    Piece("docs/*", "usr/share/doc/station-kiosk/"),
    Piece("LICENSE", "usr/share/doc/station-kiosk/copyright"),
)
BOX_PIECES = (
    Piece("systemd/kiosk-box.sysusers.conf", "usr/lib/sysusers.d/kiosk-box.conf"),
    Piece("firmware_config/session/start", f"{PROGRAM}/session/", 0o755),
    Piece("firmware_config/session/splash*", f"{PROGRAM}/session/"),
    Piece("firmware_config/chromium/*.json", "etc/chromium/policies/managed/"),
    Piece("firmware_config/manager/watchdog.conf", "usr/lib/systemd/system.conf.d/50-kiosk.conf"),
    Piece("firmware_config/manager/logind.conf", "usr/lib/systemd/logind.conf.d/50-kiosk.conf"),
    Piece("firmware_config/manager/journald.conf", "usr/lib/systemd/journald.conf.d/50-kiosk.conf"),
    Piece("firmware_config/manager/sysctl.conf", "usr/lib/sysctl.d/50-kiosk.conf"),
    Piece("firmware_config/manager/tmpfiles-timesync.conf", "usr/lib/tmpfiles.d/kiosk-timesync.conf"),
    Piece("firmware_config/manager/timesyncd.conf", "usr/lib/systemd/system/systemd-timesyncd.service.d/50-kiosk.conf"),
    Piece(
        "firmware_config/manager/remount-fs.conf", "usr/lib/systemd/system/systemd-remount-fs.service.d/50-kiosk.conf"
    ),
    Piece("firmware_config/boot/*.txt", "usr/share/station-kiosk/boot/"),
    Piece("scripts/*_boot.py", "usr/share/station-kiosk/", 0o755),
    Piece("firmware_config/layout/make-data-partition", "usr/share/station-kiosk/layout/", 0o755),
    Piece("firmware_config/layout/fstab", "usr/share/station-kiosk/layout/"),
    Piece("firmware_config/layout/overlayroot.conf", "usr/share/station-kiosk/layout/"),
    Piece("LICENSE", "usr/share/doc/station-kiosk-box/copyright"),
)
CENTER_PIECES = (
    Piece("systemd/sorting-center.sysusers.conf", "usr/lib/sysusers.d/sorting-center.conf"),
    Piece("firmware_config/mosquitto/*", "usr/share/sorting-center/mosquitto/"),
    Piece("firmware_config/rabbitmq/*", "usr/share/sorting-center/rabbitmq/"),
    Piece("firmware_config/monitoring/*", "usr/share/sorting-center/monitoring/"),
    Piece("firmware_config/nginx/*", "etc/nginx/sites-available/"),
    Piece("docs/*", "usr/share/doc/sorting-center/"),
    Piece("LICENSE", "usr/share/doc/sorting-center/copyright"),
)

FOLDERS = (
    "etc/kiosk",
    "var/lib/kiosk",
    "var/lib/kiosk-keys",
    "var/lib/kiosk-releases",
    "mnt/kiosk-backup",
)
BOX_FOLDERS = (
    "data",
    "etc/credstore",
    "var/lib/iwd",
    "var/lib/systemd/timesync",
    "var/lib/systemd/timers",
)
CENTER_FOLDERS = ("etc/sorting-center/tls",)
"""Where the data partition and the backup medium are mounted: a read-only root cannot make them at boot."""

CONTENTS = {
    STATION: (PIECES, FOLDERS),
    BOX: (BOX_PIECES, BOX_FOLDERS),
    CENTER: (CENTER_PIECES, CENTER_FOLDERS),
}

MASKED = ("getty@tty1.service", "autovt@.service", "ctrl-alt-del.target")
"""A console would ask for a name behind the kiosk page; three keys would restart the machine."""

SETTINGS_OF_AN_ENVIRONMENT = f"home = /usr/bin\ninclude-system-site-packages = true\nversion = {PYTHON}\n"
METADATA = "Metadata-Version: 2.1\nName: station-kiosk\nVersion: {version}\n"
"""All that the program asks of its own package."""

Libraries = Callable[[Path], None]
"""Fills a ``site-packages``."""


def main() -> int:
    """Install; 2 when the environment lacks a library, or the checkout its history."""
    parser = argparse.ArgumentParser(description="Lay the packages out below DESTDIR.")
    parser.add_argument("destdir", type=Path, metavar="DESTDIR")
    parser.add_argument("--without-libraries", action="store_true", help="units and settings only, to look at them")
    options = parser.parse_args()
    os.umask(0o022)
    try:
        install(options.destdir, libraries=not options.without_libraries)
    except PackageNotFoundError as error:
        print(f"{error.name} is not installed here: run scripts/setup run", file=sys.stderr)
        return 2
    except NoRelease as error:
        print(f"This checkout does not say which release it is: {error}", file=sys.stderr)
        return 2
    return 0


def install(root: Path, packages: Sequence[str] = PACKAGES, *, libraries: bool = True) -> None:
    """Everything below ``root``; what is there already is replaced. Raises PackageNotFoundError, NoRelease."""
    release = of_checkout()
    for package in packages:
        lay_files(package, root)
        if package in PROGRAMS:
            lay_program(package, root, release.told("all", digits_of(package)))
            if libraries:
                lay_code(package, root, release, partial(installed_libraries, package))
    if BOX in packages:
        for unit in MASKED:
            link(root / "etc/systemd/system" / unit, "/dev/null")


def lay_files(package: str, root: Path) -> None:
    """Units, settings, documents and empty folders."""
    pieces, folders = CONTENTS[package]
    for piece in (*pieces, *owned_pieces(package)):
        lay(piece, root)
    for folder in folders:
        (root / folder).mkdir(parents=True, exist_ok=True)
    enabled = enabled_units(package)
    if enabled:
        preset = root / "usr/lib/systemd/system-preset" / f"80-{package}.preset"
        preset.parent.mkdir(parents=True, exist_ok=True)
        preset.write_text("".join(f"enable {unit}\n" for unit in enabled), encoding="ascii")


def owned_pieces(package: str) -> list[Piece]:
    """Units, what they run, and rules for devices."""
    program, rules = PROGRAMS.get(package, PROGRAM), "firmware_config/udev"
    return [
        *(Piece(f"systemd/{name}", "usr/lib/systemd/system/") for name in units(package)),
        *(Piece(f"systemd/{name}", f"{program}/", 0o755) for name in owned(package, "systemd", "")),
        *(Piece(f"{rules}/{name}", "usr/lib/udev/rules.d/") for name in owned(package, rules, ".rules")),
    ]


def units(package: str) -> list[str]:
    """Names of the units it brings."""
    return owned(package, "systemd", ".service", ".timer", ".path", ".socket")


def owned(package: str, folder: str, *suffixes: str) -> list[str]:
    """Names of its files in a folder of the checkout that all packages share."""
    owners = {**dict.fromkeys(OF_THE_SCREEN, BOX), **dict.fromkeys(OF_THE_CENTER, CENTER)}
    found = sorted(path.name for path in (ROOT / folder).iterdir() if path.is_file() and path.suffix in suffixes)
    return [name for name in found if owners.get(name, STATION) == package]


def enabled_units(package: str) -> list[str]:
    """Those that start at boot, in the order of the preset."""
    rows = (ROOT / "systemd/80-kiosk.preset").read_text(encoding="ascii").splitlines()
    wanted = [row.removeprefix("enable ") for row in rows if row.startswith("enable ")]
    return [name for name in wanted if name in units(package)]


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
    return program / f"lib/python{PYTHON}/site-packages"


def lay_program(package: str, root: Path, told: str) -> None:
    """A virtual environment by hand, with its command: ``python -m venv`` would write DESTDIR into its scripts."""
    program, command = root / PROGRAMS[package], COMMANDS[package]
    (program / "bin").mkdir(parents=True, exist_ok=True)
    link(program / "bin/python3", "/usr/bin/python3")
    (program / "pyvenv.cfg").write_text(SETTINGS_OF_AN_ENVIRONMENT, encoding="ascii")
    (program / "release.json").write_text(told, encoding="ascii")
    if VENDOR_KEY.is_file():
        shutil.copyfile(VENDOR_KEY, program / VENDOR_KEY.name)
    script = program / "bin" / command
    _, _, source = (ROOT / "packaging/launch.py").read_text(encoding="utf-8").partition("\n")
    script.write_text(f"#!/{PROGRAMS[package]}/bin/python3 -IXfaulthandler\n{source}", encoding="utf-8")
    script.chmod(0o755)
    link(root / "usr/bin" / command, f"/{PROGRAMS[package]}/bin/{command}")


def lay_code(package: str, root: Path, release: Release, libraries: Libraries) -> None:
    """Its part of the code and the libraries, compiled: the root is read-only on the machine."""
    installed = PROGRAMS[package]
    code, target = root / installed / "code", site_packages(root / installed)
    for folder in (code, target):
        folder.mkdir(parents=True, exist_ok=True)
    lay_modules(package, code)
    about = code / f"station_kiosk-{release.version}.dist-info"
    about.mkdir(exist_ok=True)
    (about / "METADATA").write_text(METADATA.format(version=release.version), encoding="ascii")
    libraries(target)
    compile_modules(code, f"/{installed}/code")
    compile_pages(code, f"/{installed}/code")
    compile_modules(target, f"/{site_packages(Path(installed))}")


if __name__ == "__main__":
    sys.exit(main())
