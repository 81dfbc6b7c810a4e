"""The desk of a ledger: its people, their decisions, cases and notices."""

from __future__ import annotations

from kiosk.base.closable import Closable
from kiosk.sorting_center.desk.certificates import MachineCertificates
from kiosk.sorting_center.desk.county_book import CountyBook
from kiosk.sorting_center.desk.decisions import Decisions
from kiosk.sorting_center.desk.documents import StationDocuments
from kiosk.sorting_center.desk.notices.outbox import NoticeOutbox
from kiosk.sorting_center.desk.notices.targets import NoticeTargets
from kiosk.sorting_center.desk.people import People, StaffSessions
from kiosk.sorting_center.desk.registry import Registry, RegistryDrafts
from kiosk.sorting_center.desk.shared.audit import Audit
from kiosk.sorting_center.desk.shared.cases import Cases
from kiosk.sorting_center.desk.shared.database import DeskDatabase
from kiosk.sorting_center.desk.station_configurations import StationConfigurations
from kiosk.sorting_center.desk.station_people import StationPeople
from kiosk.sorting_center.desk.station_requests import StationRequests
from kiosk.sorting_center.desk.throttle import SignInThrottle
from kiosk.sorting_center.desk.tokens import Tokens


class CenterDesk(Closable):
    def __init__(self, database: DeskDatabase) -> None:
        self.database = database
        self.people = People(database)
        self.sessions = StaffSessions(database)
        self.throttle = SignInThrottle(database)
        self.audit = Audit(database)
        self.tokens = Tokens(database)
        self.registry = Registry(database)
        self.certificates = MachineCertificates(database)
        self.book = CountyBook(database)
        self.documents = StationDocuments(database)
        self.station_people = StationPeople(database, self.book)
        self.configurations = StationConfigurations(database)
        self.requests = StationRequests(database)
        self.drafts = RegistryDrafts(database)
        self.cases = Cases(database)
        self.decisions = Decisions(database)
        self.notice_targets = NoticeTargets(database)
        self.notices = NoticeOutbox(database)

    @classmethod
    def open(cls, ledger_url: str) -> CenterDesk:
        """Open or create the desk of a ledger; raises LedgerAddressError and DeskError."""
        return cls(DeskDatabase(ledger_url))

    def close(self) -> None:
        """Close the desk. No call may follow."""
        self.database.close()
