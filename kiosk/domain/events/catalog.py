"""What the station tells about its catalog and about what the county gives it."""

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
