"""Codes that the sorting center's source names, read from it: each has to have its sentences."""

from __future__ import annotations

import ast
from pathlib import Path

import kiosk.sorting_center


def codes_of(called: str, *left_out: str) -> set[str]:
    """The words that are given first where ``called`` is called, in any module but those ``left_out``."""
    return {
        word.value
        for source in Path(kiosk.sorting_center.__path__[0]).rglob("*.py")
        if source.stem not in left_out
        for call in ast.walk(ast.parse(source.read_bytes()))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == called and call.args
        for word in _results(call.args[0])
        if isinstance(word, ast.Constant) and isinstance(word.value, str)
    }


def _results(expression: ast.expr) -> list[ast.expr]:
    if isinstance(expression, ast.IfExp):
        return [expression.body, expression.orelse]
    return [expression]
