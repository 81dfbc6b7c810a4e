"""A settings file that comes by another way while the first start waits: copied by a technician, or brought back.

It counts when it is whole: nobody has it open for writing any more, it has not changed for a while, the station can
read it, and it would survive a power cut. Half a file may be valid, too, only with half of the devices.
"""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from kiosk.base.files import flush_to_disk, sync_folder
from kiosk.config.file import BadConfig
from kiosk.config.station import load

logger = logging.getLogger(__name__)

SETTLE_S: Final = 5.0
# For a file of another user, of which the system does not tell who writes it: a copy may stand still for a while.
FOREIGN_SETTLE_S: Final = 20.0

Fingerprint = tuple[int, ...]


class SettingsFileWatcher:
    """Looked at again and again by one thread. ``clock`` counts seconds and is not set by anybody."""

    def __init__(self, file: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._file, self._clock = file, clock
        self._fingerprint: Fingerprint | None = None
        self._since = 0.0
        self._refused: Fingerprint | None = None

    def poll(self) -> bool:
        """Whether a file is there that the station can begin with."""
        fingerprint = _fingerprint(self._file)
        now = self._clock()
        if fingerprint is None or fingerprint != self._fingerprint:
            self._fingerprint, self._since = fingerprint, now
            return False
        if now - self._since < SETTLE_S or fingerprint == self._refused:
            return False
        written = _is_open_for_writing(self._file)
        if written:
            self._since = now
        settled_s = FOREIGN_SETTLE_S if written is None else SETTLE_S
        return now - self._since >= settled_s and self._can_begin(fingerprint)

    def _can_begin(self, fingerprint: Fingerprint) -> bool:
        try:
            load(self._file)
            with self._file.open("rb") as file:
                flush_to_disk(file)
            sync_folder(self._file.parent)
        except (BadConfig, OSError) as error:
            self._refused = fingerprint
            logger.warning("a settings file has come, and the first start goes on: %s", error)
            return False
        return _fingerprint(self._file) == fingerprint


def _fingerprint(file: Path) -> Fingerprint | None:
    """Changes with every write and with every other file of the name."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _is_open_for_writing(file: Path) -> bool | None:
    """Whether somebody has it open for writing; None when that cannot be known.

    A read lease is given for no such file, and only to its owner (fcntl(2), F_SETLEASE).
    """
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        # Whoever opens it meanwhile breaks the lease: by a signal that ends nothing.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return False
