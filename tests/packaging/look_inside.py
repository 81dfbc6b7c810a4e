"""What an installed program can load: ``python3 -IS look_inside.py CODE LIBRARIES MODULE CHECKOUT LEFT_OUT,…``.

Nothing but its own code and its own libraries can be found here. Imports every module of it and everything that is
imported inside its functions, asks each of its commands for its help, and writes as JSON what was done and what failed.
"""

import ast
import contextlib
import importlib
import io
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path[:0] = sys.argv[1:3]

import click  # noqa: E402 - of the program's libraries

CODE, CHECKOUT = Path(sys.argv[1]), Path(sys.argv[4])
NAME = re.compile(r"\bkiosk(?:\.\w+)+")
failed: list[str] = []


def load(name: str) -> bool:
    try:
        importlib.import_module(name)
    except Exception as error:
        failed.append(f"{name}: {error!r}")
        return False
    return True


def statements(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Of a module and of every function in it, but for those that are there for types alone."""
    for below in ast.iter_child_nodes(node):
        if isinstance(below, ast.Import | ast.ImportFrom):
            yield below
        elif not (isinstance(below, ast.If) and "TYPE_CHECKING" in ast.unparse(below.test)):
            yield from statements(below)


def follow(statement: ast.Import | ast.ImportFrom) -> None:
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            load(alias.name)
    elif statement.module is not None and load(statement.module):
        for alias in statement.names:
            if not hasattr(sys.modules[statement.module], alias.name):
                load(f"{statement.module}.{alias.name}")


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted((CODE / "kiosk").rglob("*.py")):
        yield ".".join(path.relative_to(CODE).with_suffix("").parts).removesuffix(".__init__"), path


def named(tree: ast.AST) -> set[str]:
    """Modules of the checkout in its strings: programs that are started, and what those import."""
    words = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))
    names = {name for word in words if "\n" not in word for name in NAME.findall(word)}
    return {name for name in names if (CHECKOUT / f"{name.replace('.', '/')}.py").exists()}


def commands(command: click.Command, words: list[str]) -> Iterator[list[str]]:
    yield words
    if isinstance(command, click.Group):
        context = click.Context(command)
        for word in command.list_commands(context):
            found = command.get_command(context, word)
            assert found is not None
            yield from commands(found, [*words, word])


def help_of(main: click.Command, words: list[str]) -> None:
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        main.main([*words, "--help"], prog_name="program", standalone_mode=False)
    if not said.getvalue().startswith("Usage: program"):
        failed.append(f"{' '.join(words)} --help: {said.getvalue()[:80]}")


def main() -> None:
    left_out = sys.argv[5].split(",")
    seen = []
    for name, path in modules():
        seen.append(name)
        if not name.endswith(".migrations.env"):  # a program of alembic's
            load(name)
        tree = ast.parse(path.read_bytes())
        if name not in left_out:
            for statement in statements(tree):
                follow(statement)
            for word in named(tree):
                load(word)
    program = importlib.import_module(sys.argv[3]).main
    asked = list(commands(program, []))
    for words in asked:
        help_of(program, words)
    print(json.dumps({"modules": seen, "commands": asked, "failed": sorted(set(failed))}))


main()
