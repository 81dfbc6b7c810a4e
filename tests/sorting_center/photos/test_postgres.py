"""The list of photos in the ledger's PostgreSQL: the same promises, and several centers beside each other."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import inspect

from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger.care.copy import copy_ledger
from kiosk.sorting_center.photos.photos import PhotoIndex, PictureStatus
from tests.sorting_center.photos.lanes import REGION, STATION, Receiving, Shot, announce, jpeg, shots, stored_refusals
from tests.sorting_center.station_journal import Station


def numbered(ledger: Ledger) -> None:
    while ledger.number(1000):
        pass


def test_two_centers_with_one_folder(postgres_url: str, tmp_path: Path, station: Station) -> None:
    pictures = shots(4)
    with Ledger.open(postgres_url) as ledger, Ledger.open(postgres_url) as beside:
        announce(ledger, station, *pictures)
        numbered(ledger)
        with Receiving(ledger, tmp_path / "photos") as one, Receiving(beside, tmp_path / "photos") as other:
            one.follow()
            other.follow()
            assert other.photos.figures().pending == 4
            assert one.send(pictures[0], 0, 1000) == 204
            assert other.send_on(pictures[0]) == 201
            assert one.has(pictures[0]) and one.send(pictures[0]) == 200
            assert other.send_on(pictures[1]) == 201
            stranger = Shot.of(jpeg(50))
            for receiving in (one, other, one):
                assert receiving.send(stranger) == 404
                receiving.refusals.flush()
            (refused,) = stored_refusals(one.photos)
            assert (refused.reason, refused.times) == ("not_announced", 3)
            assert [found.name.sha256 for found in one.photos.all_pending()] == sorted(
                picture.told.sha256 for picture in pictures[2:]
            )
            assert one.photos.figures().flat() == {"received": 2, "pending": 2, "refused_not_announced": 3}


def test_a_ledger_that_moved_to_postgresql_finds_its_pictures(
    ledger_url: str, postgres_url: str, tmp_path: Path, station: Station
) -> None:
    (one,) = shots(1)
    with Ledger.open(ledger_url) as ledger, Receiving(ledger, tmp_path / "photos") as before:
        announce(ledger, station, one)
        before.follow()
        assert before.send(one) == 201
    copy_ledger(ledger_url, postgres_url)
    with Ledger.open(postgres_url) as ledger, Receiving(ledger, tmp_path / "photos") as after:
        after.follow()
        assert after.has(one)
        assert after.photos.status(REGION, STATION, one.told.sha256) is PictureStatus.RECEIVED


def test_its_tables_are_in_a_schema_of_their_own(postgres_url: str) -> None:
    with (
        Ledger.open(postgres_url) as ledger,
        PhotoIndex(postgres_url),
        PhotoIndex(postgres_url),
        ledger.reading() as connection,
    ):
        tables = inspect(connection).get_table_names(schema="photos")
        own = inspect(connection).get_table_names()
    assert set(tables) == {"announced", "received", "refused", "followed"}
    assert not {"announced", "received", "followed"} & set(own)


def test_a_desk_that_is_written_keeps_no_center_from_its_pictures(postgres_url: str) -> None:
    """A list of 100,000 stations takes longer than anybody waits for a lock."""
    with Ledger.open(postgres_url), CenterDesk.open(postgres_url) as desk, desk.database.writing():
        PhotoIndex(postgres_url).close()
