"""Each package as it is installed: its own program and libraries, nothing of the other's, all that it ever loads."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from kiosk.cli.kiosk import NOUNS
from kiosk.cli.sorting_center import COMMANDS as CENTER_COMMANDS
from libraries import closure, own_requirements
from parts import BOTH, CENTER, PARTS, STATION, libraries_of, reached
from release import ROOT
from tests.systemd.conftest import tree
from tree import PROGRAMS, site_packages

__all__ = ["tree"]

BOTH_HAVE = {
    "app", "base", "cli", "domain", "first_start", "labels", "messaging", "photo", "protocols", "station", "store",
    "texts",
}  # fmt: skip
ROOMS = {
    STATION: BOTH_HAVE | {"catalogs", "config", "devices", "simulators", "web"},
    CENTER: BOTH_HAVE | {"sorting_center"},
}
OTHERS_CODE = {
    STATION: (
        "sorting_center",
        "cli/center",
        "cli/sorting_center.py",
        "cli/broker_check.py",
        "simulators/bench",
        "simulators/county",
        "simulators/village.py",
    ),
    CENTER: (
        "cli/kiosk.py",
        "cli/demo.py",
        "cli/run.py",
        "app/station.py",
        "app/identity",
        "first_start/wizard.py",
        "store/database",
        "messaging/relay/session.py",
    ),
}
OF_THE_CENTER_FROM_THE_STATION = {"station/update", "store/backup", "store/shared"}
"""How updates, recovery kits and identities are written: the county makes and opens them."""
OTHERS_LIBRARIES = {
    STATION: {"psycopg", "psycopg-binary", "pika", "prometheus-client", "xlsxwriter", "openpyxl"},
    CENTER: {"pyserial", "gpiozero"},
}
FURTHER = {"jinja2", "markupsafe", "werkzeug"}
"""Parts of Flask, which brings them."""


def code_of(tree: Path, package: str) -> Path:
    return tree / PROGRAMS[package] / "code"


@pytest.mark.parametrize("package", PARTS)
def test_a_package_holds_its_own_program_and_nothing_of_the_other(package: str, tree: Path) -> None:
    kiosk = code_of(tree, package) / "kiosk"
    assert {path.name for path in kiosk.iterdir() if path.is_dir()} - {"__pycache__"} == ROOMS[package]
    assert [name for name in OTHERS_CODE[package] if (kiosk / name).exists()] == []
    if package == CENTER:
        folders = {
            path.parent.relative_to(kiosk) for room in ("station", "store") for path in kiosk.glob(f"{room}/*/*.py")
        }
        assert {str(folder) for folder in folders} == OF_THE_CENTER_FROM_THE_STATION
    abouts = site_packages(tree / PROGRAMS[package]).glob("*.dist-info")
    libraries = {canonicalize_name(about.name.partition("-")[0]) for about in abouts}
    assert libraries == set(closure(package))
    assert libraries & OTHERS_LIBRARIES[package] == set()
    other = CENTER if package == STATION else STATION
    assert libraries >= OTHERS_LIBRARIES[other], "named as they are installed"


@pytest.mark.parametrize("package", PARTS)
def test_a_program_asks_for_what_it_imports_and_for_nothing_else(package: str) -> None:
    distributions = packages_distributions()
    imported = {
        canonicalize_name(distributions[name][0])
        for name in libraries_of(package)
        if name not in sys.stdlib_module_names
    }
    assert imported - FURTHER == {canonicalize_name(row.name) for row in own_requirements(package)}


@pytest.mark.parametrize("package", PARTS)
def test_whatever_an_installed_program_loads_lies_in_its_package(package: str, tree: Path) -> None:
    """Every module, every import inside a function, every program it starts, the help of every command."""
    program, code = tree / PROGRAMS[package], code_of(tree, package)
    command = [str(program / "bin/python3"), "-I", "-S", str(Path(__file__).with_name("look_inside.py"))]
    command += [str(code), str(site_packages(program)), PARTS[package].begins, str(ROOT), ",".join(BOTH)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["failed"] == []
    assert {name for name in reached(package) if name.partition(".")[2]} <= set(told["modules"])
    verbs = NOUNS if package == STATION else CENTER_COMMANDS
    assert {words[0] for words in told["commands"] if words} == set(verbs)
    assert len(told["commands"]) > 2 * len(verbs)
