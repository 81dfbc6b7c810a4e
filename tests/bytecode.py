"""Tests are compiled once on a machine, not by every process of its first run at the same time."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

TESTS: Final = Path(__file__).parent


def is_missing(folder: Path = TESTS) -> bool:
    """Whether some file of tests was never compiled, as pytest keeps what it has compiled."""
    mark = f".{sys.implementation.cache_tag}-pytest-"
    for place, _, files in os.walk(folder):
        tests = {name.removesuffix(".py") for name in files if name.startswith("test_") and name.endswith(".py")}
        if tests and tests - _compiled(Path(place) / "__pycache__", mark):
            return True
    return False


def _compiled(cache: Path, mark: str) -> set[str]:
    return {path.name.partition(mark)[0] for path in cache.iterdir() if mark in path.name} if cache.is_dir() else set()


@contextmanager
def compiled_by_one(folder: Path = TESTS) -> Iterator[None]:
    """The first that comes here compiles, while the others wait; where all is compiled, nobody waits."""
    if not is_missing(folder):
        yield
        return
    place = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(place, fcntl.LOCK_EX)
        if not is_missing(folder):
            fcntl.flock(place, fcntl.LOCK_UN)
        yield
    finally:
        os.close(place)
