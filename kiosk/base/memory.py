"""Freed memory, returned to the system: a board of 1 GB has a browser beside the station."""

from __future__ import annotations

import ctypes


def release_free_memory() -> None:
    """Return freed blocks that glibc keeps to the system, in a millisecond. Does nothing where the C library has no
    such call (malloc_trim(3)).
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
