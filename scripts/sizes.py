"""Size stops of the house: no file above 600 lines, no function above 80, no code in a package's ``__init__``."""

from __future__ import annotations

import ast
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

FILE_STOP, FUNCTION_STOP = 600, 80
ROOT = Path(__file__).resolve().parent.parent


def functions(tree: ast.AST) -> Iterator[tuple[str, int, int]]:
    """Name, first line and length of every function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node.lineno, (node.end_lineno or node.lineno) - node.lineno + 1


def only_reexports(tree: ast.Module) -> bool:
    """Whether an ``__init__`` holds nothing but a docstring, imports and ``__all__``."""
    for node in tree.body:
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        names = isinstance(node, ast.Assign) and all(
            isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets
        )
        if not (docstring or names or isinstance(node, ast.Import | ast.ImportFrom)):
            return False
    return True


def problems(root: Path) -> tuple[list[str], list[int], list[int]]:
    """Every breach below ``root``, and the lengths of all files and functions."""
    found: list[str] = []
    files: list[int] = []
    lengths: list[int] = []
    for path in sorted((root / "kiosk").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        tree = ast.parse(text)
        count = len(text.splitlines())
        if path.name == "__init__.py":
            if not only_reexports(tree):
                found.append(f"{path.relative_to(root)}: code in a package's __init__")
            continue
        files.append(count)
        if count > FILE_STOP:
            found.append(f"{path.relative_to(root)}: {count} lines, the stop is {FILE_STOP}")
        for name, line, length in functions(tree):
            lengths.append(length)
            if length > FUNCTION_STOP:
                found.append(f"{path.relative_to(root)}:{line}: {name} has {length} lines, the stop is {FUNCTION_STOP}")
    return found, files, lengths


def main() -> int:
    """Print breaches and the medians; 1 when a stop is passed."""
    found, files, lengths = problems(ROOT)
    for line in found:
        print(line, file=sys.stderr)
    long = sum(1 for length in lengths if length > 40)
    share = 100 * long / len(lengths)
    print(
        f"sizes: {len(files)} files, median {statistics.median(files):.0f} lines; "
        f"{len(lengths)} functions, median {statistics.median(lengths):.0f}, {share:.1f} % above 40"
    )
    return 1 if found or share > 5 else 0


if __name__ == "__main__":
    sys.exit(main())
