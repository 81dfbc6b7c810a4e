"""Debian packages but for their libraries: what is in them, what dpkg is told, the same bytes of the same commit."""

from __future__ import annotations

import hashlib
import re
import subprocess
import tomllib
from itertools import combinations
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import wheels
from control import ARCHITECTURES, control, scripts
from deb import build
from libraries import digits_of, unpack_wheels
from release import LOCK, ROOT, NoRelease, Release, of_checkout
from tests.house.documents import linked
from tree import BOX, CENTER, COMMANDS, PACKAGES, PROGRAMS, STATION, enabled_units, lay_files, lay_program, units
from wheels import NoWheels, machine_of, read_lock, wheels_for

RELEASE = Release("0.9.0+g2d3aa88", "2d3aa88" + "0" * 33, 1_700_000_000)


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Each package's files, but for program and libraries."""
    found = {}
    for package in PACKAGES:
        found[package] = root = tmp_path_factory.mktemp(package)
        lay_files(package, root)
        if package in PROGRAMS:
            lay_program(package, root, RELEASE.told("amd64", digits_of(package)))
    return found


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_symlink() or not path.is_dir()}


def test_no_file_is_in_two_packages_and_every_unit_in_one(trees: dict[str, Path]) -> None:
    for one, other in combinations(PACKAGES, 2):
        assert files(trees[one]) & files(trees[other]) == set(), (one, other)
    all_units = [name for package in PACKAGES for name in units(package)]
    ours = {
        path.name for path in (ROOT / "systemd").iterdir() if path.suffix in (".service", ".timer", ".path", ".socket")
    }
    assert sorted(all_units) == sorted(ours)


def test_the_package_of_the_center_brings_what_set_up_puts_in_place(trees: dict[str, Path]) -> None:
    share = "usr/share/sorting-center"
    expected = {"usr/lib/sysusers.d/sorting-center.conf", f"{share}/mosquitto/mosquitto.conf"}
    expected |= {f"etc/nginx/sites-available/sorting-center-{site}" for site in ("pages", "photos", "storefront")}
    expected |= {f"{share}/monitoring/{path.name}" for path in (ROOT / "firmware_config/monitoring").iterdir()}
    assert expected <= files(trees[CENTER])


def test_a_unit_names_no_program_that_its_package_does_not_bring(trees: dict[str, Path]) -> None:
    """The screen's may use the station's: it cannot be installed without."""
    for package in PACKAGES:
        there = files(trees[package]) | (files(trees[STATION]) if package == BOX else set())
        for unit in units(package):
            text = (ROOT / "systemd" / unit).read_text(encoding="utf-8")
            named = set(
                re.findall(r"(?<![\w/])/(usr/(?:lib|share)/(?:station-kiosk|sorting-center|doc)/[\w./-]+)", text)
            )
            assert named <= there, unit


def test_no_link_inside_an_installed_document_is_broken(trees: dict[str, Path]) -> None:
    for package in (STATION, CENTER):
        folder = trees[package] / "usr/share/doc" / package
        pages = sorted(folder.rglob("*.md"))
        assert {f"{language}counter.md" for language in ("", "ug/", "zh/")} <= {
            str(p.relative_to(folder)) for p in pages
        }
        broken = [
            f"{page.relative_to(folder)} → {target}"
            for page in pages
            for target in linked(page)
            if not (target.is_relative_to(folder.resolve()) and target.is_file())
        ]
        assert broken == [], package


def test_the_page_of_the_box_names_programs_where_a_box_has_them(trees: dict[str, Path]) -> None:
    """A box has packages, and no checkout."""
    text = (ROOT / "docs/box.md").read_text(encoding="utf-8")
    assert not re.search(r"(?<![/\w])scripts/\w+\.py", text)
    named = set(re.findall(r"/(usr/share/station-kiosk/[\w./-]+\w)", text))
    assert {"usr/share/station-kiosk/merge_boot.py", "usr/share/station-kiosk/lint_boot.py"} <= named
    assert [name for name in sorted(named) if not (trees[BOX] / name).exists()] == []


