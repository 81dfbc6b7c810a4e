"""What a database tells that its copy of before an update does not: then the copy must not take its place.

On trial a new release books, prints and sends nothing. So anything of that kind was written after *keep*, also where
nothing else remembers that there was one: a card that ignores flushes may have lost the journal of the update.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from kiosk.domain.events import IntakeConfirmed, ParcelArrived, ParcelCollected
from kiosk.store.database.connection import ALONE, address_of, connect_existing, reading
from kiosk.store.shared.errors import PRIMARY_CODE, SQLITE_ERRORS, translate, translate_errors

logger = logging.getLogger(__name__)

_BUSY_S: Final = 5.0
# What only an open station writes: no command, no migration and no start of a program does.
_SERVICE_EVENTS: Final = frozenset(event.TYPE.encode() for event in (IntakeConfirmed, ParcelArrived, ParcelCollected))

_EVENTS: Final = (
    "SELECT type, sha256, body FROM main.journal AS mine WHERE NOT EXISTS "
    "(SELECT 1 FROM copied.journal AS theirs WHERE theirs.position = mine.position AND theirs.sha256 = mine.sha256) "
    "ORDER BY position "
)
# Tags of crates, totes and manifests carry numbers that no event tells.
_PAPERS: Final = "SELECT count(*) FROM main.print_job WHERE id NOT IN (SELECT id FROM copied.print_job)"
_SINCE: Final = "SELECT type, sha256, body FROM journal WHERE position > ? ORDER BY position"
# What was written last lies at the end; where that end is damaged, some of it may be found from the other side.
_SCAN_ORDERS: Final = ("DESC", "ASC")
# SQLITE_ERROR: it has no such table, so it is none of a station.
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR})
_UNREADABLE: Final = frozenset(
    {sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS}
)


def newest_event(database: Path) -> int:
    """The position of its newest event, 0 when it has none. Raises StoreError."""
    with translate_errors(database), closing(_connect(database)) as connection:
        (position,) = connection.execute("SELECT max(position) FROM journal").fetchone()
    return position or 0


def written_since(database: Path, copy: Path) -> int:
    """How many sealed events and papers of the database are not in the copy; of a damaged one, those that are found.

    A row whose hash is not that of its body is damage and no event. Raises StoreError when the database cannot be
    looked at just now: a full disk, or somebody who has it open.
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
    """Whether somebody was served after this event by a release that has brought the database above this schema, and
    the database is whole. Raises StoreError, as above.

    What is told again in a new epoch happened before.
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
    """How many were found, and whether all could be looked at."""
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
    """Damage ends the look. Anything else may be gone at the next one, and takes no database for lost: StoreError."""
    code = getattr(error, "sqlite_errorcode", 0)
    is_damage = isinstance(error, UnicodeDecodeError) or code & PRIMARY_CODE in _DAMAGED or code in _UNREADABLE
    if not is_damage:
        raise translate(error, database) from error
    logger.warning("the database %s cannot be read to its end: %s", database, error)


def _sealed(rows: Iterable[tuple[object, object, object]]) -> Iterator[tuple[bytes, bytes]]:
    """Type and body of those that are whole. A damaged page may give anything in the place of a column."""
    for kind, sha256, body in rows:
        if isinstance(kind, bytes) and isinstance(body, bytes) and hashlib.sha256(body).hexdigest().encode() == sha256:
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
    """Text as bytes, since a damaged page need not hold any."""
    connection = connect_existing(database, reading(database), _BUSY_S)
    connection.text_factory = bytes
    return connection
