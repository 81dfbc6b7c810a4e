"""The lot that a demo has offered before it begins, from the station's journal to what buyers see."""

from __future__ import annotations

import re
from contextlib import closing
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

import pytest

from kiosk.app import demo
from kiosk.app.demo import publish_offers
from kiosk.messaging.contract.catalog.file import parse_catalog
from kiosk.messaging.contract.photos import PictureName
from kiosk.messaging.contract.receive import parse_event
from kiosk.simulators.offers import GoodsCamera, offer
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.shared.audit import AuditAction
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.listings.listings import ActionContext, CenterListings
from kiosk.sorting_center.listings.offer_follower import OfferFollower
from kiosk.sorting_center.listings.records import ListingState
from kiosk.sorting_center.photos.folder import PictureFolder
from kiosk.sorting_center.photos.photos import AnnouncedPicture, PhotoIndex
from kiosk.sorting_center.photos.received_pictures import ReceivedPictures
from kiosk.sorting_center.storefront.app import create_app
from kiosk.sorting_center.storefront.database import DeskReader
from kiosk.sorting_center.storefront.pages import StorefrontSources
from kiosk.sorting_center.storefront.published import PublishedListings
from kiosk.sorting_center.storefront.slip_keys import SlipKeys
from kiosk.sorting_center.web.shared.guard import Hosts
from kiosk.station.shared.clock import StationClock
from kiosk.store import Stamp, Store

CAME = "2026-11-27T08:00:00.000Z"


def offering(folder: Path) -> tuple[list[bytes], dict[str, Path]]:
    """What a station of the demo tells before it starts, and its pictures; the second start adds nothing."""
    camera = GoodsCamera(folder / "camera")
    stamps = lambda: Stamp(StationClock("Asia/Shanghai").now(), "station-kiosk/test", "yarkant")  # noqa: E731
    content = files("kiosk.catalogs").joinpath("yarkant.toml").read_bytes()
    with closing(Store.open(folder / "station" / "station.db", "S0147", stamps())) as store:
        store.catalogs.add(parse_catalog(content, "yarkant.toml"), stamps())
        for _ in range(2):
            offer(store, folder / "station", 0, camera, stamps)
        told = [row.body for row in store.outbox.pending(100)]
    return told, {path.stem: path for path in (folder / "station" / "photos").rglob("*.jpg")}


def announce(photos: PhotoIndex, folder: PictureFolder, pictures: dict[str, Path]) -> None:
    """They have come to the sorting center."""
    for sha256, path in pictures.items():
        name = PictureName("yarkant", "S0147", sha256)
        folder.path(name).parent.mkdir(parents=True)
        folder.path(name).write_bytes(path.read_bytes())
        photos.receive(AnnouncedPicture(name, path.stat().st_size, 1600, 1600, 1), CAME)


def test_a_lot_is_offered_and_published_once_its_photo_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, pictures = offering(tmp_path)
    events = [parse_event(body) for body in told]
    assert [event.type for event in events].count("station.listing.submitted.v1") == 1
    assert [event.type for event in events].count("station.intake.confirmed.v1") == 1
    assert [event.problem for event in events if event.problem] == []
    url, folder = f"sqlite:///{tmp_path / 'ledger.db'}", PictureFolder(tmp_path / "center")
    with Ledger.open(url) as ledger, CenterDesk.open(url) as desk, PhotoIndex(url) as photos:
        listings = CenterListings(desk.database, ReceivedPictures(photos, folder))

        def state() -> list[ListingState]:
            publish_offers(desk, listings)
            return [one.state for one in listings.page(tuple(ListingState), 0, 10)]

        assert state() == []
        ledger.accept(events, "yarkant", CAME)
        while OfferFollower(ledger, desk.database).step():
            pass
        assert state() == [ListingState.REVIEW], "its photo is pending"
        announce(photos, folder, pictures)
        with monkeypatch.context() as patch:
            patch.setattr(demo, "OFFERED_BY", "clerk:01")
            assert state() == [ListingState.REVIEW], "offered by a clerk of the station"
        assert state() == state() == [ListingState.PUBLISHED]
        assert [row.act for row in desk.audit.page()] == [AuditAction.LISTING_PUBLISHED]
    with closing(DeskReader(url)) as reader:
        client = create_app(
            StorefrontSources(PublishedListings(reader), SlipKeys(reader), folder, None), Hosts()
        ).test_client()
        page = client.get("/en/").text
        assert "Yarkant almonds" in page and "¥29.00" in page
        (goods,) = set(re.findall(r'href="(/en/yarkant/[^"?]+)"', page))
        said = client.get(goods).text
        assert "Yarkant County" in said and "Grade 1" in said and "YARKANT" not in said
        (master,) = {sha256 for sha256 in pictures if f"/pictures/{sha256}.jpg" in page}
        assert client.get(f"/pictures/{master}.jpg").data == pictures[master].read_bytes()
    with CenterDesk.open(url) as desk, PhotoIndex(url) as photos:
        listings = CenterListings(desk.database, ReceivedPictures(photos, folder))
        (published,) = listings.page([ListingState.PUBLISHED], 0, 10)
        listings.pause(published.key, ActionContext("aygul", published.version, datetime.now(UTC)))
        publish_offers(desk, listings)
        assert listings.page([ListingState.PAUSED], 0, 10), "a person has decided"
