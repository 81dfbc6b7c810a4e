"""The station's SQLite database."""

from kiosk.store.errors import DatabaseDamaged, DatabaseLocked, DatabaseNewer, DiskFull, StoreError, StoreRefusal
from kiosk.store.records import (
    Arrival,
    ClerkRow,
    ConfirmedRow,
    ExpectedParcel,
    Identity,
    IssuedCode,
    NewPaper,
    NewPrintJob,
    OutboxCounts,
    OutboxRow,
    ParcelRow,
    PhotoRow,
    PrintJob,
    Stamp,
)
from kiosk.store.store import Store

__all__ = [
    "Arrival",
    "ClerkRow",
    "ConfirmedRow",
    "DatabaseDamaged",
    "DatabaseLocked",
    "DatabaseNewer",
    "DiskFull",
    "ExpectedParcel",
    "Identity",
    "IssuedCode",
    "NewPaper",
    "NewPrintJob",
    "OutboxCounts",
    "OutboxRow",
    "ParcelRow",
    "PhotoRow",
    "PrintJob",
    "Stamp",
    "Store",
    "StoreError",
    "StoreRefusal",
]
