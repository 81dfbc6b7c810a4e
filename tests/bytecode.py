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
    kept = f"{{}}.{sys.implementation.cache_tag}-pytest-{{}}.pyc".format
    return any(not any((path.parent / "__pycache__").glob(kept(path.stem, "*"))) for path in folder.rglob("test_*.py"))


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
