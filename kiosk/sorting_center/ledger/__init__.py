"""The sorting center's ledger."""

from kiosk.sorting_center.ledger.database.address import without_password as without_password
from kiosk.sorting_center.ledger.ledger import Ledger as Ledger
from kiosk.sorting_center.ledger.shared.errors import LedgerAddressError as LedgerAddressError
from kiosk.sorting_center.ledger.shared.errors import LedgerDamaged as LedgerDamaged
from kiosk.sorting_center.ledger.shared.errors import LedgerError as LedgerError
from kiosk.sorting_center.ledger.shared.errors import LedgerForeign as LedgerForeign
from kiosk.sorting_center.ledger.shared.errors import LedgerInUse as LedgerInUse
from kiosk.sorting_center.ledger.shared.errors import LedgerMissing as LedgerMissing
from kiosk.sorting_center.ledger.shared.errors import LedgerNewer as LedgerNewer
from kiosk.sorting_center.ledger.shared.errors import LedgerNotEmpty as LedgerNotEmpty
from kiosk.sorting_center.ledger.shared.errors import LedgerUnwritable as LedgerUnwritable
from kiosk.sorting_center.ledger.shared.records import CountedEvent as CountedEvent
from kiosk.sorting_center.ledger.shared.records import Delivery as Delivery
from kiosk.sorting_center.ledger.shared.records import EventKey as EventKey
from kiosk.sorting_center.ledger.shared.records import FeedEntry as FeedEntry
from kiosk.sorting_center.ledger.shared.records import RejectedMessage as RejectedMessage
from kiosk.sorting_center.ledger.shared.records import Sighting as Sighting
from kiosk.sorting_center.ledger.shared.records import StoredEvent as StoredEvent
from kiosk.sorting_center.ledger.shared.records import StreamState as StreamState
