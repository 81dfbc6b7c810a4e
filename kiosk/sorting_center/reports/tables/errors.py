"""What can be wrong with the reports. All of it is a LedgerError, so that pages say one thing for both."""

from __future__ import annotations

from kiosk.sorting_center.ledger import LedgerError


class ReportsUnusable(LedgerError):
    """A statement failed: locked, disk full, damaged, connection lost. Nothing of it was done."""


class ReportsReplaced(LedgerError):
    """Other software, or one with another zone, has made the tables its own since they were opened here."""
