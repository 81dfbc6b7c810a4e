"""Follows the feed of the ledger into the tables of the reports."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Final

from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger.database.rows import insert_rows, upsert_rows
from kiosk.sorting_center.reports.projection.applier import FeedApplier
from kiosk.sorting_center.reports.projection.closing_checks import ClosingChecks
from kiosk.sorting_center.reports.projection.feed_batch import LedgerReader
from kiosk.sorting_center.reports.reports import Reports
from kiosk.sorting_center.reports.tables.opening import ReportsReplaced, recreate_tables
from kiosk.sorting_center.reports.tables.schema import closing
from kiosk.sorting_center.reports.tables.stamps import SCHEMA, ReportsStamp

log = logging.getLogger(__name__)

STEP_EVENTS: Final = 1000


class ReportsFollower:
    """Of all processes with these reports one follows at a time; the others look whether they may."""

    def __init__(self, ledger: Ledger, reports: Reports) -> None:
        self._ledger = ledger
        self._tables = reports.tables
        self._zone = reports.zone
        self.is_leader = False  # Whether it is this process that follows, as of the last step

    def step(self, limit: int = STEP_EVENTS) -> int:
        """Take in the next events in one transaction; return the number of feed places, 0 when there is nothing to do.

        Tables that no longer fit the ledger are made again from the beginning. Raises a LedgerError, and then nothing
        was done.
        """
        try:
            self.is_leader = self._tables.leader_lock.is_held()
            return self._apply_next(limit) if self.is_leader else 0
        except Exception:
            self.is_leader = False
            raise

    def _apply_next(self, limit: int) -> int:
        stamp = self._load_stamp()
        with self._ledger.reading() as connection:
            reader = LedgerReader(connection)
            fits = _matches_ledger(stamp, reader)
            start = stamp if fits else ReportsStamp(*reader.identity(), stamp.zone)
            archived = reader.archived_upto()
            page = reader.batch(start.feedseq, limit, with_voids=archived != start.archived)
        if fits and page is None:
            return 0
        with self._tables.writing() as connection:
            if not stamp.claim_position(connection):
                return 0
            if not fits:
                log.warning("The reports were not made of this ledger as it is now: they are made again.")
                recreate_tables(connection, start)
            if page is None:
                return 0
            FeedApplier(connection, self._zone).apply(page)
            with self._ledger.reading() as ledger_connection:
                closes = ClosingChecks(ledger_connection, connection, self._zone)
                insert_rows(connection, closing, closes.rows(page))
                upsert_rows(connection, closing, closes.recheck_rows(page))
            replace(start, feedseq=page.upto, sha256=page.sha256, archived=archived).write(connection)
        return page.upto - start.feedseq

    def _load_stamp(self) -> ReportsStamp:
        with self._tables.reading() as connection:
            stamp = ReportsStamp.read(connection)
        if stamp is None or (stamp.schema, stamp.zone) != (SCHEMA, self._zone.key):
            raise ReportsReplaced(
                "the reports were made again by another version, or for another zone: start this again"
            )
        return stamp


def _matches_ledger(stamp: ReportsStamp, reader: LedgerReader) -> bool:
    """Return whether the feed is the one followed so far. That of a restored backup is another one, also when no new
    generation was begun.
    """
    if (stamp.ledger_id, stamp.generation) != reader.identity():
        return False
    if not stamp.sha256:
        return True
    found = reader.hash_at(stamp.feedseq)
    return found == stamp.sha256 or (not found and stamp.feedseq <= reader.archived_upto())
