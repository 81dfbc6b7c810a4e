"""The station's SQLite database."""

from kiosk.messaging.contract.seal import DatabaseIdentity, OutboxCounts
from kiosk.store.shared.errors import DatabaseDamaged, DatabaseLocked, DatabaseNewer, DiskFull, StoreError, StoreRefusal
from kiosk.store.shared.records import (
    Arrival,
    ClerkRow,
    ConfirmedRow,
    ExpectedParcel,
    NewPaper,
    ParcelRow,
    PhotoRow,
    PrintJob,
    Stamp,
)
from kiosk.store.store import Store
