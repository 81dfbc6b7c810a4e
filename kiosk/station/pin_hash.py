"""Argon2id over PINs (RFC 9106), small enough for a Raspberry Pi 3 beside everything else."""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argon2 import PasswordHasher

logger = logging.getLogger(__name__)

TIME_COST, MEMORY_KIB, PARALLELISM = 3, 12 * 1024, 1
"""OWASP's equivalent of 19 MiB and two passes: 12 MiB and three, one lane (Password Storage Cheat Sheet)."""


def hash_pin(pin: str) -> str:
    """The encoded hash with its own salt."""
    with _memory_given_back():
        return _hasher().hash(pin)


def pin_matches(pin: str, pin_hash: str | None) -> bool:
    """Whether the PIN belongs to the hash; None (nobody has that number) takes the same time and is False."""
    from argon2.exceptions import InvalidHashError, VerificationError

    nobody = _nobody()  # made with the very first PIN, whoever's it is
    try:
        with _memory_given_back():
            matches = _hasher().verify(pin_hash or nobody, pin)
    except InvalidHashError:
        logger.error("a stored PIN cannot be read: a technician has to set it anew")  # without the hash itself
        return False
    except VerificationError:
        return False
    return matches and pin_hash is not None


@cache
def _hasher() -> PasswordHasher:
    # Loaded with the first PIN: a station that nobody unlocks does without it.
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=TIME_COST, memory_cost=MEMORY_KIB, parallelism=PARALLELISM)


@cache
def _nobody() -> str:
    """The hash of something that is no PIN: checking it takes as long as checking a person's."""
    return hash_pin("nobody has this one")


@contextmanager
def _memory_given_back() -> Iterator[None]:
    """glibc keeps a freed block of 12 MiB from the second time on: a seventh of what the station may use.

    Does nothing where the C library has no such call (malloc_trim(3)).
    """
    try:
        yield
    finally:
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
