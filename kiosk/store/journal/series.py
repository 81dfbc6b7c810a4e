"""The receipt series: which letter a database uses, also recorded outside it.

A database that was deleted and made again must not reuse a letter, or two farmers hold the same receipt number. So each
epoch of each database is a line ``station letter epoch`` in the file ``receipt-series`` beside it. The database is
written first and the file before any receipt can be taken, so a letter in the file that the database does not have
means that the database is older than the file: a backup was restored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Final

from kiosk.base.files import chown_to_folder_owner, write_durably
from kiosk.domain.identifiers import SERIES_LETTERS, BadIdentifier, next_series
from kiosk.store.shared.errors import StoreError

SERIES_FILE: Final = "receipt-series"
_LINE = re.compile(rf"(S[0-9]{{4}}) ([{SERIES_LETTERS}]) ([0-9a-f]{{16}})")


@dataclass(frozen=True, slots=True)
class Series:
    letter: str
    epoch: str


def series_line(line: str) -> tuple[str, Series] | None:
    """Parse a line of the file into station and series; None for an unreadable line."""
    match = _LINE.fullmatch(line)
    return (match[1], Series(match[2], match[3])) if match else None


class SeriesMarker:
    """The file ``receipt-series`` in the folder of the database; other stations' lines in it are kept."""

    def __init__(self, database: Path) -> None:
        self.path = database.with_name(SERIES_FILE)

    @property
    def files(self) -> tuple[Path, Path]:
        return self.path, self.path.with_suffix(".lock")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from creating, migrating or settling a database in this folder meanwhile."""
        with self.path.with_suffix(".lock").open("ab") as lock:
            chown_to_folder_owner(Path(lock.name), self.path)
            flock(lock, LOCK_EX)
            yield

    def used(self, station: str) -> list[Series]:
        """Return the series of this station, oldest first. Raises StoreError for an unreadable file."""
        return [Series(match[2], match[3]) for match in self._lines() if match[1] == station]

    def add_missing(self, station: str, known: Iterable[Series]) -> None:
        """Write the series of the database that the file does not have; durable on return."""
        used = self.used(station)
        missing = [series for series in known if series not in used]
        if missing:
            lines = [match[0] for match in self._lines()]
            lines += [f"{station} {series.letter} {series.epoch}" for series in missing]
            write_durably(self.path, "".join(f"{line}\n" for line in lines).encode())

    def _lines(self) -> list[re.Match[str]]:
        if not self.path.exists():
            return []
        matches = [_LINE.fullmatch(line) for line in self.path.read_text("utf-8", errors="replace").splitlines()]
        lines = [match for match in matches if match is not None]
        if len(lines) != len(matches):
            raise StoreError(
                f"The file {self.path} is not readable; it keeps receipt numbers from being given twice. Write one "
                "line for each series used, like 'S0147 A 0123456789abcdef' (station, letter, epoch), and start again."
            )
        return lines


def letter_after(series: Iterable[Series]) -> str:
    """Return the first letter after all of these. Raises StoreError when none is left."""
    try:
        return next_series(max((one.letter for one in series), default=None))
    except BadIdentifier as error:
        raise StoreError(f"No new receipt series: {error}.") from error
