"""A center that has published goods, and its storefront as buyers see it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from kiosk.domain.events.photo import PictureData, WordsData
from kiosk.messaging.contract.photos import PictureName
from kiosk.sorting_center.listings.addresses import PublicAddresses
from kiosk.sorting_center.listings.records import LotWeighing
from kiosk.sorting_center.photos.folder import PictureFolder
from kiosk.sorting_center.storefront.app import create_app
from kiosk.sorting_center.storefront.database import DeskReader
from kiosk.sorting_center.storefront.pages import StorefrontSources
from kiosk.sorting_center.storefront.published import PublishedListings
from kiosk.sorting_center.storefront.seller import Seller
from kiosk.sorting_center.storefront.slip_keys import SlipKeys
from kiosk.sorting_center.web.shared.guard import Hosts
from tests.sorting_center.listings.centers import REGION, Center
from tests.sorting_center.photos.lanes import Shot, shots

SHOTS: Final = shots(4)
FIRST, SECOND, THIRD, FOURTH = (shot.told.sha256 for shot in SHOTS)
ACTS: Final = ("publish", "pause", "sell_out", "withdraw")
HIDDEN: Final = ("clerk", "M-04412", "Y1P00412", "turdi", "0998-555", "29880", "298.80", "C-1<")
"""Of the grower, the people and the station: in no answer."""
SELLER: Final = Seller(
    seller_zh="莎车巴旦木合作社",
    seller_ug="يەكەن بادام كوپىراتىپى",
    seller_en="Yarkant Almond Cooperative",
    licence="91653125MA00000000",
    phone="+86 998 123 4567",
    chat="https://chat.example/almonds?from=shop",
)
WEIGHED: Final = LotWeighing("2026-11-25", 3, 61_200, "栗子村 Kashtan", "米夏 Mixia", "valid")


class Shop:
    """Almonds of one station, offered lot by lot."""

    def __init__(self, center: Center, folder: Path, reader: DeskReader) -> None:
        self.center = center
        self.folder = PictureFolder(folder)
        self.listings = PublishedListings(reader)
        self.slips = SlipKeys(reader)
        center.take(center.station.start())

    def offer(self, counter: int = 1, numbers: Sequence[int] = (0, 1), **changes: object) -> None:
        """The lot with this number, with these of SHOTS."""
        station, pictures = self.center.station, [SHOTS[number].told for number in numbers]
        events = [station.intake(counter), *station.shot(counter, *pictures)]
        self.center.take(*events, station.offer(counter, *(one.sha256 for one in pictures), **changes))
        for number in numbers:
            self.came(SHOTS[number])

    def came(self, shot: Shot) -> None:
        path = self.file(shot.told.sha256)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(shot.content)
        self.center.pictures.here[shot.told.sha256] = path

    def file(self, sha256: str) -> Path:
        return self.folder.path(PictureName(REGION, self.center.station.station, sha256))

    def do(self, act: str, counter: int = 1) -> None:
        """As an operator does."""
        way = getattr(self.center.listings, act)
        way(self.center.key(counter), self.center.seen(reason="the buyer complained", counter=counter))

    def weigh(self, counter: int = 1, weighing: LotWeighing = WEIGHED) -> None:
        """The county has counted the receipt of this lot."""
        self.center.receipts.known[self.center.station.lot(counter)] = weighing

    def sell(self, counter: int = 1, numbers: Sequence[int] = (0, 1), **changes: object) -> None:
        """Offered and published."""
        self.offer(counter, numbers, **changes)
        self.do("publish", counter)

    def path(self, language: str = "en", counter: int = 1) -> str:
        return f"/{language}/{self.center.key(counter)}"

    def buyer(self, public: str | None = None, hosts: Hosts | None = None, **sources: Any) -> Buyer:
        """Somebody new."""
        addresses = PublicAddresses(public) if public is not None else None
        given = {
            "listings": self.listings,
            "slips": self.slips,
            "pictures": self.folder,
            "public": addresses,
            **sources,
        }
        return Buyer(create_app(StorefrontSources(**given), hosts or Hosts()).test_client())


class Buyer:
    """Whoever asks the storefront."""

    def __init__(self, client: FlaskClient) -> None:
        self._client = client

    def asks(self, path: str, method: str = "GET", **more: Any) -> TestResponse:
        """Whatever is answered has the headers of the storefront, sets no cookie, and tells of nobody."""
        answer = self._client.open(path, method=method, buffered=True, **more)
        assert "Set-Cookie" not in answer.headers
        policy = answer.headers["Content-Security-Policy"]
        assert ("script-src 'self'" in policy, "connect-src" in policy) == ((path == "/s"), (path != "/s"))
        assert policy.startswith("default-src 'none'; style-src 'self'; img-src 'self'")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        if answer.mimetype != "image/jpeg":
            assert [word for word in HIDDEN if word in answer.text] == []
        return answer

    def sees(self, path: str, **more: Any) -> str:
        answer = self.asks(path, **more)
        assert answer.status_code == 200, (path, answer.status_code)
        return answer.text

    def told(self, path: str, **more: Any) -> int:
        """The status."""
        return self.asks(path, **more).status_code


@contextmanager
def shop_of(center: Center, folder: Path) -> Iterator[Shop]:
    with closing(DeskReader(center.ledger.url)) as reader:
        yield Shop(center, folder / "photos", reader)


def titled(english: str) -> dict[str, WordsData]:
    """Of an offer."""
    return {"title": WordsData("بادام", "巴旦木", english)}


def many(shop: Shop, count: int, *, apart: bool = True) -> None:
    """Lots 1 to ``count``, each with a picture of its own. ``apart``: each of another grade."""
    station = shop.center.station
    events = []
    for counter in range(1, count + 1):
        picture = PictureData(f"{counter:064x}", 7, 64, 64)
        events += [station.intake(counter), *station.shot(counter, picture)]
        grade = f"G{counter:03}" if apart else "A"
        events.append(station.offer(counter, picture.sha256, grade=grade, **titled(f"Almonds {counter:03}")))
        shop.center.came(picture.sha256)
    shop.center.take(*events)
    for counter in range(1, count + 1):
        shop.do("publish", counter)
