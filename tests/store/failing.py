"""A connection that fails at its n-th operation, statements and commits alike."""

from __future__ import annotations

import errno
import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self

from kiosk.store.database.connection import Connect, connect

_ALLOCATE = os.posix_fallocate


@dataclass
class Plan:
    """``left`` operations succeed, the next one fails; ``after``: it is done first, and its success is lost."""

    left: int | None = None
    after: bool = False
    struck: bool = False

    def due(self) -> bool:
        """Count one operation; true for the one that fails."""
        if self.left is None:
            return False
        self.left -= 1
        if self.left >= 0:
            return False
        self.left, self.struck = None, True
        return True


def failure() -> sqlite3.OperationalError:
    """What SQLite raises when the card does not answer."""
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR
    return error


def failing_connect(plan: Plan) -> Connect:
    """A ``connect`` whose connections follow the plan."""

    class FailingCursor(sqlite3.Cursor):
        def execute(self, *arguments: Any) -> Self:
            due = plan.due()
            if due and not plan.after:
                raise failure()
            cursor = super().execute(*arguments)
            if due:
                raise failure()
            return cursor

        def executemany(self, *arguments: Any) -> Self:
            if plan.due():
                raise failure()
            return super().executemany(*arguments)

    class FailingConnection(sqlite3.Connection):
        def cursor(self, factory: Any = FailingCursor) -> Any:
            return super().cursor(factory)

        def commit(self) -> None:
            due = plan.due()
            if due and not plan.after:
                raise failure()
            super().commit()
            if due:
                raise failure()

    return partial(connect, factory=FailingConnection)


@dataclass
class SmallDisk:
    """A disk with room for ``pages`` of the database at ``path``, and for 400 more when the reserve is gone.

    Once the database has taken of that room there is none for the reserve any more.
    """

    pages: int
    path: Path

    def connect(self, path: Path) -> sqlite3.Connection:
        """Like the store's own, but with an end."""
        disk, reserve = self, self.path.with_name(".reserve")

        class LimitedConnection(sqlite3.Connection):
            def cursor(self, factory: Any = sqlite3.Cursor) -> Any:
                cursor = super().cursor(factory)
                limit = disk.pages if reserve.exists() else disk.pages + 400
                cursor.execute(f"PRAGMA max_page_count = {limit}")
                return cursor

        return connect(path, factory=LimitedConnection)

    def allocate(self, descriptor: int, offset: int, length: int) -> None:
        """In the place of ``os.posix_fallocate``, by which the reserve is held."""
        with closing(sqlite3.connect(self.path)) as reader:
            (taken,) = reader.execute("PRAGMA page_count").fetchone()
        if taken > self.pages:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        _ALLOCATE(descriptor, offset, length)
