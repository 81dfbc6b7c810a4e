"""Many rows of one promise in one test: every row is tried, and the test names each one that failed.

``each`` takes what ``pytest.mark.parametrize`` takes. A row costs nothing but itself, where a case of pytest is
collected by every worker, set up, torn down and reported. For tests without fixtures and without a file, a thread or
a device: their rows share one set-up and one look at what was left behind.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any

import pytest

Test = Callable[..., None]
FAILED = (Exception, pytest.fail.Exception)


def each(
    names: str | Sequence[str], rows: Iterable[Any], ids: Callable[[Any], object] | Sequence[str] | None = None
) -> Callable[[Test], Test]:
    """Call the test with every row. Rows that cannot be meant raise ValueError: none at all, or of another width."""
    words = [word.strip() for word in names.split(",")] if isinstance(names, str) else list(names)
    table = [_row(row, number, len(words), ids) for number, row in enumerate(rows)]
    if not table:
        raise ValueError(f"there is no row of {', '.join(words)}")

    def looped(test: Test) -> Test:
        @wraps(test, updated=())
        def all_rows(*around: Any, **given: Any) -> None:
            failed: list[BaseException] = []
            for name, values in table:
                try:
                    test(*around, **given, **dict(zip(words, values, strict=True)))
                except FAILED as error:
                    failed += _named(name, error)
            if failed:
                told = "; ".join(getattr(error, "row", "") for error in failed)
                raise BaseExceptionGroup(f"{len(failed)} failed: {told}", failed)

        own = inspect.signature(test)
        left = [value for name, value in own.parameters.items() if name not in words]
        if len(left) != len(own.parameters) - len(words):
            raise ValueError(f"{test.__name__} does not take {', '.join(words)}")
        all_rows.__signature__ = own.replace(parameters=left)  # type: ignore[attr-defined]
        return all_rows

    return looped


def _row(row: Any, number: int, width: int, ids: Callable[[Any], object] | Sequence[str] | None) -> tuple[str, Any]:
    """The name of a row and its values."""
    name, values = None, row
    if hasattr(row, "marks") and hasattr(row, "values") and isinstance(row, tuple):  # pytest.param
        name, values = row.id, row.values
    elif width == 1:
        values = (row,)
    if len(values) != width:
        raise ValueError(f"row {number} has {len(values)} values, not {width}")
    if name is None and callable(ids):
        made = [ids(value) for value in values]
        name = "-".join(str(value if word is None else word) for word, value in zip(made, values, strict=True))
    elif name is None and ids is not None:
        name = ids[number]
    return str(name or ", ".join(_short(value) for value in values)), tuple(values)


def _short(value: Any) -> str:
    said = value if isinstance(value, str) else repr(value)
    return said if len(said) <= 60 else f"{said[:57]}..."


def _named(name: str, error: BaseException) -> list[BaseException]:
    """The error with its row's name; of a test under two ``each`` every single one, with both names."""
    rows = isinstance(error, BaseExceptionGroup) and all(hasattr(one, "row") for one in error.exceptions)
    inner = list(error.exceptions) if rows else [error]  # type: ignore[attr-defined]
    for one in inner:
        one.row = f"{name} {one.row}" if hasattr(one, "row") else name  # type: ignore[attr-defined]
        one.add_note(f"row: {name}")
    return inner
