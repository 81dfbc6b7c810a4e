"""The journal of an update as a file of root's, and what came of the newest one beside it; the station reads both."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from kiosk.base.files import sync_folder, write_durably
from kiosk.station.update.journal import UpdateEntry, UpdateOutcome, parse_entry, parse_outcome

JOURNAL: Final = "journal.json"
OUTCOME: Final = "outcome.json"
_FOR_ALL: Final = 0o644


class JournalFile:
    def __init__(self, releases: Path) -> None:
        self._journal, self._outcome = releases / JOURNAL, releases / OUTCOME

    def read(self) -> UpdateEntry | None:
        """Raises OSError, also for one that nobody can read: then nothing may be begun and nothing swept."""
        try:
            return parse_entry(self._journal.read_bytes())
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise OSError(str(error)) from error

    def outcome(self) -> UpdateOutcome | None:
        """Of the newest update; None when there was none."""
        try:
            return parse_outcome(self._outcome.read_bytes())
        except OSError:
            return None

    def write(self, entry: UpdateEntry) -> None:
        write_durably(self._journal, msgspec.json.encode(entry), _FOR_ALL)

    def close(self, outcome: UpdateOutcome) -> None:
        write_durably(self._outcome, msgspec.json.encode(outcome), _FOR_ALL)
        self._journal.unlink(missing_ok=True)
        sync_folder(self._journal.parent)
