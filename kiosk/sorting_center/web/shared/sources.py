"""What the pages read."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from flask import current_app

from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger.overview import Overview
from kiosk.sorting_center.listings.addresses import PublicAddresses
from kiosk.sorting_center.listings.listings import CenterListings
from kiosk.sorting_center.listings.lot_receipts import LotReceipts
from kiosk.sorting_center.listings.ports import NoPictureStore, PictureStore
from kiosk.sorting_center.photos.folder import PictureFolder
from kiosk.sorting_center.photos.photos import PhotoIndex
from kiosk.sorting_center.photos.received_pictures import ReceivedPictures
from kiosk.sorting_center.reports.reports import Reports
from kiosk.sorting_center.shared.ports import HealthSource
from kiosk.sorting_center.web.shared.fleet import FleetSnapshot, fleet_snapshot
from kiosk.sorting_center.web.shared.metrics import LedgerCollector
from kiosk.sorting_center.web.shared.refreshing_cache import RefreshingCache, RenderedHtml
from kiosk.sorting_center.web.shared.settling import Accident, open_accidents
from kiosk.sorting_center.web.shared.today import TodaySnapshot, TodaySource

_POLL_INTERVAL_S: Final = 0.5


class PageSnapshots:
    """``now`` is local time, with its zone. ``process`` distinguishes two processes that both count from one."""

    def __init__(self, ledger: Ledger, desk: CenterDesk, reports: Reports, now: Callable[[], datetime]) -> None:
        self.process = secrets.token_hex(8)
        self.rendered = RenderedHtml()
        self.overview: RefreshingCache[Overview] = RefreshingCache(lambda: ledger.overview(start_of_day(now())))
        self.fleet: RefreshingCache[FleetSnapshot] = RefreshingCache(lambda: fleet_snapshot(reports, desk, now()))
        self.settling: RefreshingCache[tuple[Accident, ...]] = RefreshingCache(
            lambda: open_accidents(desk, reports, now())
        )
        today = TodaySource(ledger, reports, lambda: self.fleet.latest().value)
        self.today: RefreshingCache[TodaySnapshot] = RefreshingCache(
            lambda: today.snapshot(now()), depends_on=[self.fleet]
        )

    def refresh(self) -> float:
        """Make what is due before it is requested; return the seconds until the next time."""
        for shared in (self.fleet, self.today, self.settling):
            shared.refresh_if_due()
        return _POLL_INTERVAL_S


def start_of_day(now: datetime) -> str:
    """Return the last midnight in the zone of ``now``, as RFC 3339 in UTC."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


@dataclass(frozen=True, slots=True)
class Stores:
    ledger: Ledger
    desk: CenterDesk
    reports: Reports
    photos: PictureStore = field(default_factory=NoPictureStore)


@contextmanager
def open_stores(ledger_url: str, zone: ZoneInfo, photos: Path | None = None) -> Iterator[Stores]:
    """Open those of an existing ledger; ``photos``: folder of station pictures. Raises LedgerError and DeskError."""
    with (
        Ledger.open_readonly(ledger_url) as ledger,
        CenterDesk.open(ledger_url) as desk,
        Reports.open(ledger_url, zone) as reports,
    ):
        if photos is None:
            yield Stores(ledger, desk, reports)
            return
        with PhotoIndex(ledger_url) as received:
            yield Stores(ledger, desk, reports, ReceivedPictures(received, PictureFolder(photos)))


@dataclass(frozen=True, slots=True)
class PageSources:
    """``now`` is the local time, with its zone; the center's days are those of this zone. ``storefront``: where buyers
    find what is published; ``configuration_key``: the county's; None if not configured. ``publish_alone``: whether the
    person who changed prices may publish them.
    """

    stores: Stores
    health: HealthSource
    figures: LedgerCollector
    snapshots: PageSnapshots
    now: Callable[[], datetime]
    storefront: PublicAddresses | None = None
    publish_alone: bool = False
    configuration_key: Path | None = None

    @property
    def ledger(self) -> Ledger:
        return self.stores.ledger

    @property
    def desk(self) -> CenterDesk:
        return self.stores.desk

    @property
    def listings(self) -> CenterListings:
        receipts = LotReceipts(self.stores.reports.receipts, self.stores.desk.registry)
        return CenterListings(self.stores.desk.database, self.stores.photos, receipts)

    @property
    def reports(self) -> Reports:
        """What is made of the ledger for the pages; a moment behind it."""
        return self.stores.reports


def sources() -> PageSources:
    found = current_app.extensions["sources"]
    if not isinstance(found, PageSources):
        raise TypeError("the pages were not made by create_app")
    return found
