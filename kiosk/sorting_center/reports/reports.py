"""The reports of one ledger: what pages ask. `follower.ReportsFollower` writes them, any number of processes read."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Self
from zoneinfo import ZoneInfo

from kiosk.base.closable import Closable
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.reports.closings import Closings
from kiosk.sorting_center.reports.days import DayReports
from kiosk.sorting_center.reports.fleet import FleetReport
from kiosk.sorting_center.reports.implausible import PlausibilityChecks
from kiosk.sorting_center.reports.journal import EventJournal
from kiosk.sorting_center.reports.members import Members
from kiosk.sorting_center.reports.paid_prices import PaidPrices
from kiosk.sorting_center.reports.parcels import ParcelReports
from kiosk.sorting_center.reports.receipts import Receipts
from kiosk.sorting_center.reports.search import GoodsNames, Search
from kiosk.sorting_center.reports.stations import Stations
from kiosk.sorting_center.reports.tables.opening import ReportTables
from kiosk.sorting_center.reports.tables.stamps import ReportsStamp


@dataclass(frozen=True, slots=True)
class ReportsProgress:
    """How far the reports are behind the ledger, as places in the feed; while they are made again that is much."""

    followed: int
    end: int

    @property
    def behind(self) -> int:
        return max(0, self.end - self.followed)


class Reports(Closable):
    """Safe to use from several threads. Each question sees one unchanging picture; all raise a LedgerError when a
    database cannot be read.
    """

    def __init__(self, tables: ReportTables, ledger: Ledger, zone: ZoneInfo) -> None:
        self.tables, self.zone, self._ledger = tables, zone, ledger
        self.journal = EventJournal(tables, ledger)
        self.days = DayReports(tables, zone)
        self.fleet = FleetReport(tables, ledger, self.days)
        self.stations = Stations(tables, ledger, self.journal)
        self.closings = Closings(tables)
        self.receipts = Receipts(tables, self.journal)
        self.implausible = PlausibilityChecks(tables)
        self.paid = PaidPrices(tables)
        self.members = Members(tables)
        self.names = GoodsNames(tables)
        self.parcels = ParcelReports(tables, self.journal)
        self.search = Search(tables, ledger, self.parcels, self.names)

    @classmethod
    def open(cls, ledger_url: str, zone: ZoneInfo) -> Self:
        """Open beside an existing ledger; make the tables if missing or of another version or zone. Raises a
        LedgerError.
        """
        with ExitStack() as parts:
            ledger = Ledger.open_readonly(ledger_url)
            parts.callback(ledger.close)
            tables = ReportTables.open(ledger_url, ReportsStamp(ledger.ledger_id, ledger.generation, zone.key))
            parts.pop_all()
            return cls(tables, ledger, zone)

    def progress(self) -> ReportsProgress:
        with self.tables.reading() as connection:
            stamp = ReportsStamp.read(connection)
        return ReportsProgress(stamp.feedseq if stamp is not None else 0, self._ledger.feed_end())

    def close(self) -> None:
        self.tables.close()
        self._ledger.close()
