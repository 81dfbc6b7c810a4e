"""A copy of the database for the length of an update, and the way back to it.

No number of it was given out twice when it is put back: between the copy and the end of the trial nobody books, prints
or sends anything. So it stays in its epoch, where a backup that is brought back begins a new one.
"""

from __future__ import annotations

import logging
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from kiosk.base.files import chown_to_folder_owner, flush_to_disk, sync_folder, write_synced
from kiosk.store.backup.backup import sha256_of
from kiosk.store.backup.changes_since_copy import written_since
from kiosk.store.backup.restore import lock_exclusively
from kiosk.store.database.check import check_file
from kiosk.store.database.connection import LOG_FILES, connect_existing
from kiosk.store.shared.errors import SQLITE_ERRORS, StoreError, translate_errors

logger = logging.getLogger(__name__)

_BUSY_S: Final = 5.0


class PreUpdateCopy:
    """In ``before-update`` beside the database: one copy, or none."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._folder = database.with_name("before-update")
        self._copy = self._folder / database.name

    def make(self) -> str:
        """Copy, check, force out; returns the SHA-256. Raises StoreError, OSError: also while somebody has it open."""
        self.forget()
        with lock_exclusively(self._database):
            pass
        self._folder.mkdir(mode=0o700)
        with translate_errors(self._database):
            _copy_pages(self._database, self._copy)
        check_file(self._copy, thorough=True, with_log=False)
        chown_to_folder_owner(self._folder, self._copy)
        sync_folder(self._folder)
        sync_folder(self._folder.parent)
        return sha256_of(self._copy)

    def put_back(self, sha256: str, schema: int) -> str:
        """In the place of the database, byte for byte; again changes nothing. Raises StoreError, OSError.

        At every moment the database is one whole file: what the new release left in its log is folded in before the
        copy takes its place, so that neither ever meets the log of the other. When the card has spoiled the copy, or
        the database tells anything that the copy does not, a database that is whole and has the ``schema`` of before
        stays; the text says why it did, "" when the copy is in its place.
        """
        logs = [self._database.with_name(self._database.name + end) for end in LOG_FILES]
        with lock_exclusively(self._database):
            pass
        staged, why = self._stage(sha256)
        if staged is None:
            return self._keep_database(schema, why)
        _fold_log(self._database)
        for log in logs:
            log.unlink(missing_ok=True)
        sync_folder(self._database.parent)
        staged.replace(self._database)
        sync_folder(self._database.parent)
        return ""

    def _keep_database(self, schema: int, why: str) -> str:
        try:
            found = check_file(self._database, thorough=True)
        except StoreError as error:
            raise StoreError(f"{why} {error}") from error
        if found != schema:
            raise StoreError(f"{why} The database has schema {found}, and had {schema} before.")
        logger.warning("the database stays as it is, it is whole: %s", why)
        return why

    def may_come_back(self, sha256: str) -> bool:
        """Whether it is whole, one that cannot be read is not, and tells all that the database does."""
        try:
            return sha256_of(self._copy) == sha256 and not written_since(self._database, self._copy)
        except OSError:
            return False

    def _stage(self, sha256: str) -> tuple[Path | None, str]:
        """Ready to be put in place, or why it may not be. What may not is not written again and again."""
        try:
            self._require_whole(self._copy, sha256)
        except (OSError, StoreError) as error:
            return None, str(error)
        if more := written_since(self._database, self._copy):
            return None, f"The database tells more than the copy of before the update (events and papers: {more})."
        staged = self._folder / f"{self._database.name}.staged"
        try:
            staged.unlink(missing_ok=True)
            shutil.copyfile(self._copy, staged)
            with staged.open("rb") as file:
                flush_to_disk(file)
            self._require_whole(staged, sha256)
        except (OSError, StoreError) as error:
            return None, str(error)
        chown_to_folder_owner(staged)
        return staged, ""

    def _require_whole(self, copy: Path, sha256: str) -> None:
        if sha256_of(copy) != sha256:
            raise StoreError(f"The copy {self._copy} is not what was copied before the update: nothing was changed.")

    def forget(self) -> None:
        """Delete the copy and all that is beside it; again does nothing. Raises OSError."""
        if self._folder.exists():
            shutil.rmtree(self._folder)
            sync_folder(self._folder.parent)


def _copy_pages(database: Path, copy: Path) -> None:
    write_synced(copy, b"")
    with (
        closing(connect_existing(database, timeout_s=_BUSY_S)) as source,
        closing(sqlite3.connect(copy, isolation_level=None)) as target,
        copy.open("rb") as written,
    ):
        target.execute("PRAGMA journal_mode = OFF")
        target.execute("PRAGMA synchronous = OFF")
        source.backup(target)
        flush_to_disk(written)


def _fold_log(database: Path) -> None:
    """A database that SQLite cannot read is about to be replaced anyway."""
    with suppress(*SQLITE_ERRORS), closing(connect_existing(database, timeout_s=_BUSY_S)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
