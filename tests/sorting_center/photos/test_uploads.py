"""A part of a picture and what it is answered: in order, in quota, whole, whatever the disk and the power do."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from kiosk.domain.events import RequestAnswered
from kiosk.messaging.contract.photos import ContentRange
from kiosk.sorting_center.ledger import Ledger, LedgerError
from kiosk.sorting_center.photos import uploads
from kiosk.sorting_center.photos.folder import ANSWERS_FOLDER
from kiosk.sorting_center.photos.photos import PhotoIndex, PictureStatus
from kiosk.sorting_center.photos.refusals import RefusalReason
from kiosk.sorting_center.photos.uploads import BodyTruncated
from tests.depth import TORTURE, many
from tests.sorting_center.photos.lanes import (
    REGION,
    STATION,
    Memory,
    Receiving,
    Shot,
    announce,
    jpeg,
    shots,
    stored_refusals,
)
from tests.sorting_center.photos.test_jpeg import ATTACK, slow
from tests.sorting_center.station_journal import NOW, Station


@pytest.fixture
def told(receiving: Receiving, station: Station) -> list[Shot]:
    """Two announced pictures."""
    pictures = shots(2)
    announce(receiving.ledger, station, *pictures)
    receiving.follow()
    return pictures


def files(receiving: Receiving) -> list[str]:
    return sorted(path.name for path in receiving.folder.root.rglob("*") if path.is_file())


def test_a_picture_in_parts(receiving: Receiving, told: list[Shot]) -> None:
    one = told[0]
    assert receiving.uploads.progress(STATION, one.name()).offset == 0
    assert receiving.send(one, 0, 1000) == 204
    assert receiving.uploads.progress(STATION, one.name()).offset == 1000
    assert receiving.photos.status(REGION, STATION, one.told.sha256) is PictureStatus.PENDING
    assert receiving.send(one, 1000) == 201
    assert receiving.has(one)
    assert files(receiving) == [f"{one.told.sha256}.jpg"]
    again = receiving.uploads.progress(STATION, one.name())
    assert (again.status, again.complete) == (200, True)
    assert receiving.send(one) == 200, "told twice, it is there once"


def test_what_is_not_announced_is_not_taken(receiving: Receiving, told: list[Shot]) -> None:
    stranger = Shot.of(jpeg(99))
    assert receiving.uploads.progress(STATION, stranger.name()).status == 404
    assert receiving.send(stranger) == 404
    part, data = told[0].part(0)
    for region, station in ((REGION, "S0148"), ("hotan", STATION)):
        answer = receiving.uploads.receive_part(station, told[0].name(station, region), part, Memory(data))
        assert answer.status == 404
    assert receiving.uploads.receive_part("S0148", told[0].name(), part, Memory(data)).status == 403
    assert receiving.uploads.progress("S0148", told[0].name()).status == 403
    assert not receiving.folder.root.exists()


def test_a_part_that_does_not_fit_is_told_where_to_go_on(receiving: Receiving, told: list[Shot]) -> None:
    one = told[0]
    receiving.send(one, 0, 1000)
    for first, size in ((0, 1000), (0, 2000), (500, 1000), (1001, 10), (1500, None)):
        part, data = one.part(first, size)
        answer = receiving.uploads.receive_part(STATION, one.name(), part, Memory(data))
        assert (answer.status, answer.offset, answer.reason) == (416, 1000, RefusalReason.OFFSET), (first, size)
    assert receiving.send_on(one) == 201


def test_another_size_than_the_event_said_is_refused(receiving: Receiving, told: list[Shot]) -> None:
    one = told[0]
    size = len(one.content)
    for total in (size - 1, size + 1, 2 * size):
        answer = receiving.uploads.receive_part(STATION, one.name(), ContentRange(0, 9, total), Memory(bytes(10)))
        assert (answer.status, answer.reason) == (409, RefusalReason.SIZE), total
    assert files(receiving) == []


def test_wrong_bytes_are_thrown_away_and_named(
    receiving: Receiving, told: list[Shot], caplog: pytest.LogCaptureFixture
) -> None:
    one = told[0]
    for _ in range(3):
        assert receiving.send(one, 0, 1000) == 204
        answer = receiving.uploads.receive_part(
            STATION, one.name(), one.part(1000)[0], Memory(bytes(len(one.content) - 1000))
        )
        assert (answer.status, answer.reason, answer.offset) == (422, RefusalReason.HASH, 0)
        assert files(receiving) == []
    errors = [record.message for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 1 and "S0147" in errors[0]
    receiving.refusals.flush()
    (refused,) = stored_refusals(receiving.photos)
    assert (refused.station, refused.reason, refused.times) == (STATION, "hash", 3)
    assert receiving.photos.figures().flat()["refused_hash"] == 3
    assert receiving.send_on(one) == 201, "it may begin anew"


def test_only_a_plain_picture_with_its_sides_is_kept(receiving: Receiving, station: Station) -> None:
    spoiled = [
        Shot.of(jpeg(5, comment=b"a name")),
        Shot.of(jpeg(6) + b"trailing"),
        Shot.of(b"<html>" + bytes(500)),
        Shot.of(jpeg(7, 48), 64),
        Shot.of(slow(many(100, torture=ATTACK)), 4000),
    ]
    announce(receiving.ledger, station, *spoiled)
    receiving.follow()
    for one in spoiled:
        part, data = one.part(0)
        answer = receiving.uploads.receive_part(STATION, one.name(), part, Memory(data))
        assert (answer.status, answer.reason) == (422, RefusalReason.FORMAT)
    assert files(receiving) == []


def test_a_line_that_breaks_leaves_what_came(receiving: Receiving, told: list[Shot]) -> None:
    one = told[0]
    part, data = one.part(0)
    with pytest.raises(BodyTruncated):
        receiving.uploads.receive_part(STATION, one.name(), part, Memory(data, left=700))
    assert receiving.uploads.progress(STATION, one.name()).offset == 700
    assert receiving.send_on(one) == 201
    assert receiving.has(one)


def test_two_at_once_do_not_mix(receiving: Receiving, told: list[Shot]) -> None:
    one = told[0]
    with receiving.folder.writing(one.name()):
        part, data = one.part(0)
        answer = receiving.uploads.receive_part(STATION, one.name(), part, Memory(data))
    assert (answer.status, answer.reason) == (503, RefusalReason.BUSY)
    assert answer.retry_after_s
    assert receiving.send(one) == 201


def test_a_day_has_an_end(ledger: Ledger, tmp_path: Path, station: Station) -> None:
    pictures = shots(3)
    announce(ledger, station, *pictures)
    size = len(pictures[0].content)
    with Receiving(ledger, tmp_path / "photos", day=(size + 10, 5)) as receiving:
        receiving.follow()
        assert receiving.send(pictures[0]) == 201
        part, data = pictures[1].part(0)
        answer = receiving.uploads.receive_part(STATION, pictures[1].name(), part, Memory(data))
        assert (answer.status, answer.reason, answer.retry_after_s) == (429, RefusalReason.QUOTA, 3600.0), (
            "bytes, at 20:00"
        )
        for _ in range(4):
            assert receiving.uploads.progress(STATION, pictures[1].name()).status == 204
        assert receiving.uploads.progress(STATION, pictures[1].name()).status == 429, "requests"
        other = receiving.uploads.progress("S0148", pictures[1].name("S0148"))
        assert other.status == 404, "another station has a day of its own"
        receiving.now += timedelta(hours=4)
        assert receiving.send(pictures[1]) == 201


def test_asking_for_what_is_not_one_s_own_has_an_end_too(ledger: Ledger, tmp_path: Path, station: Station) -> None:
    (one,) = shots(1)
    announce(ledger, station, one)
    with Receiving(ledger, tmp_path / "photos", day=(1000, 3)) as receiving:
        receiving.follow()
        said = [receiving.uploads.progress("S0148", one.name(region=f"r{number}")).status for number in range(5)]
        assert said == [403, 403, 403, 429, 429]
        receiving.refusals.flush()
        told = {(found.region, found.station, found.reason): found.times for found in stored_refusals(receiving.photos)}
        assert told == {("", "S0148", "not_yours"): 3, ("", "S0148", "quota"): 2}


def test_a_full_disk_is_told_and_nothing_is_lost(
    receiving: Receiving, told: list[Shot], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    one = told[0]
    assert receiving.send(one, 0, 1000) == 204
    with monkeypatch.context() as patch:
        patch.setattr(receiving.folder, "free_bytes", lambda: uploads.RESERVE_BYTES - 1)
        part, data = one.part(1000)
        answer = receiving.uploads.receive_part(STATION, one.name(), part, Memory(data))
    assert (answer.status, answer.reason) == (507, RefusalReason.FULL)
    assert answer.retry_after_s
    assert "Make room there" in caplog.text
    assert receiving.uploads.progress(STATION, one.name()).offset == 1000
    assert receiving.send_on(one) == 201


def test_a_list_that_cannot_be_used_is_told(
    receiving: Receiving, told: list[Shot], monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*_: object) -> None:
        raise LedgerError("the list is locked")

    one = told[0]
    with monkeypatch.context() as patch:
        patch.setattr(PhotoIndex, "receive", locked)
        assert receiving.send(one) == 503
    assert receiving.uploads.progress(STATION, one.name()).status == 200, "the file was there, and is found"
    assert receiving.has(one)


class Killed(BaseException):
    """The power is gone."""


class FailsAt:
    """Of the calls to the operating system that write or look, the ``left``-th from now on fails; ``after``: when it is
    done.
    """

    NAMES = ("open", "write", "fsync", "fstat", "replace", "unlink", "mkdir", "statvfs", "stat", "lstat")

    def __init__(self, patch: pytest.MonkeyPatch, error: Callable[[], BaseException], left: int, after: bool) -> None:
        self.struck = False
        self._error, self._left, self._after = error, left, after
        for name in self.NAMES:
            patch.setattr(os, name, self._failing(name, getattr(os, name)))

    def _failing(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **more: Any) -> Any:
            self._left -= 1
            if self._left != 0:
                return call(*args, **more)
            self.struck = True
            if self._after:
                with suppress(OSError):
                    done = call(*args, **more)
                    if name == "open":
                        os.close(done)
            raise self._error()

        return counted


def attempted(receiving: Receiving, one: Shot) -> int:
    """A picture in two parts; the last status."""
    status = receiving.send(one, 0, 1000)
    return receiving.send(one, 1000) if status == 204 else status


@pytest.mark.parametrize(
    ("number", "after"),
    [(errno.EIO, False), (errno.ENOSPC, True), *([(errno.EIO, True), (errno.ENOSPC, False)] if TORTURE else [])],
)
def test_the_nth_operation_fails_and_the_picture_comes_all_the_same(
    receiving: Receiving, station: Station, monkeypatch: pytest.MonkeyPatch, number: int, after: bool
) -> None:
    struck = 0
    while True:
        one = Shot.of(jpeg(1000 + struck))
        announce(receiving.ledger, station, one)
        receiving.follow()
        with monkeypatch.context() as patch:
            failing = FailsAt(patch, lambda: OSError(number, os.strerror(number)), struck + 1, after)
            status = attempted(receiving, one)
        if not failing.struck:
            assert status == 201
            break
        struck += 1
        assert status in (200, 201, 503, 507), struck
        assert receiving.send_on(one) in (200, 201), struck
        assert receiving.has(one), struck
    assert struck > 15, "as many operations as there are"


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_the_nth_operation_it_is_whole_or_gone_on_with(
    ledger: Ledger, tmp_path: Path, station: Station, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    struck = 0
    while True:
        one = Shot.of(jpeg(2000 + struck))
        announce(ledger, station, one)
        with Receiving(ledger, tmp_path / "photos") as first:
            first.follow()
            with monkeypatch.context() as patch:
                failing = FailsAt(patch, Killed, struck + 1, after)
                try:
                    assert attempted(first, one) == 201
                except Killed:
                    struck += 1
        with Receiving(ledger, tmp_path / "photos") as second:
            assert second.send_on(one) in (200, 201), struck
            assert second.has(one), struck
        if not failing.struck:
            break
    assert struck > 15, "as many operations as there are"
    assert not list((tmp_path / "photos").rglob("*.part"))


def test_an_answer_to_a_request_comes_the_same_way_and_is_no_picture(receiving: Receiving, station: Station) -> None:
    file = Shot.of(b"PK\x03\x04" + bytes(5_000))
    made = RequestAnswered(1, 7, "bundle", "done", "", file.told.sha256, len(file.content))
    none = RequestAnswered(1, 8, "update", "done", "", "", 0)
    receiving.ledger.accept([station.start(), station.add(made), station.add(none)], REGION, NOW)
    receiving.follow()
    assert receiving.uploads.progress(STATION, file.name()).offset == 0
    assert receiving.uploads.progress("S0148", file.name()).status == 403
    assert receiving.send(file, 0, 1000) == 204
    assert receiving.uploads.progress(STATION, file.name()).offset == 1000
    assert receiving.send(file, 1000) == 201
    assert receiving.uploads.progress(STATION, file.name()).complete
    sha256 = file.told.sha256
    place = receiving.folder.root / ANSWERS_FOLDER / REGION / STATION / sha256[:2] / sha256
    assert place.read_bytes() == file.content
    assert not receiving.folder.path(file.name()).exists()
    assert receiving.arrivals.path(REGION, STATION, sha256) is None
    assert (receiving.photos.figures().received, receiving.photos.figures().pending) == (0, 0)
    assert list(receiving.photos.all_pending()) == []
    with pytest.raises(ValueError, match="region"):
        file.name(region=ANSWERS_FOLDER)


def test_other_bytes_than_the_answer_s_are_refused(receiving: Receiving, station: Station) -> None:
    file = Shot.of(b"report" * 100)
    made = RequestAnswered(1, 7, "report", "done", "", file.told.sha256, len(file.content))
    receiving.ledger.accept([station.start(), station.add(made)], REGION, NOW)
    receiving.follow()
    assert receiving.send(Shot(b"REPORT" * 100, file.told)) == 422
    assert files(receiving) == []
