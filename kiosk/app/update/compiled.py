"""Modules that an update brings, compiled: the station may not write where they lie, and would do it at each start."""

from __future__ import annotations

import compileall
from pathlib import Path
from py_compile import PycInvalidationMode


def compile_modules(folder: Path, place: Path) -> None:
    """Every module below ``folder``, as if it lay at ``place``. Nobody changes a module afterwards.

    One that cannot be compiled, or for which no room is left, is compiled at each start.
    """
    mode = PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(folder, quiet=2, stripdir=str(folder), prependdir=str(place), invalidation_mode=mode)
