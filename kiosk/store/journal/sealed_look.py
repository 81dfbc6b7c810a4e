"""A look from outside at whether a station's records are what was sealed; it reads, and changes nothing."""

from __future__ import annotations

import sqlite3
from itertools import islice
from pathlib import Path

from kiosk.store.database.look import reading
from kiosk.store.journal import journal
from kiosk.store.journal.sealed_rows import MOST_NAMED, Altered, altered, altered_newest

_ALL = (
    "SELECT j.position, e.number, e.epoch, j.seq, j.type, j.sha256, j.body "
    "FROM journal j JOIN epoch e ON e.number = j.epoch ORDER BY j.position"
)


def newest_altered(path: Path) -> list[Altered]:
    """Of the newest intakes those whose rows are not what was sealed. Raises StoreError."""
    with reading(path) as connection:
        return altered_newest(connection)


def all_altered(path: Path) -> tuple[list[Altered], str]:
    """Of all intakes; when there is none, the first broken link of the journal as well, or "". Raises StoreError."""
    with reading(path) as connection:
        found = list(islice(altered(connection), MOST_NAMED))
        return found, "" if found else _broken_link(connection)


def _broken_link(connection: sqlite3.Connection) -> str:
    try:
        journal.check_links(journal.JournalRow(*row) for row in connection.execute(_ALL))
    except (ValueError, KeyError, TypeError) as error:
        return str(error)
    return ""
