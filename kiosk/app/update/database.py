"""The station's database as the root helper sees it: with the rights of its owner."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

from kiosk.station.update.refusals import UpdateRefusalReason, UpdateRefused
from kiosk.store.backup.pre_update_copy import PreUpdateCopy, newest_event, served_since
from kiosk.store.database.check import check_file
from kiosk.store.database.inspection import inspect_database


class StationDatabase:
    """``path`` as the settings say. Every call raises OSError and StoreError."""

    def __init__(self, path: Path) -> None:
        self._path, self._copy = path, PreUpdateCopy(path)

    def size(self) -> int:
        with self._as_owner():
            self._require()
            log = self._path.with_name(f"{self._path.name}-wal")
            return self._path.stat().st_size + (log.stat().st_size if log.exists() else 0)

    def schema(self) -> int:
        """Read the schema version. Raises UpdateRefused when there is no database yet."""
        with self._as_owner():
            self._require()
            found = inspect_database(self._path)
        return found.schema if found is not None else 0

    def copy(self) -> str:
        """Copy the database; return its SHA-256."""
        with self._as_owner():
            return self._copy.make()

    def newest_event(self) -> int:
        with self._as_owner():
            return newest_event(self._path)

    def put_back(self, sha256: str, schema: int) -> str:
        with self._as_owner():
            return self._copy.put_back(sha256, schema)

    def copy_may_come_back(self, sha256: str) -> bool:
        with self._as_owner():
            return self._copy.may_come_back(sha256)

    def served_since(self, position: int, schema: int) -> bool:
        with self._as_owner():
            return served_since(self._path, position, schema)

    def check(self) -> None:
        """Check every page and row."""
        with self._as_owner():
            check_file(self._path, thorough=True)

    def forget(self) -> None:
        with self._as_owner():
            self._copy.forget()

    def _require(self) -> None:
        if not self._path.is_file():
            raise UpdateRefused(UpdateRefusalReason.NOT_SET_UP)

    def _as_owner(self) -> AbstractContextManager[None]:
        return as_owner(self._path.parent)


_ROOT: Final = 0


@contextmanager
def as_owner(folder: Path) -> Iterator[None]:
    """Act with the rights of the folder's owner alone, wherever a link in it leads. Only one thread may use this.

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
