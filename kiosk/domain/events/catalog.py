"""What the station tells about its catalog, and about what the county gives it and asks of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from kiosk.domain.events.event import EventData


@dataclass(frozen=True, slots=True)
class CatalogImported(EventData):
    """A new version of products, prices, containers and members is in force at the station."""

    TYPE: ClassVar[str] = "station.catalog.imported.v1"
    catalog_version: int
    content_sha256: str
    products: int
    prices: int
    containers: int
    members: int


@dataclass(frozen=True, slots=True)
class ConfigApplied(EventData):
    """The county's document ``key.number`` is in force, whole; ``catalog_version`` is the catalog made of it.

    The version of a catalog that no such event names was imported by hand.
    """

    TYPE: ClassVar[str] = "station.config.applied.v1"
    key: int
    number: int
    document_sha256: str
    catalog_version: int


@dataclass(frozen=True, slots=True)
class ConfigRefused(EventData):
    """A document was not applied; what was in force stays. ``reason`` is a `kiosk.domain.configuration.RefusalReason`.

    ``key`` and ``number`` are 0 where the document could not be read.
    """

    TYPE: ClassVar[str] = "station.config.refused.v1"
    key: int
    number: int
    document_sha256: str
    reason: str


@dataclass(frozen=True, slots=True)
class RequestAnswered(EventData):
    """The county's signed request ``key.number`` was done, refused or has failed; told again when it comes again.

    ``kind``: `report`, `bundle` or `update`, as it was asked. ``sha256`` and ``size_bytes`` are of the file that
    follows on the way of the pictures; empty and 0 without one.
    """

    TYPE: ClassVar[str] = "station.request.answered.v1"
    key: int
    number: int
    kind: str
    outcome: str  # `done`, `refused` or `failed`
    # Of a refusal: `older` (the number, or the key), `expired`, `date` (issued in the future), `unknown_kind`,
    # `disk_full`, `too_large`, `no_place`, `no_updates`, `installed` (it runs). Of a failure: `storage`. Else empty.
    reason: str
    sha256: str
    size_bytes: int
