"""A copy of the database for the length of an update, and its restoration.

Restoring it repeats no number: between the copy and the end of the trial nothing is booked, printed or sent. So it
stays in its epoch, where a restored backup starts a new one.

Where a database holds what its copy does not, the copy must not replace it: the database was written after *keep*, even
where no other trace of that is left: a card that ignores flushes may have lost the journal of the update.
"""

from __future__ import annotations

import json
import logging
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from kiosk.base.files import chown_to_folder_owner, flush_to_disk, sync_folder, write_synced
from kiosk.domain.events import IntakeConfirmed, ParcelArrived, ParcelCollected
from kiosk.messaging.contract.envelope import hash_of_body
from kiosk.store.backup.backup import sha256_of
from kiosk.store.backup.restore import lock_exclusively
from kiosk.store.database.check import check_file
from kiosk.store.database.connection import ALONE, LOG_FILES, address_of, connect_existing, reading
from kiosk.store.shared.errors import PRIMARY_CODE, SQLITE_ERRORS, StoreError, translate, translate_errors

# What only an open station writes: no command, no migration and no start of a program does.
_SERVICE_EVENTS: Final = frozenset(event.TYPE.encode() for event in (IntakeConfirmed, ParcelArrived, ParcelCollected))

_EVENTS: Final = (
    "SELECT type, sha256, body FROM main.journal AS mine WHERE NOT EXISTS "
    "(SELECT 1 FROM copied.journal AS theirs WHERE theirs.position = mine.position AND theirs.sha256 = mine.sha256) "
    "ORDER BY position "
)
# Tags of crates, totes and manifests have numbers that are in no event.
_PAPERS: Final = "SELECT count(*) FROM main.print_job WHERE id NOT IN (SELECT id FROM copied.print_job)"
_SINCE: Final = "SELECT type, sha256, body FROM journal WHERE position > ? ORDER BY position"
# The newest rows are at the end; where that end is damaged, a scan from the other side may find some of them.
_SCAN_ORDERS: Final = ("DESC", "ASC")
# SQLITE_ERROR: it has no such table, so it is not a station's.
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR})
_UNREADABLE: Final = frozenset(
    {sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS}
)


def newest_event(database: Path) -> int:
    """Return the position of its newest event, 0 when it has none. Raises StoreError."""
    with translate_errors(database), closing(_connect(database)) as connection:
        (position,) = connection.execute("SELECT max(position) FROM journal").fetchone()
    return position or 0


def written_since(database: Path, copy: Path) -> int:
    """Count the sealed events and papers of the database that are not in the copy; of a damaged one, those found.

    A row whose hash is not that of its body is damage and no event. Raises StoreError when the database cannot be read
    just now: a full disk, or another program has it open.
    """
    if not database.exists():
        return 0
    found = 0
    for order in _SCAN_ORDERS:
        events, whole = _events(database, copy, order)
        found = max(found, events)
        if whole:
            break
    return found + _papers(database, copy)


def served_since(database: Path, position: int, schema: int) -> bool:
    """Return whether, after this event, anyone was served by a release that has brought the database above this schema,
    and the database is whole. Raises StoreError, as above.

    An event reissued in a new epoch happened before.
    """
    if not database.exists():
        return False
    try:
        with closing(_connect(database)) as connection:
            (found,) = connection.execute("PRAGMA user_version").fetchone()
            if found <= schema or connection.execute("PRAGMA quick_check(1)").fetchone() != (b"ok",):
                return False
            rows = connection.execute(_SINCE, (position,))
            return any(kind in _SERVICE_EVENTS and _is_first_issue(body) for kind, body in _sealed(rows))
    except SQLITE_ERRORS as error:
        _require_damage(error, database)
        return False


def _events(database: Path, copy: Path, order: str) -> tuple[int, bool]:
    """Count the events that are not in the copy; return also whether all could be read."""
    found = 0
    try:
        with closing(_connect_both(database, copy)) as connection:
            for _ in _sealed(connection.execute(_EVENTS + order)):
                found += 1
    except SQLITE_ERRORS as error:
        _require_damage(error, database)
        return found, False
    return found, True


