"""What the ledger gives away: JSON lines, a table, an EPCIS document."""

from kiosk.sorting_center.export.epcis import epcis as epcis
from kiosk.sorting_center.export.rows import jsonl as jsonl
from kiosk.sorting_center.export.rows import of_member as of_member
from kiosk.sorting_center.export.rows import table as table
