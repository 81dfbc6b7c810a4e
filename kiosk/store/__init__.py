"""The station's SQLite database."""

from kiosk.store.shared.errors import DatabaseDamaged, DatabaseLocked, DatabaseNewer, DiskFull, StoreError, StoreRefusal
from kiosk.store.shared.records import (
    Arrival,
    ClerkRow,
    ConfirmedRow,
    DatabaseIdentity,
    ExpectedParcel,
    NewPaper,
    OutboxCounts,
    ParcelRow,
    PhotoRow,
    PrintJob,
    Stamp,
)
from kiosk.store.store import Store