def _papers(database: Path, copy: Path) -> int:
    try:
        with closing(_connect_both(database, copy)) as connection:
            return int(connection.execute(_PAPERS).fetchone()[0])
    except SQLITE_ERRORS as error:
        _require_damage(error, database)
        return 0


def _require_damage(error: sqlite3.Error | UnicodeDecodeError, database: Path) -> None:
    """Log damage, which ends the scan. Raises StoreError for any other error: the next scan may succeed."""
    code = getattr(error, "sqlite_errorcode", 0)
    is_damage = isinstance(error, UnicodeDecodeError) or code & PRIMARY_CODE in _DAMAGED or code in _UNREADABLE
    if not is_damage:
        raise translate(error, database) from error
    logger.warning("the database %s cannot be read to its end: %s", database, error)


def _sealed(rows: Iterable[tuple[object, object, object]]) -> Iterator[tuple[bytes, bytes]]:
    """Yield type and body of whole events. A damaged page may give anything in the place of a column."""
    for kind, sha256, body in rows:
        if isinstance(kind, bytes) and isinstance(body, bytes) and hash_of_body(body).encode() == sha256:
            yield kind, body


def _is_first_issue(body: bytes) -> bool:
    try:
        event = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(event, dict) and "reissued" not in event


def _connect_both(database: Path, copy: Path) -> sqlite3.Connection:
    connection = _connect(database)
    try:
        connection.execute("ATTACH ? AS copied", (address_of(copy, ALONE),))
    except BaseException:
        connection.close()
        raise
    return connection


def _connect(database: Path) -> sqlite3.Connection:
    """Connect with text as bytes, since a damaged page need not hold valid text."""
    connection = connect_existing(database, reading(database), _BUSY_S)
    connection.text_factory = bytes
    return connection


logger = logging.getLogger(__name__)

_BUSY_S: Final = 5.0


class PreUpdateCopy:
    """In ``before-update`` beside the database: one copy, or none."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._folder = database.with_name("before-update")
        self._copy = self._folder / database.name

    def make(self) -> str:
        """Copy, check, flush to disk; return the SHA-256. Raises StoreError, OSError: also while it is open."""
        self.forget()
        with lock_exclusively(self._database):
            pass
        self._folder.mkdir(mode=0o700)
        with translate_errors(self._database):
            write_synced(self._copy, b"")
            with (
                closing(connect_existing(self._database, timeout_s=_BUSY_S)) as source,
                closing(sqlite3.connect(self._copy, isolation_level=None)) as target,
                self._copy.open("rb") as written,
            ):
                target.execute("PRAGMA journal_mode = OFF")
                target.execute("PRAGMA synchronous = OFF")
                source.backup(target)
                flush_to_disk(written)
        check_file(self._copy, thorough=True, with_log=False)
        chown_to_folder_owner(self._folder, self._copy)
        sync_folder(self._folder)
        sync_folder(self._folder.parent)
        return sha256_of(self._copy)

    def put_back(self, sha256: str, schema: int) -> str:
        """Replace the database by the copy, byte for byte; a second call changes nothing. Raises StoreError, OSError.

        At every moment the database is one whole file: what the new release left in its log is folded in before the
        copy takes its place, so that neither is ever read with the log of the other. When the card has damaged the
        copy, or the database has anything that the copy does not, a whole database with the ``schema`` of before stays;
        the text says why it did, "" when the copy is in its place.
        """
        logs = [self._database.with_name(self._database.name + end) for end in LOG_FILES]
        with lock_exclusively(self._database):
            pass
        staged, why = self._stage(sha256)
        if staged is None:
            return self._keep_database(schema, why)
        # A database that SQLite cannot read is about to be replaced anyway
        with suppress(*SQLITE_ERRORS), closing(connect_existing(self._database, timeout_s=_BUSY_S)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
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
        """Return whether the copy is readable, whole, and has all that the database has."""
        try:
            return sha256_of(self._copy) == sha256 and not written_since(self._database, self._copy)
        except OSError:
            return False

    def _stage(self, sha256: str) -> tuple[Path | None, str]:
        """Check the copy, then stage it; None and why when it may not be put back: a refused one is never written."""
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
        """Delete the copy and all that is beside it; a second call does nothing. Raises OSError."""
        if self._folder.exists():
            shutil.rmtree(self._folder)
            sync_folder(self._folder.parent)
