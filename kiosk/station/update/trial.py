"""The trial of a new release in its own process: pages closed, relay stopped, printers untouched.

What it looks at is what a village needs of it: its pages can be drawn from this database, the scale is heard as before,
an intake can be written, and nothing of that stays.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from typing import Final

from kiosk.station.update.journal import UNDECIDED, JournalFile, UpdateEntry
from kiosk.station.update.messages import Verdict
from kiosk.station.update.refusals import UpdateRefusalReason
from kiosk.store import StoreError

logger = logging.getLogger(__name__)

# Public face, counter and what programs ask: each reads the database or the desk.
PAGES: Final = ("/health", "/", "/help", "/about", "/counter", "/parcel")
SCALE_S: Final = 40.0  # A scale that was heard before has this long; a slow indicator sends twice a minute at the worst
_POLL_INTERVAL_S: Final = 0.25
_GOOD: Final = 200
_DETAIL: Final = 300


@dataclass(frozen=True, slots=True)
class TrialTools:
    """``draw`` gives a page's status, ``hear_scale`` waits that many seconds for one frame, ``rehearse`` writes an
    intake and takes it back."""

    draw: Callable[[str], int]
    hear_scale: Callable[[float], bool]
    rehearse: Callable[[], None]
    report: Callable[[Verdict, str], object]


class ReleaseTrial:
    def __init__(self, entry: UpdateEntry, journal: JournalFile, tools: TrialTools) -> None:
        self._entry, self._journal, self._tools = entry, journal, tools

    def run(self, stop: Event) -> bool:
        """Look, tell, and wait for the helper's word; false when the process is told to end before."""
        verdict = self._verdict()
        logger.info("the trial of %s: %s %s", self._entry.version, verdict.why or "healthy", verdict.detail)
        self._tools.report(verdict, self._entry.number)
        while not self._is_decided():
            if stop.wait(_POLL_INTERVAL_S):
                return False
        return not stop.is_set()

    def _verdict(self) -> Verdict:
        for why, check in (
            (UpdateRefusalReason.PAGES, self._pages),
            (UpdateRefusalReason.INTAKE, self._intake),
            (UpdateRefusalReason.SCALE, self._scale),
        ):
            try:
                detail = check()
            except Exception as error:
                logger.exception("the trial found a fault")
                detail = f"{type(error).__name__}: {error}"
            if detail:
                return Verdict(why, detail[:_DETAIL])
        return Verdict(None)

    def _pages(self) -> str:
        status = {page: self._tools.draw(page) for page in PAGES}
        return ", ".join(f"{page} answers {code}" for page, code in status.items() if code != _GOOD)

    def _intake(self) -> str:
        try:
            self._tools.rehearse()
        except StoreError as error:
            return str(error)
        return ""

    def _scale(self) -> str:
        """One that was silent before blocks nothing: an update may be what mends it."""
        if self._tools.hear_scale(SCALE_S if self._entry.scale else 0.0):
            return ""
        if self._entry.scale:
            return f"nothing was heard in {SCALE_S:.0f} s; it was heard before"
        logger.info("the scale is not heard, and was not before")
        return ""

    def _is_decided(self) -> bool:
        try:
            entry = self._journal.read()
        except OSError as error:
            logger.warning("the journal of the update cannot be read: %s", error)
            return False
        return entry is None or entry.number != self._entry.number or entry.phase not in UNDECIDED


def pending_trial(journal: JournalFile, version: str) -> UpdateEntry | None:
    """The update that this release of that version is on trial for. Raises OSError."""
    entry = journal.read()
    return entry if entry is not None and entry.phase in UNDECIDED and entry.version == version else None
