"""Acting as somebody else: root's helper touches the station's folder with the rights of its owner, and no more."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

_ROOT: Final = 0


@contextmanager
def as_owner(folder: Path) -> Iterator[None]:
    """Whatever a link in this folder points at, only what its owner may do is done. One thread alone may use this.

    For any other user than root, and in a folder of root's own, nothing changes. Raises OSError.
    """
    found = folder.stat()
    if os.geteuid() != _ROOT or found.st_uid == _ROOT:
        yield
        return
    group = os.getegid()
    os.setegid(found.st_gid)
    try:
        os.seteuid(found.st_uid)
        try:
            yield
        finally:
            os.seteuid(_ROOT)
    finally:
        os.setegid(group)


def open_regular(path: Path) -> BinaryIO:
    """A regular file, and neither a link to one nor a pipe that nobody writes. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(f"{path} is no file")
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_small(path: Path, most: int) -> bytes | None:
    """None when it is not there, is no file, or is larger than ``most``."""
    try:
        with open_regular(path) as file:
            raw = file.read(most + 1)
    except OSError:
        return None
    return raw if len(raw) <= most else None
