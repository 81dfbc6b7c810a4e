"""What the station tells about photographs of a lot, and what is made of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kiosk.domain.events.event import EventData


@dataclass(frozen=True, slots=True)
class PhotoTaken(EventData):
    """A shot of the goods of a lot is kept at the station; the picture itself travels another way."""

    TYPE: ClassVar[str] = "station.photo.taken.v1"
    lot: str
    photo_sha256: str
    size_bytes: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class ListingDrafted(EventData):
    """A listing draft was opened for a lot."""

    TYPE: ClassVar[str] = "station.listing.drafted.v1"
    lot: str
    product: str
    photo_sha256: str
