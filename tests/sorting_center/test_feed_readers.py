"""What reads the feed out of the ledger has read a month before it leaves for an archive."""

from __future__ import annotations

from pathlib import Path

import pytest

from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.feed_readers import feed_positions
from kiosk.sorting_center.ledger import Ledger, LedgerError
from kiosk.sorting_center.ledger.care.archive import archive
from kiosk.sorting_center.listings.offer_follower import OfferFollower
from kiosk.sorting_center.photos.folder import PictureFolder
from kiosk.sorting_center.photos.follower import PhotoFollower as PhotoFollower
from kiosk.sorting_center.photos.photos import PhotoIndex
from kiosk.sorting_center.photos.received_pictures import ReceivedPictures
from kiosk.sorting_center.reports import Reports
from kiosk.sorting_center.reports.follower import ReportsFollower
from tests.sorting_center.reports.ledgers import ZONE
from tests.sorting_center.station_journal import Station

AT = "2026-09-20T04:00:00.000Z"


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'county.db'}"
    return str(request.getfixturevalue("postgres_url"))


def test_a_month_stays_until_all_who_read_the_feed_have_read_it(ledger_url: str, tmp_path: Path) -> None:
    """An offer that left before it was read would never be listed, and its void never take it from the buyers."""

    def archived(before: str = "2026-10") -> list[int]:
        return [month.events for month in archive(ledger_url, before, tmp_path, feed_positions(ledger_url))]

    station = Station()
    with Ledger.open(ledger_url) as ledger:
        events = [station.start(), station.intake(1), station.offer(1, "ab" * 32), station.void(1), station.intake(2)]
        ledger.accept(events, "shache", AT)
        while ledger.number(100):
            pass
        ledger.set_feed_position("mqtt", 5)
        assert feed_positions(ledger_url) == {}
        with (
            CenterDesk.open(ledger_url) as desk,
            PhotoIndex(ledger_url) as photos,
            Reports.open(ledger_url, ZONE) as reports,
        ):
            listings, follower = OfferFollower(ledger, desk.database), ReportsFollower(ledger, reports)
            pictures = PhotoFollower(ledger, photos, ReceivedPictures(photos, PictureFolder(tmp_path / "photos"), str))
            assert feed_positions(ledger_url) == {"reports": 0}
            listings.step(3), pictures.step(4), follower.step(5)
            assert feed_positions(ledger_url) == {"listings": 3, "photos": 4, "reports": 5}
    with pytest.raises(LedgerError, match="listings up to 3, photos up to 4: let"):
        archived()
    with Ledger.open(ledger_url) as ledger, CenterDesk.open(ledger_url) as desk, PhotoIndex(ledger_url) as photos:
        OfferFollower(ledger, desk.database).step()
        PhotoFollower(ledger, photos, ReceivedPictures(photos, PictureFolder(tmp_path / "photos"), str)).step()
    assert archived() == [5]
    Ledger.begin_generation(ledger_url)
    assert feed_positions(ledger_url) == {"listings": 0, "photos": 0, "reports": 0}, "they begin again"
