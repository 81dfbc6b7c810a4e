"""What the station tells about parcels: own numbers, codes and hashes.

A waybill, a phone number, a pickup code and a name have no place here. The parcel's number is the station's own; eight
digits of the waybill's hash let the county match a parcel it already knows, and tell it nothing about another.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from kiosk.domain.events.event import EventData
from kiosk.domain.parcel import CollectedBy, Consent, ParcelNumber, Proof, check_slot

_CARRIER = re.compile(r"[A-Z0-9_]{1,16}")
_SHORT_HASH = re.compile(r"[0-9a-f]{8}")
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class ParcelExpected(EventData):
    """A list of parcels of the next delivery came; only how many were new on it."""

    TYPE: ClassVar[str] = "station.parcel.expected.v1"
    count: int


@dataclass(frozen=True, slots=True)
class ParcelStep(EventData):
    """A step of one parcel. ``actor`` is who did it, or ``station`` for what counting days did."""

    parcel: str
    actor: str

    def __post_init__(self) -> None:
        ParcelNumber.parse(self.parcel)
        EventData.__post_init__(self)


@dataclass(frozen=True, slots=True)
class ParcelArrived(ParcelStep):
    """A parcel was scanned in."""

    TYPE: ClassVar[str] = "station.parcel.arrived.v1"
    carrier: str
    waybill_sha256_8: str  # The first eight hexadecimal digits of the SHA-256 of the normalized waybill
    consent: Consent
    expected: bool  # It was on the list
    surplus: bool  # There was a list, and it was not on it
    damaged: bool

    def __post_init__(self) -> None:
        ParcelStep.__post_init__(self)
        if not _CARRIER.fullmatch(self.carrier):
            raise ValueError("a carrier is a code such as SF or CHINAPOST")
        if not _SHORT_HASH.fullmatch(self.waybill_sha256_8):
            raise ValueError("waybill_sha256_8 is eight hexadecimal digits")


@dataclass(frozen=True, slots=True)
class ParcelDamaged(ParcelStep):
    """A damaged parcel was accepted, with a photo of the damage."""

    TYPE: ClassVar[str] = "station.parcel.damaged.v1"
    photo_sha256: str
    seen_at: str  # `arrival`

    def __post_init__(self) -> None:
        ParcelStep.__post_init__(self)
        if not _HASH.fullmatch(self.photo_sha256):
            raise ValueError("photo_sha256 is 64 hexadecimal digits")


@dataclass(frozen=True, slots=True)
class ParcelShelved(ParcelStep):
    """A parcel has its slot."""

    TYPE: ClassVar[str] = "station.parcel.shelved.v1"
    shelf: str

    def __post_init__(self) -> None:
        ParcelStep.__post_init__(self)
        check_slot(self.shelf)


@dataclass(frozen=True, slots=True)
class ParcelNoticed(ParcelStep):
    """A pickup code was issued; ``code_no`` 2 and above replace the one before."""

    TYPE: ClassVar[str] = "station.parcel.noticed.v1"
    code_no: int


@dataclass(frozen=True, slots=True)
class ParcelCollected(ParcelStep):
    """A parcel was handed over, for good."""

    TYPE: ClassVar[str] = "station.parcel.collected.v1"
    proof: Proof
    by: CollectedBy


@dataclass(frozen=True, slots=True)
class ParcelOverdue(ParcelStep):
    """A parcel waits longer than it should."""

    TYPE: ClassVar[str] = "station.parcel.overdue.v1"


@dataclass(frozen=True, slots=True)
class ParcelReturnable(ParcelStep):
    """A parcel goes back with the next truck unless it is collected before."""

    TYPE: ClassVar[str] = "station.parcel.returnable.v1"


@dataclass(frozen=True, slots=True)
class ParcelReturned(ParcelStep):
    """A parcel went back with the driver."""

    TYPE: ClassVar[str] = "station.parcel.returned.v1"


@dataclass(frozen=True, slots=True)
class ParcelNotAccepted(ParcelStep):
    """A parcel was not accepted at arrival."""

    TYPE: ClassVar[str] = "station.parcel.refused.v1"


@dataclass(frozen=True, slots=True)
class ParcelMisrouted(ParcelStep):
    """A parcel is meant for another place and was given back."""

    TYPE: ClassVar[str] = "station.parcel.misrouted.v1"


@dataclass(frozen=True, slots=True)
class ParcelLost(ParcelStep):
    """A parcel is not in its slot."""

    TYPE: ClassVar[str] = "station.parcel.lost.v1"


@dataclass(frozen=True, slots=True)
class ParcelFound(ParcelStep):
    """A lost parcel is back."""

    TYPE: ClassVar[str] = "station.parcel.found.v1"


@dataclass(frozen=True, slots=True)
class ParcelMissing(ParcelStep):
    """A parcel of the list was not in the delivery when the delivery was closed."""

    TYPE: ClassVar[str] = "station.parcel.missing.v1"


@dataclass(frozen=True, slots=True)
class ParcelWithdrawn(ParcelStep):
    """A scan was a mistake: this number stands for nothing any more."""

    TYPE: ClassVar[str] = "station.parcel.withdrawn.v1"
