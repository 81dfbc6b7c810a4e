"""The staged tree: everything at its place, nothing of the checkout's own place in it, and a start from there."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.install_tree import MASKED, PROGRAM, closure, install, site_packages

ROOT = Path(__file__).resolve().parents[2]


def test_each_kind_of_file_is_where_debian_looks_for_it(tree: Path) -> None:
    for name in (
        "usr/lib/systemd/system/kiosk-station.service",
        "usr/lib/systemd/system/kiosk-backup.timer",
        "usr/lib/systemd/system/kiosk-station.path",
        "usr/lib/systemd/system-preset/80-kiosk.preset",
        "usr/lib/sysusers.d/kiosk.conf",
        "usr/lib/tmpfiles.d/kiosk.conf",
        "usr/lib/udev/rules.d/72-kiosk-no-keyboard.rules",
        "usr/lib/modules-load.d/kiosk.conf",
        "usr/lib/systemd/journald.conf.d/50-kiosk.conf",
        "usr/lib/station-kiosk/session/start",
        "usr/lib/station-kiosk/session/splash/index.html",
        "etc/chromium/policies/managed/station-kiosk.json",
        "usr/share/station-kiosk/boot/config-pi4.txt",
        "usr/share/doc/station-kiosk/box.md",
        "usr/share/doc/station-kiosk/zh/counter.md",
        "usr/share/doc/station-kiosk/ug/screens-for-clerks.md",
    ):
        assert (tree / name).is_file(), name
    for folder in ("data", "etc/kiosk", "var/lib/kiosk", "var/lib/kiosk-keys", "mnt/kiosk-backup"):
        assert (tree / folder).is_dir(), folder
    for unit in MASKED:
        assert (tree / "etc/systemd/system" / unit).readlink() == Path("/dev/null")
    for command in ("kiosk", "sorting-center"):
        assert (tree / "usr/bin" / command).readlink() == Path(f"/{PROGRAM}/bin/{command}")


def test_nothing_tells_where_it_was_built(tree: Path) -> None:
    own = str(ROOT).encode()
    told = [path for path in tree.rglob("*") if path.is_file() and not path.is_symlink() and own in path.read_bytes()]
    assert told == []


def test_tools_of_developers_stay_out(tree: Path) -> None:
    inside = {path.name for path in site_packages(tree / PROGRAM).iterdir()}
    assert {"kiosk", "flask", "cv2", "sqlalchemy", "argon2"} <= inside
    assert not inside & {"pytest", "mypy", "playwright", "hypothesis", "ruff", "tests", "docs"}


def test_the_program_starts_from_the_tree_alone(tree: Path) -> None:
    """Where it will lie, its own Python finds it by pyvenv.cfg; here the same file is asked."""
    program = tree / PROGRAM
    said = "import kiosk.cli.kiosk, kiosk.station.software as s; print(s.software_id(), kiosk.cli.kiosk.__file__)"
    done = subprocess.run([str(program / "bin/python3"), "-I", "-c", said], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[0].startswith("station-kiosk/")
    assert done.stdout.split()[1].startswith(str(program))
    first = (program / "bin/kiosk").read_text(encoding="ascii").splitlines()[0]
    assert first == f"#!/{PROGRAM}/bin/python3 -IXfaulthandler"


def test_a_second_install_over_the_first_changes_nothing(tree: Path, tmp_path: Path) -> None:
    """Over a copy: others boot from the tree itself."""
    again = tmp_path / "again"
    shutil.copytree(tree, again, symlinks=True, ignore=shutil.ignore_patterns("site-packages"))
    before = set(again.rglob("*"))
    install(again, libraries=False)
    assert set(again.rglob("*")) == before


def test_a_missing_library_ends_the_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import PackageNotFoundError, distribution

    own = distribution("station-kiosk")
    monkeypatch.setattr(type(own), "requires", property(lambda self: ["no-such-library>=1"]))
    with pytest.raises(PackageNotFoundError):
        list(closure(own))


def test_the_command_wants_to_know_where(tmp_path: Path) -> None:
    command = [sys.executable, "scripts/install_tree.py"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode == 2
    done = subprocess.run([*command, str(tmp_path), "--without-libraries"], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0
    assert not site_packages(tmp_path / PROGRAM).exists()
