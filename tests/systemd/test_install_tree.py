"""The staged tree: everything at its place, nothing of the checkout's own place in it, and a start from there."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
from flask import Flask
from packaging.requirements import Requirement

from kiosk.sorting_center.web.shared import frame
from kiosk.texts.templates import CompiledTemplates
from kiosk.web.factory import create_app
from kiosk.web.shared.settings import WebSettings
from libraries import closure
from tests.web.shop import Shop
from tree import CENTER, COMMANDS, MASKED, PROGRAM, PROGRAMS, STATION, install, site_packages

ROOT = Path(__file__).resolve().parents[2]


def test_each_kind_of_file_is_where_debian_looks_for_it(tree: Path) -> None:
    for name in (
        "usr/lib/systemd/system/kiosk-station.service",
        "usr/lib/systemd/system/kiosk-backup.timer",
        "usr/lib/systemd/system/kiosk-station.path",
        "usr/lib/systemd/system-preset/80-station-kiosk.preset",
        "usr/lib/systemd/system-preset/80-station-kiosk-box.preset",
        "usr/lib/sysusers.d/kiosk.conf",
        "usr/lib/sysusers.d/kiosk-box.conf",
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
    for package, command in COMMANDS.items():
        assert (tree / "usr/bin" / command).readlink() == Path(f"/{PROGRAMS[package]}/bin/{command}")


def test_nothing_tells_where_it_was_built(tree: Path) -> None:
    own = str(ROOT).encode()
    told = [path for path in tree.rglob("*") if path.is_file() and not path.is_symlink() and own in path.read_bytes()]
    assert told == []


def test_libraries_and_program_lie_apart_and_tools_of_developers_nowhere(tree: Path) -> None:
    for program in PROGRAMS.values():
        libraries = {path.name for path in site_packages(tree / program).iterdir()}
        assert not libraries & {"kiosk", "pytest", "mypy", "playwright", "hypothesis", "ruff", "tests", "docs"}
        code = {path.name.partition("-")[0] for path in (tree / program / "code").iterdir()}
        assert code == {"kiosk", "station_kiosk"}


def test_the_program_starts_from_the_tree_alone(tree: Path) -> None:
    """Where it will lie, its own Python finds it by pyvenv.cfg; here the same file is asked."""
    for package, command in COMMANDS.items():
        program = tree / PROGRAMS[package]
        script = program / "bin" / command
        run = [str(program / "bin/python3"), "-I", str(script), "--version"]
        done = subprocess.run(run, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        told = json.loads((program / "release.json").read_text(encoding="ascii"))
        assert done.stdout == f"{command}, version {told['version']}\n"
        first = script.read_text(encoding="utf-8").splitlines()[0]
        assert first == f"#!/{PROGRAMS[package]}/bin/python3 -IXfaulthandler"


def test_what_it_starts_itself_is_of_the_same_tree(tree: Path) -> None:
    """A process of its own, as the sorting center's pages are: it finds the program where the command found it."""
    program = tree / PROGRAM
    said = (
        f"import runpy, subprocess, sys\nsys.path.insert(0, {str(program / 'code')!r})\nimport kiosk.cli.kiosk\n"
        "kiosk.cli.kiosk.main = lambda: subprocess.call("
        "[sys.executable, '-P', '-c', 'import kiosk, flask; print(kiosk.__file__, flask.__file__)'])\n"
        f"runpy.run_path({str(program / 'bin/kiosk')!r}, run_name='__main__')\n"
    )
    run = [str(program / "bin/python3"), "-I", "-c", said]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert all(path.startswith(str(program)) for path in done.stdout.split()), done.stdout


def test_no_page_is_compiled_by_who_serves_it(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's root is read-only: what is not there would be made again at every start."""
    center = Flask("kiosk.sorting_center.web")
    frame.install(center)
    for package, app in ((STATION, create_app(Shop(tmp_path), WebSettings())), (CENTER, center)):
        folder = tree / PROGRAMS[package] / "code" / Path(app.root_path).relative_to(ROOT)
        pages = app.jinja_env
        pages.cache = None
        pages.bytecode_cache = CompiledTemplates(folder / "__pycache__", pages)
        monkeypatch.setattr(pages, "compile", lambda source, name, *_: pytest.fail(f"{name} is compiled"))
        for name in pages.list_templates():
            drawn_by = pages.get_template(name).root_render_func.__code__.co_filename
            assert drawn_by.startswith(f"/{PROGRAMS[package]}/code/kiosk/")


def test_a_second_install_over_the_first_changes_nothing(tree: Path, tmp_path: Path) -> None:
    """Over a copy: others boot from the tree itself."""
    again = tmp_path / "again"
    shutil.copytree(tree, again, symlinks=True, ignore=shutil.ignore_patterns("site-packages", "code"))
    before = set(again.rglob("*"))
    install(again, libraries=False)
    assert set(again.rglob("*")) == before


def test_a_missing_library_ends_the_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("libraries.own_requirements", lambda _package: [Requirement("no-such-library>=1")])
    with pytest.raises(PackageNotFoundError):
        closure(STATION)


def test_the_command_wants_to_know_where(tmp_path: Path) -> None:
    command = [sys.executable, "packaging/tree.py"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode == 2
    done = subprocess.run([*command, str(tmp_path), "--without-libraries"], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 0
    assert not site_packages(tmp_path / PROGRAM).exists()
