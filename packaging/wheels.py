"""Wheels of the locked libraries for a machine that is not this one, without emulation. Each is fetched once."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from packaging.markers import Marker
from packaging.utils import canonicalize_name

from libraries import further, own_requirements, wheel_name, wheel_requires
from release import LOCK, PYTHON, ROOT

MACHINES: Final = {"amd64": "x86_64", "arm64": "aarch64"}
CACHE: Final = ROOT / "build/wheels"
_GLIBC: Final = range(41, 16, -1)
"""Minor versions of the C library whose wheels run on Debian 13."""
_ROW: Final = re.compile(r"^([a-z0-9][a-z0-9.-]*)==([^ ;]+)(?: ; (.*?))? \\$")


class NoWheels(Exception):
    """A library cannot be had."""


@dataclass(frozen=True, slots=True)
class Locked:
    """One library as the lock has it."""

    version: str
    hashes: tuple[str, ...]

    def row(self, name: str) -> str:
        """Of a file of requirements. Its mark was judged for the other machine: pip would judge it for this one."""
        return " ".join([f"{name}=={self.version}", *(f"--hash=sha256:{digits}" for digits in self.hashes)]) + "\n"


def wheels_for(package: str, architecture: str) -> list[Path]:
    """Every wheel the package's program needs there, in the order of their names. Raises NoWheels."""
    machine = machine_of(architecture)
    locked = read_lock(LOCK.read_text(encoding="utf-8"), machine)
    digits = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]
    folder = CACHE / f"{architecture}-{PYTHON}-{digits}"
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[str, Path] = {}
    waiting = {canonicalize_name(row.name): set(row.extras) for row in own_requirements(package)}
    while waiting:
        unknown = sorted(waiting.keys() - locked.keys())
        if unknown:
            raise NoWheels(f"not in {LOCK.name}: {', '.join(unknown)}")
        found |= _fetched({name: locked[name] for name in waiting}, folder, architecture)
        wanted = {
            canonicalize_name(row.name): set(row.extras)
            for name, extras in waiting.items()
            for row in further(wheel_requires(found[name]), extras, machine)
        }
        waiting = {name: extras for name, extras in wanted.items() if name not in found}
    return [found[name] for name in sorted(found)]


def machine_of(architecture: str) -> Mapping[str, str]:
    """Its marks, as PEP 508 names them."""
    return {
        "implementation_name": "cpython",
        "implementation_version": f"{PYTHON}.0",
        "os_name": "posix",
        "platform_machine": MACHINES[architecture],
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": f"{PYTHON}.0",
        "python_version": PYTHON,
        "sys_platform": "linux",
    }


def read_lock(text: str, machine: Mapping[str, str]) -> dict[str, Locked]:
    """What the lock has for a machine, by name."""
    found: dict[str, Locked] = {}
    for block in re.split(r"\n(?=\S)", text):
        row = _ROW.match(block.partition("\n")[0])
        if row is not None and (row[3] is None or Marker(row[3]).evaluate({**machine})):
            found[row[1]] = Locked(row[2], tuple(re.findall(r"--hash=sha256:([0-9a-f]{64})", block)))
    return found


def _fetched(wanted: Mapping[str, Locked], folder: Path, architecture: str) -> dict[str, Path]:
    """Their wheels, from the folder, or fetched into it."""
    there = _sound(wanted, folder)
    missing = {name: locked for name, locked in wanted.items() if name not in there}
    if missing:
        rows = folder / "wanted"
        rows.write_text("".join(locked.row(name) for name, locked in missing.items()), encoding="ascii")
        machine = MACHINES[architecture]
        kinds = [f"manylinux_2_{minor}_{machine}" for minor in _GLIBC] + [f"manylinux2014_{machine}"]
        command = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps"]
        command += ["--only-binary", ":all:", "--require-hashes", "--dest", str(folder), "--requirement", str(rows)]
        command += ["--implementation", "cp", "--python-version", PYTHON]
        command += [word for abi in (f"cp{PYTHON.replace('.', '')}", "abi3", "none") for word in ("--abi", abi)]
        command += [word for kind in kinds for word in ("--platform", kind)]
        if subprocess.run(command, cwd=folder, check=False).returncode != 0:
            raise NoWheels(f"no wheel for {architecture} could be had of one of: {', '.join(missing)}")
        there = _sound(wanted, folder)
    if there.keys() != wanted.keys():
        raise NoWheels(f"these did not come: {', '.join(sorted(wanted.keys() - there.keys()))}")
    return there


def _sound(wanted: Mapping[str, Locked], folder: Path) -> dict[str, Path]:
    """Those that are there with a checksum of the lock."""
    found = {}
    for wheel in sorted(folder.glob("*.whl")):
        name = wheel_name(wheel)
        if name in wanted and hashlib.sha256(wheel.read_bytes()).hexdigest() in wanted[name].hashes:
            found[name] = wheel
    return found
