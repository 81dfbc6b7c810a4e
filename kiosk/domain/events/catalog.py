"""What the station tells about its catalog."""

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
