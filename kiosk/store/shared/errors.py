"""What can go wrong with the database, each with what to do about it; and the one door from SQLite's errors."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy.exc import DBAPIError

from kiosk.base.refused import Refused

RECORD_ALTERED: Final = "record_altered"  # The word of a refusal: rows are not what was sealed

PRIMARY_CODE = 0xFF  # SQLite's extended result codes keep the primary code in the low byte

# SQLite's message quotes a damaged schema, and Python reads that message as strict UTF-8.
SQLITE_ERRORS: Final = (sqlite3.Error, UnicodeDecodeError)


class StoreError(Exception):
    """The store could not do it, and changed nothing; the text says what to do."""


class DatabaseDamaged(StoreError):
    """The file is not, or is no longer, a whole database of this program. It was not changed, moved or deleted."""


class DatabaseNewer(StoreError):
    """The file was made by another version of the program, and no migration leads here. It was not changed."""


class DatabaseLocked(StoreError):
    """Another program kept the database for longer than the busy timeout."""


class DiskFull(StoreError):
    """There is no room to write durably. What was confirmed before is safe."""


def damaged(path: Path, what: str) -> DatabaseDamaged:
    return DatabaseDamaged(
        f"The database {path} is damaged: {what}. Nothing was changed. Stop the station, copy the whole folder "
        f"{path.parent} to another medium, then bring back a backup or move the file away to begin a new series."
    )


def disk_full(path: Path) -> DiskFull:
    return DiskFull(
        f"The disk of {path} is full: free space on it (photos first). Everything confirmed until now is safe."
    )


class StoreRefusal(StoreError, Refused):
    """A rule forbids it, and a person can act on that; ``code`` is a stable word for which the screens have a sentence.

    Of parcels: shelves_full, collected, not_waiting, code_used, damaged_needs_photo, proxy_needs_name, unknown_parcel,
    tote_changed. Of papers: reissue, not_unknown, cancelled, unknown_paper, void_label, unknown_code, bag_twice. Of
    people: unknown_clerk. Of listings: stale_page, already_void. Of rows that are not what was sealed: record_altered.
    ``values`` fill the sentence.
    """


@contextmanager
def translate_errors(path: Path) -> Iterator[None]:
    """Turn every database error inside into a StoreError that names ``path``."""
    try:
        yield
    except DBAPIError as error:
        raise translate(error.orig or error, path) from error
    except SQLITE_ERRORS as error:
        raise translate(error, path) from error


def translate(error: BaseException, path: Path) -> StoreError:
    """Return the StoreError for an error of SQLite (https://www.sqlite.org/rescode.html)."""
    if isinstance(error, UnicodeDecodeError):
        return damaged(path, "its schema cannot be read")
    code = getattr(error, "sqlite_errorcode", 0) & PRIMARY_CODE
    match code:
        case sqlite3.SQLITE_FULL:
            return disk_full(path)
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return damaged(path, str(error))
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return DatabaseLocked(f"The database {path} is in use by another program: close it and try again.")
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_PERM | sqlite3.SQLITE_CANTOPEN:
            return StoreError(f"The database {path} cannot be written ({error}): check its disk and its owner.")
        case sqlite3.SQLITE_IOERR:
            return StoreError(f"The disk of {path} reports an error ({error}): take no intake, exchange the disk.")
        case sqlite3.SQLITE_CONSTRAINT:
            return StoreError(f"The database {path} refused a row that breaks a rule: {error}.")
        case _:
            return StoreError(f"The database {path} failed: {error}.")
