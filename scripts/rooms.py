"""Packages: no folder with too many modules, no cycle of modules, hardly two folders that import each other."""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULES_STOP = 25
PAIRS_STOP = 5  # folders that import each other: what both need belongs in a folder below them
MAY_HAVE_MORE = frozenset({"kiosk/domain", "kiosk/domain/events"})
"""One module an object: there the list is the table of contents."""


def modules(root: Path) -> dict[str, Path]:
    """Dotted name and file of every module; a package by its own name."""
    found = {}
    for path in sorted((root / "kiosk").rglob("*.py")):
        name = ".".join(path.relative_to(root).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = path
    return found


def imports(path: Path, known: Mapping[str, Path]) -> Iterator[str]:
    """Modules of the house that a file needs; a name that a package hands on counts for the package."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module in known:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in known else str(node.module)


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """One circle, or nothing: what is left when modules that need nothing are taken away again and again."""
    left = {name: set(needs) - {name} for name, needs in graph.items()}
    while free := [name for name, needs in left.items() if not needs & left.keys()]:
        for name in free:
            del left[name]
    if not left:
        return []
    path = [min(left)]
    while path[-1] not in path[:-1]:
        path.append(min(left[path[-1]] & left.keys()))
    return path[path.index(path[-1]) :]


def mutual(root: Path) -> list[tuple[str, str]]:
    """Pairs of folders of which each imports from the other."""
    known = modules(root)

    def folder(module: str) -> str:
        return module if known[module].name == "__init__.py" else module.rpartition(".")[0]

    ways = {(folder(name), folder(needed)) for name, path in known.items() for needed in imports(path, known)}
    return sorted((begin, end) for begin, end in ways if begin < end and (end, begin) in ways)


def problems(root: Path) -> list[str]:
    """Every breach below ``root``."""
    known = modules(root)
    folders: dict[str, list[str]] = defaultdict(list)
    for path in known.values():
        if path.name not in ("__init__.py", "__main__.py"):
            folders[path.parent.relative_to(root).as_posix()].append(path.stem)
    found = [
        f"kiosk/{path.name}: the top holds folders, and nothing else"
        for path in (root / "kiosk").glob("*.py")
        if path.name != "__init__.py"
    ]
    for folder, names in sorted(folders.items()):
        if len(names) > MODULES_STOP and folder not in MAY_HAVE_MORE:
            found.append(f"{folder}: {len(names)} modules, the stop is {MODULES_STOP}")
    pairs = mutual(root)
    if len(pairs) > PAIRS_STOP:
        named = ", ".join(f"{begin} and {end}" for begin, end in pairs)
        found.append(f"{len(pairs)} pairs of folders import each other, the stop is {PAIRS_STOP}: {named}")
    round_trip = circle({name: set(imports(path, known)) for name, path in known.items()})
    return [*found, *(["a circle of imports: " + " -> ".join(round_trip)] if round_trip else [])]


def main() -> int:
    """Print breaches; 1 when there is one."""
    found = problems(ROOT)
    for line in found:
        print(line, file=sys.stderr)
    folders = {path.parent for path in modules(ROOT).values()}
    print(f"rooms: {len(folders)} folders, {len(mutual(ROOT))} pairs that import each other")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
