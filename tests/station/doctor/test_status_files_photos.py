"""What the relay's photos lane says of itself, and how the station reads it."""

from __future__ import annotations

from pathlib import Path

from kiosk.messaging.relay.photos.ports import Backlog, PhotoFault
from kiosk.station.doctor.environment import pictures
from kiosk.station.doctor.finding import Severity
from kiosk.station.doctor.status_files import PhotosStatus, PhotosStatusFile
from kiosk.texts import LANGUAGES, load
from tests.messaging.relay.photos.stations import Clock

THREE = Backlog(3, 900_000)


def marks(data: Path, clock: Clock, boot: str = "b1") -> PhotosStatusFile:
    return PhotosStatusFile(data, clock, boot)


def test_what_is_told_is_read_by_another_process(tmp_path: Path) -> None:
    clock = Clock()
    lane, station = marks(tmp_path, clock), marks(tmp_path, clock)
    assert station.read() is None
    lane.report(THREE, None)
    assert station.read() == PhotosStatus(3, None)
    clock.now += 30
    lane.report(Backlog(2, 500_000), PhotoFault.FORBIDDEN)
    assert station.read() == PhotosStatus(2, PhotoFault.FORBIDDEN)


def test_a_lane_that_is_silent_says_nothing_any_more(tmp_path: Path) -> None:
    clock = Clock()
    marks(tmp_path, clock).report(THREE, None)
    assert marks(tmp_path, clock, "b2").read() is None, "of another start of the machine"
    clock.now += 3600
    assert marks(tmp_path, clock).read() is None


def test_the_card_is_spared(tmp_path: Path) -> None:
    clock = Clock()
    lane, written = marks(tmp_path, clock), []
    for number in range(720):
        lane.report(Backlog(720 - number, 1000), None)
        written.append((tmp_path / PhotosStatusFile.name).read_text())
        clock.now += 5
    assert len(set(written)) <= 3600 / 20 + 1
    lane.report(THREE, None)
    stays = []
    for _ in range(60):
        lane.report(THREE, None)
        stays.append((tmp_path / PhotosStatusFile.name).read_text())
        clock.now += 5
    assert len(set(stays)) <= 3


def test_nonsense_and_a_card_that_cannot_be_written_are_nothing(tmp_path: Path) -> None:
    station = marks(tmp_path, Clock())
    for text in (
        "",
        "[]",
        "{",
        '{"boot":"b1"}',
        '{"boot":"b1","second":"x"}',
        '{"boot":"b1","second":1' + "0" * 400 + "}",
        '{"boot":"b1","second":990,"body":{"pictures":1,"fault":"x"}}',
    ):
        (tmp_path / PhotosStatusFile.name).write_text(text)
        assert station.read() is None, text
    marks(tmp_path / "nowhere", Clock()).report(THREE, None)


def test_the_doctor_says_what_waits_and_what_keeps_it(tmp_path: Path) -> None:
    clock = Clock()
    lane, station = marks(tmp_path, clock), marks(tmp_path, clock)
    assert pictures(station).word == "photos_unknown"
    for backlog, fault, verdict, word in (
        (Backlog(0, 0), None, Severity.OK, "fine"),
        (THREE, None, Severity.OK, "photos_wait"),
        *((THREE, fault, Severity.WARN, f"photos_{fault.value}") for fault in PhotoFault),
    ):
        clock.now += 30
        lane.report(backlog, fault)
        row = pictures(station)
        assert (row.device, row.verdict, row.word, row.needed) == ("photos", verdict, word, False)
        assert row.values == {"n": backlog.pictures}
        for lang in LANGUAGES:
            assert row.sentence(load(lang, strict=True))
            assert row.name_id in load(lang)
    clock.now += 3600
    assert pictures(station).found is None, "a lane that is silent is not known to be well"
