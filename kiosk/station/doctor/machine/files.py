"""The kernel's small files: one bounded piece of each, and never of anything that is no plain file."""

from __future__ import annotations

import errno
import os
import re
import stat
from itertools import islice
from pathlib import Path
from typing import Final

MAX_BYTES: Final = 4096  # sysfs gives a page at most
MAX_ENTRIES: Final = 64  # No board has so many clocks, sensors or file systems
_COUNT: Final = re.compile(r"[0-9]{1,18}")
_NUMBER: Final = re.compile(r"-?[0-9]{1,18}")


def read(path: Path) -> str:
    """The text without its end of line or NUL; "" when there is no such file.

    Raises OSError with the path when it is there and cannot be read, or is no plain file: a pipe would keep us waiting.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return os.read(handle, MAX_BYTES).decode("ascii", "replace").strip("\0\t\n\r ")
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        os.close(handle)


def entries(folder: Path) -> list[Path]:
    """What is in a folder, by name; nothing when there is none. Raises OSError."""
    try:
        with os.scandir(folder) as found:
            return sorted(Path(entry.path) for entry in islice(found, MAX_ENTRIES))
    except (FileNotFoundError, NotADirectoryError):
        return []


def count(text: str) -> int | None:
    """A whole number from 0 on in decimal, None for anything else."""
    return int(text) if _COUNT.fullmatch(text) else None


def number(text: str) -> int | None:
    """A whole number in decimal, None for anything else."""
    return int(text) if _NUMBER.fullmatch(text) else None
