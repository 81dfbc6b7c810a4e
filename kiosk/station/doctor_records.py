"""The doctor's row of the records: is every receipt in the database what was sealed when it was agreed on?"""

from __future__ import annotations

import sqlite3
from itertools import islice

from kiosk.station.doctor_finding import Finding, Verdict
from kiosk.station.settings import StationSettings
from kiosk.store import journal
from kiosk.store.errors import StoreError
from kiosk.store.look import reading
from kiosk.store.sealed_rows import MOST_NAMED, altered, altered_newest

_ALL = (
    "SELECT j.position, e.number, e.epoch, j.seq, j.type, j.sha256, j.body "
    "FROM journal j JOIN epoch e ON e.number = j.epoch ORDER BY j.position"
)


def records(station: StationSettings, *, thorough: bool = False) -> Finding:
    """The newest receipts; with ``thorough`` all of them and every link of the journal, for which a running station has
    no time. What cannot be read is told by the row of the database.
    """
    try:
        with reading(station.database) as connection:
            found = list(islice(altered(connection), MOST_NAMED)) if thorough else altered_newest(connection)
            problem = _broken_link(connection) if thorough and not found else ""
    except StoreError:
        return Finding("records", True, None)
    if found:
        return _bad("records_altered", receipt=found[0].receipt, n=len(found))
    if problem:
        return _bad("journal_altered", problem=problem)
    return Finding("records", True, True, needed=True)


def _bad(word: str, **values: str | int) -> Finding:
    return Finding("records", True, False, Verdict.FAIL, word, needed=True, values=values)


def _broken_link(connection: sqlite3.Connection) -> str:
    try:
        journal.check_links(journal.JournalRow(*row) for row in connection.execute(_ALL))
    except (ValueError, KeyError, TypeError) as error:
        return str(error)
    return ""
