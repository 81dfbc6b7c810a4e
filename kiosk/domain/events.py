"""What the station tells the sorting center: past tense, integers, codes and references.

The fields listed here are the allow-list: no name, phone, ID number, face or free text of a villager has a place
in any of them. Adding a field keeps the version; a new meaning is a new type.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kiosk.domain.counter_events import (
    COUNTER_EVENTS,
    AuthLocked,
    BackupMade,
    ClerkAdded,
    ClerkChanged,
    CounterEvent,
    DayClosed,
    PrintReprinted,
    PrintResolved,
    PrintUnknown,
)
from kiosk.domain.intake import AbandonReason, ConfirmedIntake
from kiosk.domain.metrology.frames import frames_sha256
from kiosk.domain.parcel_events import (
    PARCEL_EVENTS,
    ParcelArrived,
    ParcelCollected,
    ParcelDamaged,
    ParcelEvent,
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
    ParcelWithdrawn,
)
from kiosk.domain.scale_events import (
    SCALE_EVENTS,
    ClockChanged,
    CountersData,
    LoadLeft,
    ScaleChanged,
    ScaleChecked,
    ScaleData,
    ScaleEvent,
    TaresChanged,
)
from kiosk.domain.void import Void

__all__ = [
    "EVENT_CLASSES",
    "AuthLocked",
    "BackupMade",
    "BagData",
    "CatalogImported",
    "CertificateData",
    "ClerkAdded",
    "ClerkChanged",
    "ClockChanged",
    "CountersData",
    "DayClosed",
    "EpochStarted",
    "EventData",
    "IntakeAbandoned",
    "IntakeConfirmed",
    "IntakeVoided",
    "ListingDrafted",
    "LoadLeft",
    "ParcelArrived",
    "ParcelCollected",
    "ParcelDamaged",
    "ParcelExpected",
    "ParcelFound",
    "ParcelLost",
    "ParcelMisrouted",
    "ParcelMissing",
    "ParcelNotAccepted",
    "ParcelNoticed",
    "ParcelOverdue",
    "ParcelReturnable",
    "ParcelReturned",
    "ParcelShelved",
    "ParcelWithdrawn",
    "PhotoTaken",
    "PrintReprinted",
    "PrintResolved",
    "PrintUnknown",
    "ScaleChanged",
    "ScaleChecked",
    "ScaleData",
    "TaresChanged",
]


@dataclass(frozen=True, slots=True)
class EpochStarted:
    """The first event of every epoch: a new database, a new receipt series."""

    TYPE: ClassVar[str] = "station.epoch.started.v1"
    series: str
    why: str
    """``new``, ``restored`` (a backup was brought back), ``behind`` (the center had more than this database) or
    ``forked`` (two machines used one database, and a technician settled it)."""
    counters: CountersData | None = None
    """The event counters from here on: every epoch but a station's first raises each of them by one at least."""


@dataclass(frozen=True, slots=True)
class CertificateData:
    """Kind and reference, or none and a reason."""

    kind: str
    ref: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class BagData:
    """One line: grams and fen."""

    bag: int
    gross_g: int
    tare_g: int
    net_g: int
    amount_fen: int
    container: str
    tare_source: str
    reading: int
    load: int
    stable_ms: int
    frames_sha256: str | None = None
    """Hash of the raw frames that are kept with this bag at the station."""


@dataclass(frozen=True, slots=True)
class IntakeConfirmed:
    """Both sides agreed. For a consignment the price is a reference and the amount an estimate."""

    TYPE: ClassVar[str] = "station.intake.confirmed.v1"
    receipt: str
    lot: str
    owner: str
    party: str
    mode: str
    product: str
    catalog_version: int
    price_fen_per_kg: int
    bags: tuple[BagData, ...]
    gross_g: int
    tare_g: int
    net_g: int
    amount_fen: int
    certificate: CertificateData
    metrology: str
    """Version and digits of the legally relevant software."""
    scale: ScaleData | None = None

    @classmethod
    def of(cls, confirmed: ConfirmedIntake, metrology: str) -> IntakeConfirmed:
        """The event of a confirmed intake."""
        intake, certificate = confirmed.intake, confirmed.certificate
        return cls(
            receipt=str(intake.receipt),
            lot=confirmed.lot,
            owner=confirmed.owner,
            party=str(intake.party),
            mode=intake.mode.value,
            product=intake.product,
            catalog_version=intake.catalog_version,
            price_fen_per_kg=intake.price_fen_per_kg,
            bags=tuple(
                BagData(
                    bag=line.number,
                    gross_g=line.gross_g,
                    tare_g=line.tare_g,
                    net_g=line.net_g,
                    amount_fen=line.amount_fen,
                    container=line.container,
                    tare_source=line.tare_source.value,
                    reading=line.weighing.reading_no,
                    load=line.weighing.load_no,
                    stable_ms=line.weighing.stable_ms,
                    frames_sha256=frames_sha256(line.weighing.frames),
                )
                for line in intake.lines
            ),
            gross_g=intake.gross_g,
            tare_g=intake.tare_g,
            net_g=intake.net_g,
            amount_fen=intake.amount_fen,
            certificate=CertificateData(
                certificate.kind.value, certificate.ref, certificate.reason.value if certificate.reason else None
            ),
            metrology=metrology,
            scale=ScaleData.of(confirmed.scale) if confirmed.scale else None,
        )


@dataclass(frozen=True, slots=True)
class IntakeAbandoned:
    """A receipt number was taken and no intake came of it."""

    TYPE: ClassVar[str] = "station.intake.abandoned.v1"
    receipt: str
    stage: str
    """``opened`` or ``weighed``."""
    why: AbandonReason


@dataclass(frozen=True, slots=True)
class IntakeVoided:
    """A confirmed intake does not count; two people said so."""

    TYPE: ClassVar[str] = "station.intake.voided.v1"
    receipt: str
    lot: str
    reason: str
    actors: tuple[str, str]
    replacement: str | None

    @classmethod
    def of(cls, void: Void) -> IntakeVoided:
        """The event of a void."""
        return cls(
            receipt=str(void.receipt),
            lot=void.receipt.lot,
            reason=void.reason.value,
            actors=(void.actor, void.witness),
            replacement=str(void.replacement) if void.replacement else None,
        )


@dataclass(frozen=True, slots=True)
class PhotoTaken:
    """A shot of the goods of a lot is kept at the station; the picture itself travels another way."""

    TYPE: ClassVar[str] = "station.photo.taken.v1"
    lot: str
    photo_sha256: str
    size_bytes: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class ListingDrafted:
    """A listing draft was opened for a lot."""

    TYPE: ClassVar[str] = "station.listing.drafted.v1"
    lot: str
    product: str
    photo_sha256: str


@dataclass(frozen=True, slots=True)
class CatalogImported:
    """A new version of products, prices, containers and members is in force at the station."""

    TYPE: ClassVar[str] = "station.catalog.imported.v1"
    catalog_version: int
    content_sha256: str
    products: int
    prices: int
    containers: int
    members: int


EventData = (
    EpochStarted
    | IntakeConfirmed
    | IntakeAbandoned
    | IntakeVoided
    | PhotoTaken
    | ListingDrafted
    | CatalogImported
    | CounterEvent
    | ParcelEvent
    | ScaleEvent
)

EVENT_CLASSES: tuple[type[EventData], ...] = (
    EpochStarted,
    IntakeConfirmed,
    IntakeAbandoned,
    IntakeVoided,
    PhotoTaken,
    ListingDrafted,
    CatalogImported,
    *COUNTER_EVENTS,
    *PARCEL_EVENTS,
    *SCALE_EVENTS,
)
