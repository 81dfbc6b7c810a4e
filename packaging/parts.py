"""What of the code and of the libraries each package holds: what its command reaches, and nothing else.

The table says where a program begins; the rest follows from the imports. A module that is imported inside a function
counts, and one whose name stands in a string: commands by their names, programs of processes of their own. What is
imported for types alone does not count.
"""

from __future__ import annotations

import ast
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import grimp

from release import ROOT

STATION, CENTER = "station-kiosk", "sorting-center"


@dataclass(frozen=True, slots=True)
class Part:
    """A command, the module whose ``main`` it is, and the extras of pyproject.toml that it is installed with."""

    command: str
    begins: str
    extras: tuple[str, ...]


PARTS: Final = {
    STATION: Part("kiosk", "kiosk.cli.kiosk", ("station", "panel")),
    CENTER: Part("sorting-center", "kiosk.cli.sorting_center", ("center",)),
}
"""``panel`` is pure Python; the ways to the pins (lgpio) and to a scanner's event device (evdev) come from Debian:
docs/box.md.
"""

BOTH: Final = frozenset({"kiosk.cli.demo"})
"""Commands that need both programs: a package has the command, which says so, without what it needs."""

READ_AS_FILES: Final = {
    "kiosk.store.shared.software": "kiosk.domain.metrology",
    "kiosk.store.database.migrate": "kiosk.store.migrations",
    "kiosk.sorting_center.ledger.database.opening": "kiosk.sorting_center.ledger.migrations",
    "kiosk.sorting_center.desk.shared.database": "kiosk.sorting_center.desk.migrations",
    "kiosk.sorting_center.web.app": "kiosk.sorting_center.web.staff",
    "kiosk.protocols.scales.registry": "kiosk.protocols.scales.formats",
}
"""Modules that load a whole folder of others by its path: the legally relevant part, the steps of a database, the
pages of the county's staff, the scale formats.
"""


@cache
def graph() -> grimp.ImportGraph:
    """Who imports whom."""
    return grimp.build_graph(
        "kiosk", include_external_packages=True, exclude_type_checking_imports=True, cache_dir=None
    )


@cache
def reached(package: str) -> frozenset[str]:
    """Names of the project's modules and packages that the command loads, now or later."""
    found: set[str] = set()
    waiting = {PARTS[package].begins}
    while waiting:
        module = waiting.pop()
        found.add(module)
        if module not in BOTH:
            folder = READ_AS_FILES.get(module)
            read = {name for name in graph().modules if folder and f"{name}.".startswith(f"{folder}.")}
            waiting |= (_imported(module, ours=True) | _named(module) | read) - found
    return frozenset(found)


def libraries_of(package: str) -> frozenset[str]:
    """First words of the names that its modules import from elsewhere."""
    return frozenset(name for module in reached(package) - BOTH for name in _imported(module, ours=False))


def _imported(module: str, *, ours: bool) -> set[str]:
    names = graph().find_modules_directly_imported_by(module)
    return {name for name in names if (name.partition(".")[0] == "kiosk") == ours}


def _named(module: str) -> set[str]:
    """Modules whose names stand in strings of it, also with a name in them: ``kiosk.cli.run:relay``."""
    place = _folder(module)
    source = ROOT / (place / "__init__.py" if _is_room(place) else place.with_suffix(".py"))
    words = (node.value for node in ast.walk(ast.parse(source.read_bytes())) if isinstance(node, ast.Constant))
    names = {word.partition(":")[0] for word in words if isinstance(word, str) and word.startswith("kiosk.")}
    return names & graph().modules


def _folder(module: str) -> Path:
    return Path(*module.split("."))


def _is_room(folder: Path) -> bool:
    """A folder alone may be left over from another commit."""
    return (ROOT / folder / "__init__.py").is_file()


def lay_modules(package: str, code: Path) -> None:
    """Copy the package's part of ``kiosk``: modules, and files that are none.

    Such a file belongs to the nearest folder with modules. It comes with any module of that folder, and with the folder
    where it is itself imported or named. A folder that only leads to a module is laid down with an empty
    ``__init__.py``: what that file imports is for those who import the folder itself.
    """
    modules = {_folder(name) for name in reached(package)}
    rooms = {path if _is_room(path) else path.parent for path in modules}
    for path in sorted((ROOT / "kiosk").rglob("*")):
        file = path.relative_to(ROOT)
        if path.is_dir() or path.suffix == ".pyc":
            continue
        if path.suffix == ".py":
            wanted = (file.parent if file.name == "__init__.py" else file.with_suffix("")) in modules
        else:
            wanted = next(folder for folder in file.parents if _is_room(folder)) in rooms
        if wanted:
            (code / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, code / file)
    for folder in {parent for path in modules | rooms for parent in (path, *path.parents[:-1])}:
        if (code / folder).is_dir():
            (code / folder / "__init__.py").touch()
