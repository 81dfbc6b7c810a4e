"""Libraries of the program, and nothing of those that develop it: from this environment, or from wheels."""

from __future__ import annotations

import hashlib
import shutil
import tomllib
from collections.abc import Iterator, Mapping
from email.parser import HeaderParser
from importlib.metadata import distribution
from pathlib import Path, PurePosixPath
from typing import Final
from zipfile import ZipFile

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

from parts import PARTS
from release import LOCK, ROOT

STRAY: Final = ("docs", "tests")
"""Folders that some wheel drops beside the libraries, under names that belong to everybody."""


def own_requirements(package: str) -> list[Requirement]:
    """What the program of a package itself asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [row for extra in PARTS[package].extras for row in project["optional-dependencies"][extra]]
    return [Requirement(row) for row in (*project["dependencies"], *extras)]


def digits_of(package: str) -> str:
    """SHA-256 of the lock and of what the program asks for: another digit, and an update must bring libraries."""
    rows = sorted(str(row) for row in own_requirements(package))
    return hashlib.sha256(LOCK.read_bytes() + "\n".join(rows).encode()).hexdigest()


def further(rows: list[str], extras: set[str], machine: Mapping[str, str]) -> Iterator[Requirement]:
    """Those rows of a library's metadata that hold on a machine; ``machine`` as PEP 508 names its marks."""
    for row in rows:
        requirement = Requirement(row)
        marks = [{**machine, "extra": extra} for extra in ("", *extras)]
        if requirement.marker is None or any(requirement.marker.evaluate(mark) for mark in marks):
            yield requirement


def installed_libraries(package: str, target: Path) -> None:
    """Those of this environment. Raises PackageNotFoundError."""
    for name in closure(package):
        copy_distribution(name, target)


def closure(package: str) -> list[str]:
    """What the program needs, what that needs, and so on; each once. Raises PackageNotFoundError."""
    seen: list[str] = []
    waiting = own_requirements(package)
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name not in seen:
            seen.append(name)
            waiting += further(distribution(name).requires or [], requirement.extras, {})
    return seen


def copy_distribution(name: str, target: Path) -> None:
    """Its files of site-packages; its own commands, compiled files and tests are left out."""
    found = distribution(name)
    for file in found.files or ():
        if ".." not in file.parts and not is_left_out(file):
            place = target / file
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(str(found.locate_file(file)), place)


def is_left_out(file: PurePosixPath) -> bool:
    """Whether nobody needs it at a station."""
    return "__pycache__" in file.parts or file.parts[0] in STRAY or "tests" in file.parts[:-1]


def wheel_requires(wheel: Path) -> list[str]:
    """``Requires-Dist`` of a wheel."""
    with ZipFile(wheel) as archive:
        (name,) = (row for row in archive.namelist() if row.endswith(".dist-info/METADATA") and row.count("/") == 1)
        text = archive.read(name).decode()
    return HeaderParser().parsestr(text).get_all("Requires-Dist") or []


def wheel_name(wheel: Path) -> str:
    """The library's name, as a lock has it."""
    return parse_wheel_filename(wheel.name)[0]


def unpack_wheels(wheels: list[Path], target: Path) -> None:
    """What an installer would lay into ``site-packages``, without commands."""
    for wheel in wheels:
        with ZipFile(wheel) as archive:
            for entry in archive.infolist():
                file = None if entry.is_dir() else _place(PurePosixPath(entry.filename))
                if file is None or is_left_out(file):
                    continue
                path = target / file
                path.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(entry) as source, path.open("wb") as copy:
                    shutil.copyfileobj(source, copy)


def _place(file: PurePosixPath) -> PurePosixPath | None:
    """Where it goes; None for commands and headers. ``NAME.data/purelib`` lies beside the rest (PEP 427)."""
    if file.is_absolute() or ".." in file.parts:
        raise ValueError(f"{file} leads out of the wheel")
    if not file.parts[0].endswith(".data"):
        return file
    return PurePosixPath(*file.parts[2:]) if file.parts[1] in ("purelib", "platlib") else None
