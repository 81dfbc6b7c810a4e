"""Follows the feed of the ledger into the tables of the reports."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from typing import Final

from kiosk.sorting_center.following import follow
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger.database.rows import insert_rows, upsert_rows
from kiosk.sorting_center.reports.following.applying import Applying
from kiosk.sorting_center.reports.following.closes import Closes
from kiosk.sorting_center.reports.following.page import LedgerReader
from kiosk.sorting_center.reports.reports import Reports
from kiosk.sorting_center.reports.tables.errors import ReportsTaken
from kiosk.sorting_center.reports.tables.opening import begin_again
from kiosk.sorting_center.reports.tables.schema import closing
from kiosk.sorting_center.reports.tables.stamps import SCHEMA, Stamp

log = logging.getLogger(__name__)

STEP_EVENTS: Final = 1000


class Follower:
    """Of all processes with these reports one follows at a time; the others look whether they may."""

    def __init__(self, ledger: Ledger, reports: Reports) -> None:
        """Closes neither."""
        self._ledger = ledger
        self._tables = reports.tables
        self._zone = reports.zone
        self.leads = False
        """Whether it is this process that follows, as of the last step."""

    def step(self, limit: int = STEP_EVENTS) -> int:
        """Take in the next events, in one transaction, and say how many places of the feed that was; 0 when there is
        nothing to do here.

        Tables that do not fit the ledger any more are made again from the beginning. Raises a LedgerError, and then
        nothing was done.
        """
        try:
            self.leads = self._tables.role.has()
            return self._take_in(limit) if self.leads else 0
        except Exception:
            self.leads = False
            raise

    def run(self, ending: threading.Event) -> None:
        """Follow until ``ending`` is set, whatever happens."""
        follow(self.step, "The reports", ending)

    def _take_in(self, limit: int) -> int:
        stamp = self._stamp()
        with self._ledger.reading() as connection:
            reader = LedgerReader(connection)
            fits = _fits(stamp, reader)
            start = stamp if fits else Stamp(*reader.identity(), stamp.zone)
            archived = reader.archived_upto()
            page = reader.page(start.feedseq, limit, with_voids=archived != start.archived)
        if fits and page is None:
            return 0
        with self._tables.writing() as connection:
            if not stamp.take_place(connection):
                return 0
            if not fits:
                log.warning("The reports were not made of this ledger as it is now: they are made again.")
                begin_again(connection, start)
            if page is None:
                return 0
            Applying(connection, self._zone).apply(page)
            with self._ledger.reading() as looking:
                closes = Closes(looking, connection, self._zone)
                insert_rows(connection, closing, closes.rows(page))
                upsert_rows(connection, closing, closes.late_rows(page))
            replace(start, feedseq=page.upto, sha256=page.sha256, archived=archived).write(connection)
        return page.upto - start.feedseq

    def _stamp(self) -> Stamp:
        with self._tables.reading() as connection:
            stamp = Stamp.read(connection)
        if stamp is None or (stamp.schema, stamp.zone) != (SCHEMA, self._zone.key):
            raise ReportsTaken("the reports were made again by another version, or for another zone: start this again")
        return stamp


def _fits(stamp: Stamp, reader: LedgerReader) -> bool:
    """Whether the feed is the one that was followed: of a ledger that came back from a backup it is another one, also
    where nobody has begun a new generation.
    """
    if (stamp.ledger_id, stamp.generation) != reader.identity():
        return False
    if not stamp.sha256:
        return True
    found = reader.hash_at(stamp.feedseq)
    return found == stamp.sha256 or (not found and stamp.feedseq <= reader.archived_upto())
