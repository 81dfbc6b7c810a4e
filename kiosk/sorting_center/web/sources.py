"""What the pages look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from flask import current_app

from kiosk.sorting_center.desk.desk import Desk
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.listings.addresses import PublicAddresses
from kiosk.sorting_center.listings.listings import Listings
from kiosk.sorting_center.listings.ports import NoPictures, Pictures
from kiosk.sorting_center.metrics import LedgerCollector
from kiosk.sorting_center.photos.folder import PictureFolder
from kiosk.sorting_center.photos.photos import Photos
from kiosk.sorting_center.photos.received import ReceivedPictures
from kiosk.sorting_center.ports import HealthSource
from kiosk.sorting_center.reports.reports import Reports
from kiosk.sorting_center.web.pictures.pictures import Pictures as DrawnPictures


@dataclass(frozen=True, slots=True)
class Stores:
    """What came in, what people did, what is made of the first for the pages, and the stations' photos."""

    ledger: Ledger
    desk: Desk
    reports: Reports
    photos: Pictures = field(default_factory=NoPictures)


@contextmanager
def opened_stores(ledger_url: str, zone: ZoneInfo, photos: Path | None = None) -> Iterator[Stores]:
    """Of a ledger that exists; ``photos`` is the folder of the stations' pictures. Raises LedgerError and DeskError."""
    with (
        Ledger.open_readonly(ledger_url) as ledger,
        Desk.open(ledger_url) as desk,
        Reports.open(ledger_url, zone) as reports,
    ):
        if photos is None:
            yield Stores(ledger, desk, reports)
            return
        with Photos.open(ledger_url) as received:
            yield Stores(ledger, desk, reports, ReceivedPictures(received, PictureFolder(photos)))


@dataclass(frozen=True, slots=True)
class Sources:
    """``now`` is the local time, with its zone; the center's days are those of this zone. ``catalogue`` is where buyers
    find what is published, None where nobody has said so.
    """

    stores: Stores
    health: HealthSource
    figures: LedgerCollector
    pictures: DrawnPictures
    now: Callable[[], datetime]
    catalogue: PublicAddresses | None = None

    @property
    def ledger(self) -> Ledger:
        """What came in."""
        return self.stores.ledger

    @property
    def desk(self) -> Desk:
        """What people did."""
        return self.stores.desk

    @property
    def listings(self) -> Listings:
        """What is offered for sale."""
        return Listings(self.stores.desk.database, self.stores.photos)

    @property
    def reports(self) -> Reports:
        """What is made of the ledger for the pages; a moment behind it."""
        return self.stores.reports


def sources() -> Sources:
    """Those of the running application."""
    found = current_app.extensions["sources"]
    if not isinstance(found, Sources):
        raise TypeError("the pages were not made by create_app")
    return found