def test_only_the_box_takes_the_console_and_only_our_units_are_enabled() -> None:
    for package in PACKAGES:
        for name, text in scripts(package).items():
            assert not re.search("@[A-Z]+@", text), f"{package}.{name}: a word that nobody filled in"
            assert "preset-all" not in text
            named = set(re.findall(r"[\w@*-]+\.(?:service|timer|path|socket|target)\b", text))
            console = {"getty@tty1.service", "autovt@.service", "ctrl-alt-del.target"}
            ours = {unit.replace("@.", "@*.") for unit in units(package)}
            assert named <= ours | (console if package == BOX else set()), f"{package}.{name}"
            done = subprocess.run(["sh", "-n"], input=text, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{package}.{name}: {done.stderr}"
    assert enabled_units(CENTER) == []


def test_what_dpkg_is_told() -> None:
    for package in PACKAGES:
        for architecture in ARCHITECTURES[package]:
            text = control(package, architecture, "0.9.0+g2d3aa88", 1234)
            fields = dict(row.split(": ", 1) for row in text.splitlines() if not row.startswith(" "))
            assert (fields["Package"], fields["Version"], fields["Architecture"]) == (
                package,
                "0.9.0+g2d3aa88",
                architecture,
            )
            assert ("python3 (>= 3." in fields["Depends"]) == (package in PROGRAMS)
            assert ("station-kiosk (= 0.9.0+g2d3aa88)" in fields["Depends"]) == (package == BOX)
            assert ("chromium" in fields["Depends"]) == (package == BOX)
    assert ARCHITECTURES == {STATION: ("amd64", "arm64"), BOX: ("all",), CENTER: ("amd64", "arm64")}


def test_each_program_says_which_release_it_is_and_has_one_command(trees: dict[str, Path]) -> None:
    for package, command in COMMANDS.items():
        program = trees[package] / PROGRAMS[package]
        assert {path.name for path in (program / "bin").iterdir()} == {command, "python3"}
        told = (program / "release.json").read_text(encoding="ascii")
        assert f'"libraries": "{digits_of(package)}"' in told
        assert '"architecture": "amd64"' in told


def test_the_same_commit_makes_the_same_package(tmp_path: Path) -> None:
    first, second = (build(BOX, "all", RELEASE, tmp_path / name) for name in ("first", "second"))
    assert first.name == "station-kiosk-box_0.9.0+g2d3aa88_all.deb"
    assert first.read_bytes() == second.read_bytes()
    assert [path.name for path in first.parent.iterdir()] == [first.name]
    listed = subprocess.run(["dpkg-deb", "--contents", str(first)], capture_output=True, text=True, check=True).stdout
    assert {row.split()[1] for row in listed.splitlines()} == {"root/root"}
    assert {row.split()[3] for row in listed.splitlines()} == {"2023-11-14"}
    shown = subprocess.run(
        ["dpkg-deb", "--ctrl-tarfile", str(first)], capture_output=True, check=True, cwd=tmp_path
    ).stdout
    assert shown == subprocess.run(["dpkg-deb", "--ctrl-tarfile", str(second)], capture_output=True, check=True).stdout
    asked = subprocess.run(["dpkg-deb", "--info", str(first), "conffiles"], capture_output=True, text=True, check=True)
    assert asked.stdout == "/etc/chromium/policies/managed/station-kiosk.json\n"


def test_the_version_carries_the_commit_and_whether_something_was_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    number = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    answers = {"rev-parse": "2d3aa88f" + "0" * 32, "status": "", "show": "1700000000"}
    monkeypatch.setattr("release._git", lambda word, *_: answers[word])
    assert of_checkout() == Release(f"{number}+g2d3aa88", answers["rev-parse"], 1_700_000_000)
    answers["status"] = " M kiosk/files.py"
    assert of_checkout().version == f"{number}+g2d3aa88dirty"
    monkeypatch.undo()
    monkeypatch.setattr("release.ROOT", Path("/nowhere"))
    with pytest.raises((NoRelease, OSError)):
        of_checkout()


# --- libraries --------------------------------------------------------------------------------------------------------


def made(folder: Path, name: str, requires: tuple[str, ...] = (), extra: tuple[str, ...] = ()) -> Path:
    """A wheel of two files, and more."""
    path = folder / f"{name.replace('-', '_')}-1.0-py3-none-any.whl"
    about = f"{name.replace('-', '_')}-1.0.dist-info"
    rows = [f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0", *(f"Requires-Dist: {row}" for row in requires)]
    with ZipFile(path, "w") as archive:
        archive.writestr(f"{name.replace('-', '_')}.py", "x = 1\n")
        archive.writestr(f"{about}/METADATA", "\n".join(rows) + "\n\n")
        for inside in extra:
            archive.writestr(inside, "x\n")
    return path


def locked(*paths: Path) -> str:
    rows = [
        f"{path.name.partition('-')[0].replace('_', '-')}==1.0 \\\n    --hash=sha256:"
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}"
        for path in paths
    ]
    return "\n".join(rows) + "\n"


def test_the_lock_has_one_version_for_each_machine_and_no_row_that_is_passed_over() -> None:
    text = LOCK.read_text(encoding="utf-8")
    for architecture in ("amd64", "arm64"):
        found = read_lock(text, machine_of(architecture))
        assert {"numpy", "flask", "sqlalchemy", "cryptography", "pytest"} <= found.keys()
        assert "colorama" not in found, "for another system"
        assert ("atheris" in found) == (architecture == "amd64")
        assert all(row.hashes for row in found.values())
        named = {canonicalize_name(name) for name in re.findall(r"^([\w.-]+)==", text, re.MULTILINE)}
        assert named - found.keys() <= {"colorama", "tzdata", "atheris", "pyyaml-ft"}


def test_what_developers_use_is_in_no_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found by asking the wheels, each for its own machine; one with another checksum does not count."""
    program = [made(tmp_path, "first", ('second[more]; platform_machine == "aarch64"', "windows; os_name == 'nt'"))]
    program += [made(tmp_path, "second", ('third; extra == "more"', "first")), made(tmp_path, "third")]
    tools = [made(tmp_path, "pytest")]
    lock = tmp_path / "lock"
    lock.write_text(locked(*program, *tools), encoding="ascii")
    monkeypatch.setattr(wheels, "LOCK", lock)
    monkeypatch.setattr(wheels, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(wheels, "own_requirements", lambda _package: [Requirement("first>=1")])
    digits = hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    for architecture, names in (("arm64", ["first", "second", "third"]), ("amd64", ["first"])):
        folder = tmp_path / "cache" / f"{architecture}-{wheels.PYTHON}-{digits}"
        folder.mkdir(parents=True)
        for path in (*program, *tools):
            (folder / path.name).write_bytes(path.read_bytes())
        assert [path.name.partition("-")[0] for path in wheels_for(STATION, architecture)] == names
    (folder / program[0].name).write_bytes(tools[0].read_bytes())
    monkeypatch.setattr(wheels.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 1))
    with pytest.raises(NoWheels, match="first"):
        wheels_for(STATION, "amd64")
    monkeypatch.setattr(wheels, "own_requirements", lambda _package: [Requirement("fourth")])
    with pytest.raises(NoWheels, match="not in lock: fourth"):
        wheels_for(STATION, "amd64")


def test_a_wheel_is_unpacked_as_it_would_be_installed(tmp_path: Path) -> None:
    """Without commands, headers and tests."""
    more = ("own-1.0.data/purelib/own_more.py", "own-1.0.data/scripts/own", "own-1.0.data/headers/own.h")
    wheel = made(tmp_path, "own", extra=(*more, "own_folder/tests/test_own.py", "tests/test_other.py", "docs/own.txt"))
    unpack_wheels([wheel], tmp_path / "out")
    assert files(tmp_path / "out") == {"own.py", "own_more.py", "own-1.0.dist-info/METADATA"}
    bad = made(tmp_path, "bad", extra=("../outside.py",))
    with pytest.raises(ValueError, match="leads out"):
        unpack_wheels([bad], tmp_path / "out")
    assert not (tmp_path / "outside.py").exists()
