"""Every type that bytes become is looked at by msgspec while its module is loaded, by one thread.

Two threads that are the first to have msgspec (0.22) look at a type make the program crash: what it found is kept with
the type half made. A decoder of a module, or of ``_LOOKED_AT`` where values are converted, looks while the module is
loaded. What is written is not looked at: an encoder reads what the class itself made of its fields.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

KIOSK: Final = Path(__file__).resolve().parents[2] / "kiosk"
BY_ONE_THREAD: Final = {"config/file.py": "settings are read before any other thread is begun"}
"""Modules whose conversions cannot be the first of two threads at once."""


def looked_at_late(source: str) -> list[str]:
    """Lines on which a function has msgspec look at a type that the module does not look at when it is loaded."""
    module = ast.parse(source)
    made = [call for call in _at_load(module) if _name(call) == "msgspec.json.Decoder"]
    early = {ast.unparse(call.args[0]) for call in made if call.args}
    of_a_table = any(isinstance(part, ast.GeneratorExp | ast.ListComp | ast.DictComp) and _makes_decoders(part)
                     for part in ast.walk(module))  # fmt: skip
    late = []
    for call in _in_functions(module):
        name = _name(call)
        if name.startswith("msgspec.") and name.endswith(".Decoder"):
            late.append(call)
        elif name.startswith("msgspec.") and name.endswith(".decode"):
            late += [call] if any(word.arg == "type" for word in call.keywords) else []
        elif name == "msgspec.convert":
            kind = ast.unparse(_kind(call))
            late += [call] if kind not in early and not (of_a_table and kind.islower()) else []
    return [f"{call.lineno}: {ast.unparse(call)}" for call in late]


def _kind(call: ast.Call) -> ast.expr:
    return call.args[1] if len(call.args) > 1 else next(word.value for word in call.keywords if word.arg == "type")


def _name(call: ast.Call) -> str:
    return ast.unparse(call.func)


def _makes_decoders(part: ast.AST) -> bool:
    return any(isinstance(one, ast.Call) and _name(one) == "msgspec.json.Decoder" for one in ast.walk(part))


def _at_load(module: ast.Module) -> Iterator[ast.Call]:
    for statement in module.body:
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from (part for part in ast.walk(statement) if isinstance(part, ast.Call))


def _in_functions(module: ast.Module) -> list[ast.Call]:
    functions = (
        part for part in ast.walk(module) if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    )
    found = {part: None for function in functions for part in ast.walk(function) if isinstance(part, ast.Call)}
    return list(found)


def test_every_type_is_looked_at_when_its_module_is_loaded() -> None:
    late = {}
    for path in sorted(KIOSK.rglob("*.py")):
        name, source = path.relative_to(KIOSK).as_posix(), path.read_text(encoding="utf-8")
        if "msgspec." in source and name not in BY_ONE_THREAD and (lines := looked_at_late(source)):
            late[name] = lines
    assert not late


GOOD: Final = """
_read = msgspec.json.Decoder(Task).decode
_LOOKED_AT = (msgspec.json.Decoder(Row), msgspec.json.Decoder(tuple[Row, ...]))
def a(told): return _read(told), msgspec.json.decode(told), msgspec.convert(told, tuple[Row, ...])
def b(told): return msgspec.convert(told, Row, strict=True)
"""


def test_it_is_noticed_where_it_is_not(subtests: pytest.Subtests) -> None:
    for late in [
        "def a(told): return msgspec.json.decode(told, type=Task)",
        "def a(told): return msgspec.convert(told, Other)",
        "def a(told): return msgspec.convert(told, type=Other)",
        "def a(told, kind): return msgspec.convert(told, kind)",
        "class A:\n    def a(self): self.read = msgspec.json.Decoder(Task).decode",
        "def a(told):\n    def b(): return msgspec.json.decode(told, type=list[Task])\n    return b",
        "a = lambda told: msgspec.convert(told, Other)",
    ]:
        with subtests.test(late=late):
            assert looked_at_late(GOOD) == []
            assert len(looked_at_late(GOOD + late)) == 1


def test_a_table_of_types_is_looked_at_as_a_whole() -> None:
    convert = "def a(told, kind): return msgspec.convert(told, kind)\n"
    assert looked_at_late("_LOOKED_AT = tuple(msgspec.json.Decoder(one) for one in TYPES)\n" + convert) == []
    assert len(looked_at_late("_LOOKED_AT = tuple(TYPES)\n" + convert)) == 1
