"""What the feed announces, and what is left of it when a database comes back from a backup or is lost."""

from __future__ import annotations

import shutil
from pathlib import Path

from kiosk.domain.events import PhotoTaken
from kiosk.domain.identifiers import ReceiptNumber
from kiosk.messaging.contract.receive import parse_event
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.photos.photos import PhotoIndex, PictureStatus, photos_path
from tests.sorting_center.photos.lanes import REGION, STATION, Receiving, announce, shots
from tests.sorting_center.station_journal import NOW, Station


def test_both_pictures_of_an_accepted_shot_are_announced(receiving: Receiving, station: Station) -> None:
    master, natural, other = shots(3)
    announce(receiving.ledger, station, master, natural)
    receiving.follow()
    for one in (master, natural):
        assert receiving.photos.status(REGION, STATION, one.told.sha256) is PictureStatus.PENDING
        found = receiving.photos.announced(one.name())
        assert found is not None
        assert (found.size_bytes, found.width, found.height) == (len(one.content), 64, 64)
    assert receiving.photos.status(REGION, STATION, other.told.sha256) is PictureStatus.UNKNOWN
    assert receiving.photos.status("hotan", STATION, master.told.sha256) is PictureStatus.UNKNOWN
    assert receiving.photos.status(REGION, "S0148", master.told.sha256) is PictureStatus.UNKNOWN
    assert receiving.photos.figures().pending == 2


def test_a_whole_frame_of_former_times_is_not_asked_for(receiving: Receiving, station: Station) -> None:
    (old,) = shots(1)
    lot = ReceiptNumber(STATION, "A", 1).lot
    events = [station.start(), station.add(PhotoTaken(lot, old.told.sha256, len(old.content), 64, 64))]
    receiving.ledger.accept(events, REGION, NOW)
    receiving.follow()
    assert receiving.photos.status(REGION, STATION, old.told.sha256) is PictureStatus.UNKNOWN


def test_an_event_behind_a_gap_announces_nothing_yet(receiving: Receiving, station: Station) -> None:
    (one,) = shots(1)
    missing = [station.start(), station.intake(1)]
    announce(receiving.ledger, station, one)
    receiving.follow()
    assert receiving.photos.status(REGION, STATION, one.told.sha256) is PictureStatus.UNKNOWN
    receiving.ledger.accept(missing, REGION, NOW)
    receiving.follow()
    assert receiving.photos.status(REGION, STATION, one.told.sha256) is PictureStatus.PENDING


def test_it_follows_in_steps_and_goes_on_where_it_was(ledger: Ledger, tmp_path: Path, station: Station) -> None:
    told = shots(6)
    announce(ledger, station, *told)
    with Receiving(ledger, tmp_path / "photos") as first:
        assert first.follower.step(2) == 2
    with Receiving(ledger, tmp_path / "photos") as second:
        assert second.photos.figures().pending == 2
        second.follow()
        assert second.photos.figures().pending == 6
        assert second.follower.step() == 0


def test_what_was_received_is_found_again_when_the_list_is_lost(
    ledger: Ledger, tmp_path: Path, station: Station
) -> None:
    here, coming = shots(2)
    announce(ledger, station, here, coming)
    with Receiving(ledger, tmp_path / "photos") as before:
        before.follow()
        assert before.send(here) == 201
        assert before.send(coming, 0, 1000) == 204
    for path in tmp_path.glob("ledger.photos.db*"):
        path.unlink()
    with Receiving(ledger, tmp_path / "photos") as after:
        after.follow()
        assert after.has(here)
        assert after.uploads.progress(STATION, coming.name()).offset == 1000
        assert after.send_on(coming) == 201


def test_a_ledger_from_a_backup_takes_no_picture_away(tmp_path: Path, station: Station) -> None:
    url, backup = f"sqlite:///{tmp_path / 'ledger.db'}", tmp_path / "backup.db"
    kept, lost = shots(2)
    with Ledger.open(url) as ledger:
        ledger.accept([station.start()], REGION, NOW)
    shutil.copy(tmp_path / "ledger.db", backup)
    with Ledger.open(url) as ledger, Receiving(ledger, tmp_path / "photos") as before:
        announce(ledger, station, kept, lost)
        before.follow()
        assert before.send(kept) == 201
    for path in tmp_path.glob("ledger.db*"):
        path.unlink()
    shutil.copy(backup, tmp_path / "ledger.db")
    Ledger.begin_generation(url)
    with Ledger.open(url) as ledger, Receiving(ledger, tmp_path / "photos") as after:
        after.follow()
        assert after.has(kept)
        assert after.send_on(lost) == 201
        more = shots(4)[2:]
        told_again = parse_event(station.sealed[1].body)
        ledger.accept([told_again], REGION, NOW)
        announce(ledger, station, *more)
        after.follow()
        assert all(after.send_on(one) == 201 for one in more)


def test_the_same_hash_of_two_stations_is_two_pictures(receiving: Receiving, station: Station) -> None:
    (one,) = shots(1)
    announce(receiving.ledger, station, one)
    announce(receiving.ledger, Station("S0148", "00112233445566bb"), one)
    receiving.follow()
    assert receiving.send(one) == 201
    assert receiving.photos.status(REGION, "S0148", one.told.sha256) is PictureStatus.PENDING


def test_asking_needs_no_lane(ledger: Ledger) -> None:
    with PhotoIndex(ledger.url) as photos:
        assert photos.status(REGION, STATION, "ab" * 32) is PictureStatus.UNKNOWN
        assert photos.figures().flat() == {"received": 0, "pending": 0}


def test_a_second_process_reads_the_same_list(receiving: Receiving, station: Station) -> None:
    (one,) = shots(1)
    announce(receiving.ledger, station, one)
    with PhotoIndex(receiving.ledger.url) as other:
        receiving.follow()
        assert receiving.send(one) == 201
        assert other.status(REGION, STATION, one.told.sha256) is PictureStatus.RECEIVED
    assert photos_path(Path("/a/county.db")) == Path("/a/county.photos.db")
