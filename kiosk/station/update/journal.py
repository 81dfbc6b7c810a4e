"""The phase of an update. Each phase is durable before the act that it announces.

unpacking   a release is laid beside                          power cut: it is thrown away
asking      the station is asked whether it is busy           power cut: the same
copying     station and relay stop, the database is copied    power cut: the same, and the copy too
switching   the copy is durable; `current` changes            power cut: the copied database, and the trial again
trial       the new release migrates, and looks at itself     power cut: the same; for the third time: step back
back        the copied database and the former release        power cut: step back, again from its beginning
keep        the new release stays: the copy is deleted        power cut: go on; the copy is never brought back
over        what came of it is known; the station starts      power cut: go on

A card that ignores flushes may come back with an earlier phase than was written last. Nothing is decided by a phase
alone, therefore: the copy never replaces a database that holds more, and a release that has served anyone in the schema
that it introduced was kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import msgspec

from kiosk.base.files import sync_folder, write_durably
from kiosk.station.update.refusals import UpdateRefusalReason


class UpdatePhase(StrEnum):
    UNPACKING = "unpacking"
    ASKING = "asking"
    COPYING = "copying"
    SWITCHING = "switching"
    TRIAL = "trial"
    BACK = "back"
    KEEP = "keep"
    OVER = "over"


BEFORE_SWITCH: Final = frozenset({UpdatePhase.UNPACKING, UpdatePhase.ASKING, UpdatePhase.COPYING})
UNDECIDED: Final = frozenset({UpdatePhase.SWITCHING, UpdatePhase.TRIAL, UpdatePhase.BACK})


@dataclass(frozen=True, slots=True)
class UpdateEntry:
    """One update. ``number`` is random: an answer or a verdict with another number is not for it.

    ``bundle`` is the name of its file. ``interrupted`` counts the trials that a power cut or a kill has ended.
    ``former`` is the folder of the release that ran before, "" for the packaged one. ``copy`` is the SHA-256 of the
    copied database, ``schema`` its schema and ``newest_event`` the position of its newest event. ``scale``: whether the
    scale was received before. ``accepted`` are the keys to accept after it was kept, when they change. ``why`` and
    ``detail`` are the reason why it was not.
    """

    number: str
    phase: UpdatePhase
    version: str
    bundle: str = ""
    interrupted: Annotated[int, msgspec.Meta(ge=0)] = 0
    former: str = ""
    copy: str = ""
    schema: int = 0
    newest_event: Annotated[int, msgspec.Meta(ge=0, lt=1 << 62)] = 0
    scale: bool = False
    accepted: tuple[str, ...] = ()
    why: UpdateRefusalReason | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class UpdateOutcome:
    """What came of the newest update: kept, or why not. ``detail`` says also what was strange with one that was kept.
    ``failed`` is the version that was unhealthy last, until one is kept: no refusal in between makes it worth fetching.
    """

    number: str
    version: str
    why: UpdateRefusalReason | None
    detail: str = ""
    stepped_back: bool = False
    failed: str = ""

    @property
    def succeeded(self) -> bool:
        return self.why is None


_entry: Final = msgspec.json.Decoder(UpdateEntry).decode
_outcome: Final = msgspec.json.Decoder(UpdateOutcome).decode


def parse_entry(raw: bytes) -> UpdateEntry:
    try:
        return _entry(raw)
    except msgspec.DecodeError as error:
        raise ValueError(f"the journal of the update cannot be read ({error})") from error


def parse_outcome(raw: bytes) -> UpdateOutcome | None:
    """Parse an outcome; None when unreadable: it decides nothing."""
    try:
        return _outcome(raw)
    except (ValueError, RecursionError):
        return None


JOURNAL: Final = "journal.json"
OUTCOME: Final = "outcome.json"
_FOR_ALL: Final = 0o644


class JournalFile:
    def __init__(self, releases: Path) -> None:
        self._journal, self._outcome = releases / JOURNAL, releases / OUTCOME

    def read(self) -> UpdateEntry | None:
        """Read the entry; None without one. Raises OSError, also when unreadable: then begin and sweep nothing."""
        try:
            return parse_entry(self._journal.read_bytes())
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise OSError(str(error)) from error

    def outcome(self) -> UpdateOutcome | None:
        """Read the outcome of the newest update; None when there is none."""
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
