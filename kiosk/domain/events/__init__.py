"""What the station tells the sorting center: one module an object."""

from kiosk.domain.events.all import EVENT_CLASSES
from kiosk.domain.events.catalog import CatalogImported, ConfigApplied, ConfigRefused, RequestAnswered
from kiosk.domain.events.counter import (
    AuthLocked,
    BackupMade,
    ClerkAdded,
    ClerkChanged,
    DayClosed,
    PrintReprinted,
    PrintResolved,
    PrintUnknown,
)
from kiosk.domain.events.epoch import EpochStarted
from kiosk.domain.events.event import EventData
from kiosk.domain.events.intake import BagData, CertificateData, IntakeAbandoned, IntakeConfirmed, IntakeVoided
from kiosk.domain.events.parcel import (
    ParcelArrived,
    ParcelCollected,
    ParcelDamaged,
    ParcelExpected,
    ParcelFound,
    ParcelLost,
    ParcelMisrouted,
    ParcelMissing,
    ParcelNotAccepted,
    ParcelNoticed,
    ParcelOverdue,
    ParcelReturnable,
    ParcelReturned,
    ParcelShelved,
    ParcelStep,
    ParcelWithdrawn,
)
from kiosk.domain.events.photo import (
    NO_WORDS,
    ListingDrafted,
    ListingSubmitted,
    PhotoAccepted,
    PhotoRemoved,
    PhotoTaken,
    PictureData,
    WordsData,
)
from kiosk.domain.events.scale import (
    ClockChanged,
    CountersData,
    LoadLeft,
    ScaleChanged,
    ScaleChecked,
    ScaleData,
    ScaleEvent,
    TaresChanged,
)
from kiosk.domain.events.signing import CheckpointKept, CheckpointRefused, EventsCovered, KeyMade
