#!/usr/lib/station-kiosk/bin/python3 -IXfaulthandler
"""Starts the program: the release that an update has left as ``current``, or the packaged one.

Laid down as ``bin/kiosk`` and as ``bin/sorting-center`` of a package's tree; the name says which program it is. Only
the standard library, and nothing of the program: it must start when everything else is broken. Whatever cannot be read,
or does not fit, means the packaged release.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import NamedTuple

RELEASES = Path("/var/lib/kiosk-releases")
PROGRAMS = {"kiosk": "kiosk.cli.kiosk", "sorting-center": "kiosk.cli.sorting_center"}
UPDATED = "kiosk"
"""The program that updates replace."""
PROVEN = "KIOSK_PROVEN_RELEASE"
"""Set by the unit that ends an update: it must not run from a release that has not shown yet that it starts."""
UNDECIDED = ("switching", "trial", "back")


class Tree(NamedTuple):
    """Folders for the path of modules; the packaged libraries are there already, as those of this environment."""

    code: Path
    libraries: Path | None


def choose(package: Path, releases: Path, proven: bool = False) -> Tree:
    """The tree that runs."""
    packaged = Tree(package / "code", None)
    try:
        name = former(releases) if proven else None
        folder = releases / ("current" if name is None else name)
        if name == "":
            return packaged
        mine, found = (json.loads((place / "release.json").read_bytes()) for place in (package, folder))
        brought = releases / f"libraries-{found['libraries']}"
        libraries = None if found["libraries"] == mine["libraries"] else brought
        whole = (folder / "code/kiosk/__init__.py").is_file() and (libraries is None or libraries.is_dir())
        if whole and found["python"] == mine["python"] and order(found["version"]) >= order(mine["version"]):
            return Tree(folder.resolve() / "code", libraries)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return packaged


def former(releases: Path) -> str | None:
    """The release to step back to, "" for the packaged one; None while no update is undecided."""
    try:
        entry = json.loads((releases / "journal.json").read_bytes())
    except FileNotFoundError:
        return None
    return entry["former"] if entry["phase"] in UNDECIDED else None


def order(version: str) -> tuple[int, ...]:
    """``0.9.0+g2d3aa88`` as (0, 9, 0, 0)."""
    numbers = [int(part) for part in version.partition("+")[0].split(".")]
    return (*numbers, *([0] * (4 - len(numbers))))


def main() -> int:
    """Children get the same tree by PYTHONPATH."""
    me = Path(__file__).resolve()
    package, program = me.parents[1], me.name
    proven = os.environ.get(PROVEN) == "1"
    tree = choose(package, RELEASES, proven) if program == UPDATED else Tree(package / "code", None)
    path = [str(folder) for folder in tree if folder is not None]
    sys.path[:0] = path
    os.environ["PYTHONPATH"] = os.pathsep.join(path)
    module = __import__(PROGRAMS[program], fromlist=["main"])
    return int(module.main() or 0)


if __name__ == "__main__":
    sys.exit(main())
