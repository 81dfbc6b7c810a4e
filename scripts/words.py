"""Refuse definitions whose names have a word of ``words.toml``, and docstrings of functions that begin with one of its
first words; count class names that are used for several things.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MAX_SHARED_NAMES = 8  # a class name for three or more things leaves a search with several results
PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


class Definitions(ast.NodeVisitor):
    """Qualified name and line of every definition of a module, each once."""

    def __init__(self) -> None:
        self.found: dict[str, int] = {}
        self.classes: list[str] = []
        self.first_words: list[tuple[int, str]] = []  # Of the docstrings of functions, by line; of properties none
        self._scopes: list[str] = []

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.classes.append(node.name)
        self._scope(node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        text = ast.get_docstring(node) or ""
        if text and not any(ast.unparse(one).endswith("property") for one in node.decorator_list):
            self.first_words.append((node.lineno, text.split()[0].strip("`.,:;")))
        self._scope(node)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_arg(self, node: ast.arg) -> None:
        self._add(node.arg, node.lineno)
        self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):
            self._add(node.id, node.lineno)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if isinstance(node.ctx, ast.Store):
            self._add(node.attr, node.lineno)
        self.generic_visit(node)

    def _scope(self, node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._add(node.name, node.lineno)
        self._scopes.append(node.name)
        self.generic_visit(node)
        self._scopes.pop()

    def _add(self, name: str, line: int) -> None:
        self.found.setdefault(".".join([*self._scopes, name]), line)


def definitions(root: Path) -> Iterator[tuple[str, Definitions]]:
    """Path below ``root`` and definitions of every module of ``kiosk/``; the module's own name is one of them."""
    for path in sorted((root / "kiosk").rglob("*.py")):
        names = Definitions()
        names.visit(ast.parse(path.read_text(encoding="utf-8")))
        names.found.setdefault(path.stem, 1)
        yield path.relative_to(root).as_posix(), names


def problems(root: Path) -> tuple[list[str], int]:
    """Every breach below ``root``, and the number of exceptions in use."""
    rules = tomllib.loads((root / "scripts" / "words.toml").read_text(encoding="utf-8"))
    words, exceptions = rules["words"], dict(rules["exceptions"])
    first_words = set(rules["docstrings"]["first"].split())
    found, used = [], set[str]()
    classes: Counter[str] = Counter()
    for path, names in definitions(root):
        classes.update(names.classes)
        wrong = [(line, word) for line, word in names.first_words if word in first_words]
        found += [
            f"{path}:{line}: a docstring begins with {word!r}, not with what the function does" for line, word in wrong
        ]
        for name, line in names.found.items():
            refused = [part.lower() for part in PARTS.findall(name.rpartition(".")[2]) if part.lower() in words]
            if refused and f"{path}:{name}" in exceptions:
                used.add(f"{path}:{name}")
            elif refused:
                found.append(f"{path}:{line}: {name}: instead of {refused[0]!r} write {words[refused[0]]}")
    found += [f"scripts/words.toml: {name} is no definition with such a word" for name in exceptions.keys() - used]
    shared = sorted(name for name, count in classes.items() if count > 2)
    if len(shared) > MAX_SHARED_NAMES:
        found.append(f"{len(shared)} class names for three or more things, the stop is {MAX_SHARED_NAMES}: {shared}")
    return found, len(used)


def main() -> int:
    """Print breaches; 1 when there is one."""
    found, used = problems(ROOT)
    for line in found:
        print(line, file=sys.stderr)
    print(f"words: {used} definitions keep a listed word, each with its reason")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
