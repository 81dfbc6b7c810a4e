"""The doctor's row of the records: is every receipt in the database what was sealed when it was agreed on?"""

from __future__ import annotations

from kiosk.station.doctor.finding import Finding, Verdict
from kiosk.station.settings import StationSettings
from kiosk.store.errors import StoreError
from kiosk.store.journal.sealed_rows import all_altered, newest_altered


def records(station: StationSettings, *, thorough: bool = False) -> Finding:
    """The newest receipts; with ``thorough`` all of them and every link of the journal, for which a running station has
    no time. What cannot be read is told by the row of the database.
    """
    path = station.database
    try:
        found, problem = all_altered(path) if thorough else (newest_altered(path), "")
    except StoreError:
        return Finding("records", True, None)
    if found:
        return _bad("records_altered", receipt=found[0].receipt, n=len(found))
    if problem:
        return _bad("journal_altered", problem=problem)
    return Finding("records", True, True, needed=True)


def _bad(word: str, **values: str | int) -> Finding:
    return Finding("records", True, False, Verdict.FAIL, word, needed=True, values=values)
