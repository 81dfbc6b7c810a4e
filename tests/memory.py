"""Where a run writes: in memory, where the machine has room for that.

A disk is waited for at every commit of every database. The tests kill programs, never the machine: what a program has
written is there afterwards, in memory as well. Who says where temporary files go, by ``TMPDIR``, is obeyed.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

MEMORY: Final = Path("/dev/shm")
"""A file system of its own on every Linux."""
DISK: Final = Path("/var/tmp")
"""Kept when the machine starts again, so it is no memory."""
ROOM_BYTES: Final = 3 * 1024**3
"""A whole run writes one, and servers keep some for themselves."""
_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
"""malloc.h, mallopt(3)."""
_LARGEST_B: Final = 1024**3
_PREFIX: Final = "kiosk-tests-"
_LOCK: Final = "lock"


def keep_freed() -> None:
    """Pictures that are drawn, looked at and dropped come out of the same memory again and again.

    glibc gives what is larger than some MiB back to the system each time, and the next one is paid for page by page:
    a fifteenth of what a file about photographs costs. Of this process alone; no program that it starts inherits it.
    """
    glibc = ctypes.CDLL(None)
    for threshold in (_TRIM_THRESHOLD, _MMAP_THRESHOLD):
        glibc.mallopt(threshold, _LARGEST_B)


class RunFolder:
    """A folder in memory, and the system's folder for temporary files of this process and of all that it starts."""

    def __init__(self, memory: Path = MEMORY) -> None:
        """Removes what runs have left that were killed or red. Raises OSError."""
        for left in memory.glob(f"{_PREFIX}*"):
            _remove_if_left(left)
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=memory))
        self.path.chmod(0o755)  # servers run as somebody else
        self._lock = _locked(self.path)
        self.tests = self.path / "t"
        """For the tests' own folders. Short: the address of a socket has room for 107 letters."""
        os.environ["TMPDIR"], tempfile.tempdir = str(self.path), None

    def close(self, *, keep: bool) -> None:
        """``keep`` until the next run, for those who look for what made a test fail."""
        if not keep:
            shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)
        os.environ.pop("TMPDIR", None)
        tempfile.tempdir = None


def has_room(memory: Path = MEMORY) -> bool:
    """Whether a run may write there."""
    if "TMPDIR" in os.environ or not memory.is_dir():
        return False
    return min(shutil.disk_usage(memory).free, psutil.virtual_memory().available // 2) >= ROOM_BYTES


def other_disk(own: Path) -> Path:
    """A folder on another file system than ``own``."""
    return DISK if own.stat().st_dev == MEMORY.stat().st_dev else MEMORY


def _locked(folder: Path) -> int:
    """Held for as long as the run lives, however it ends. Raises BlockingIOError when another run holds it."""
    lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise
    return lock


def _remove_if_left(folder: Path) -> None:
    with suppress(OSError):  # another run works in it, or has just removed it, or another user's run has left it
        lock = _locked(folder)
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)
