"""The doctor's row of the records: is every receipt in the database what was sealed when it was agreed on?"""

from __future__ import annotations

from kiosk.station.doctor.shared.finding import DoctorFinding, Severity
from kiosk.station.shared.settings import StationSettings
from kiosk.store.journal.sealed_rows import read_all_altered, read_altered_newest
from kiosk.store.shared.errors import StoreError


def records(station: StationSettings, *, thorough: bool = False) -> DoctorFinding:
    """The newest receipts; with ``thorough`` all of them and every link of the journal, for which a running station has
    no time. What cannot be read is told by the row of the database.
    """
    path = station.database
    try:
        found, problem = read_all_altered(path) if thorough else (read_altered_newest(path), "")
    except StoreError:
        return DoctorFinding("records", True, None)
    if found:
        return _bad("records_altered", receipt=found[0].receipt, n=len(found))
    if problem:
        return _bad("journal_altered", problem=problem)
    return DoctorFinding("records", True, True, needed=True)


def _bad(word: str, **values: str | int) -> DoctorFinding:
    return DoctorFinding("records", True, False, Severity.FAIL, word, needed=True, values=values)
