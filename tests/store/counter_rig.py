"""The parcel counter of the village for the tests of the store: its slots, its codes, its papers."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from kiosk.domain.moment import ClockQuality
from kiosk.domain.parcel import CollectedBy, Consent, ParcelNumber, Proof
from kiosk.store import Arrival, NewPaper, ParcelRow, Stamp, Store
from kiosk.store.shared.records import HandoverProof, SlotAssignment
from tests.store.village import stamp

CLERK = "clerk:07"
SLOTS = ("A-1-01", "A-1-02", "A-1-03", "B-2-01")
PHOTO = "ab" * 32


def mac_of(code: str) -> bytes:
    """Stands for the keyed hash; the real key is none of the store's business."""
    return hashlib.sha256(f"test-key {code}".encode()).digest()


@dataclass
class Codes:
    """Gives codes out in order; ``given`` tells the newest of each parcel."""

    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(100_001))
    given: dict[ParcelNumber, str] = field(default_factory=dict)

    def __call__(self, number: ParcelNumber) -> bytes:
        self.given[number] = f"{next(self.numbers):06d}"
        return mac_of(self.given[number])


def papers(row: ParcelRow) -> Sequence[NewPaper]:
    """A label for the parcel and a slip for the person."""
    label = NewPaper("parcel_label", "label", f"label {row.shelf}".encode())
    return [label, slip(row)]


def slip(row: ParcelRow) -> NewPaper:
    """The slip alone, as after a re-issue."""
    return NewPaper("pickup_slip", "receipt", f"sealed slip {row.number} {row.code_no}".encode())


def arrival(waybill: str = "SF1385000000001", *, damaged: bool = False, carrier: str = "SF") -> Arrival:
    """A parcel in the clerk's hand."""
    return Arrival(waybill, carrier, Consent.CARRIER_ORDER_FLAG, damaged, CLERK)


def arrive(store: Store, codes: Codes, waybill: str = "SF1385000000001", *, damaged: bool = False) -> ParcelRow:
    """Scan it in."""
    return store.parcels.arrive(arrival(waybill, damaged=damaged), SlotAssignment(SLOTS, codes, papers), stamp())


def collect(store: Store, row: ParcelRow, code: str) -> ParcelRow:
    """Hand it over on a code."""
    return store.parcels.collect(
        row.number, HandoverProof(Proof.CODE, CollectedBy.SELF, mac_of(code), None, CLERK), stamp()
    )


def days_later(days: float, quality: ClockQuality = ClockQuality.SYNCED) -> Stamp:
    """The market day and some days on."""
    now = stamp()
    return replace(now, moment=replace(now.moment, utc=now.moment.utc + timedelta(days=days), quality=quality))


def days_ago(days: float, at: Stamp) -> str:
    """RFC 3339, for the sweeps."""
    return replace(at.moment, utc=at.moment.utc - timedelta(days=days)).timestamp
