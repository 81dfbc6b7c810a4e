"""Every interface of the program stands in a file called ports.py, where a reader looks for it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2] / "kiosk"


def interfaces(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef) and "Protocol" in {
            ast.unparse(base).partition("[")[0] for base in node.bases
        }:
            yield f"{path.relative_to(ROOT)}: {node.name}"


def test_every_interface_stands_in_a_file_of_ports() -> None:
    paths = list(ROOT.rglob("*.py"))
    assert [name for path in paths if path.name != "ports.py" for name in interfaces(path)] == []
    assert len([name for path in paths if path.name == "ports.py" for name in interfaces(path)]) > 50
