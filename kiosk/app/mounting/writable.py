"""A medium is made writable for as long as one thing is written, in the mounts of the unit that does it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

_MOUNT_S: Final = 30.0

Writable = Callable[[Path], AbstractContextManager[None]]


@contextmanager
def writable(medium: Path) -> Iterator[None]:
    """Remount a medium that is read-only, and restore it at the end.

    The unit has mounts of its own (``PrivateMounts=``): for all other processes the medium stays read-only meanwhile.
    Raises OSError.
    """
    if not os.statvfs(medium).f_flag & os.ST_RDONLY:
        yield
        return
    _remount(medium, "rw")
    try:
        yield
    finally:
        _remount(medium, "ro")


def _remount(medium: Path, how: str) -> None:
    call = ["mount", "-o", f"remount,{how},nodev,nosuid,noexec", str(medium)]
    try:
        done = subprocess.run(call, capture_output=True, text=True, timeout=_MOUNT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise OSError(f"{medium} does not answer: pull it and plug it in again") from error
    if done.returncode != 0:
        raise OSError(f"{medium} cannot be remounted ({how}): {' '.join(done.stderr.split())[:200]}")
