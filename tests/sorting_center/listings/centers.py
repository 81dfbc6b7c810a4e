"""A sorting center with its listings, and a station that offers almonds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from kiosk.domain.events.photo import PictureData
from kiosk.messaging.contract.received_event import ReceivedEvent
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.listings.listings import ActionContext, CenterListings
from kiosk.sorting_center.listings.offer_follower import OfferFollower
from kiosk.sorting_center.listings.records import Listing, ListingKey, LotWeighing
from tests.sorting_center.station_journal import NOW, Station

REGION: Final = "shache"
TIME: Final = datetime(2026, 11, 27, 8, 0, tzinfo=UTC)
FIRST: Final = "ab" * 32
SECOND: Final = "cd" * 32


@dataclass
class Received:
    """The pictures that are here, by hash."""

    here: dict[str, Path] = field(default_factory=dict)

    def path(self, region: str, station: str, sha256: str) -> Path | None:
        return self.here.get(sha256) if (region, station) == (REGION, "S0147") else None


@dataclass
class Weighings:
    """What is known of the receipts of lots."""

    known: dict[str, LotWeighing] = field(default_factory=dict)

    def weighing(self, key: ListingKey) -> LotWeighing | None:
        return self.known.get(key.lot)


class Center:
    """In this process."""

    def __init__(self, ledger: Ledger, desk: CenterDesk, folder: Path) -> None:
        self.ledger, self.desk, self._folder = ledger, desk, folder
        self.station = Station()
        self.pictures = Received()
        self.receipts = Weighings()
        self.listings = CenterListings(desk.database, self.pictures, self.receipts)
        self.arrivals = OfferFollower(ledger, desk.database, lambda: TIME)

    def take(self, *events: ReceivedEvent, follow: bool = True) -> None:
        """Events of the station come in, and are followed."""
        self.ledger.accept(list(events), REGION, NOW)
        while self.ledger.number(1000):
            pass
        if follow:
            self.follow()

    def follow(self) -> None:
        while self.arrivals.step():
            pass

    def came(self, *hashes: str) -> None:
        """Pictures of the station."""
        for sha256 in hashes:
            path = self._folder / f"{sha256}.jpg"
            path.write_bytes(b"picture")
            self.pictures.here[sha256] = path

    def key(self, counter: int = 1) -> ListingKey:
        return ListingKey(REGION, "S0147", self.station.lot(counter))

    def one(self, counter: int = 1) -> Listing:
        found = self.listings.get(self.key(counter))
        assert found is not None
        return found

    def seen(self, who: str = "turdi", reason: str = "", counter: int = 1) -> ActionContext:
        """Somebody acts on it as it stands."""
        return ActionContext(who, self.one(counter).version, TIME, reason)

    def steps(self, counter: int = 1) -> list[tuple[str, str]]:
        return [(step.who, step.act) for step in self.listings.history(self.key(counter))]


@contextmanager
def running(ledger_url: str, folder: Path) -> Iterator[Center]:
    with Ledger.open(ledger_url) as ledger, CenterDesk.open(ledger_url) as desk:
        yield Center(ledger, desk, folder)


def masters(*hashes: str) -> list[PictureData]:
    return [PictureData(sha256, 7, 64, 64) for sha256 in hashes]


def almonds(center: Center, *, came: bool = True) -> Listing:
    """A lot with two photos is offered; ``came``: both are here."""
    station = center.station
    center.take(
        station.start(), station.intake(1), *station.shot(1, *masters(FIRST, SECOND)), station.offer(1, FIRST, SECOND)
    )
    if came:
        center.came(FIRST, SECOND)
    return center.one()
