"""What pages and exports show: tables made of the feed of the ledger alone, and the questions they answer."""

from kiosk.sorting_center.reports.closings import Closing as Closing
from kiosk.sorting_center.reports.days import COUNTY as COUNTY
from kiosk.sorting_center.reports.days import ReportScope as ReportScope
from kiosk.sorting_center.reports.fleet import FleetRow as FleetRow
from kiosk.sorting_center.reports.receipts import ReceiptDetails as ReceiptDetails
from kiosk.sorting_center.reports.receipts import ReceiptRow as ReceiptRow
from kiosk.sorting_center.reports.reports import Reports as Reports
from kiosk.sorting_center.reports.reports import ReportsProgress as ReportsProgress
from kiosk.sorting_center.reports.search import Hit as Hit
from kiosk.sorting_center.reports.search import HitKind as HitKind
from kiosk.sorting_center.reports.shared.figures import Figures as Figures
from kiosk.sorting_center.reports.tables.opening import ReportsReplaced as ReportsReplaced
from kiosk.sorting_center.reports.tables.opening import ReportsUnusable as ReportsUnusable
