"""A file of nothing beside the database, given up when the disk is full so that open work can still be finished."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

from kiosk.base.files import chown_to_folder_owner
from kiosk.store.shared.errors import StoreError, disk_full

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Reserve:
    """``size`` bytes held in ``.reserve`` beside the database; 0 holds nothing."""

    def __init__(self, database: Path, size: int) -> None:
        self._database = database
        self._file = database.with_name(".reserve")
        self._size = size

    def hold(self) -> None:
        """Make sure the reserve is there. Raises DiskFull when there is no room for it, StoreError otherwise."""
        if self._size == 0 or self._held():
            return
        try:
            self._allocate()
        except OSError as error:
            with suppress(OSError):
                self._file.unlink()
            if error.errno in _NO_ROOM:
                raise disk_full(self._database) from error
            raise StoreError(
                f"The reserve {self._file} cannot be written ({error.strerror}): check the disk."
            ) from error

    def release(self) -> bool:
        """Give the room back to the disk; false when there was none to give."""
        if not self._held():
            return False
        self._file.unlink(missing_ok=True)
        return True

    def _held(self) -> bool:
        return self._file.exists() and self._file.stat().st_size >= self._size

    def _allocate(self) -> None:
        with self._file.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, self._size)
        chown_to_folder_owner(self._file)
