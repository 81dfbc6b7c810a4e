"""The station's end of the photos lane, against the center's real one, over a line that does what lines do."""

from __future__ import annotations

import logging
import resource
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO, TypeVar

import pytest

from kiosk.messaging.contract.photos import MAX_PART_BYTES, ContentRange, PictureName, UnsentPicture
from kiosk.messaging.relay.photos import lane as client
from kiosk.messaging.relay.photos.lane import PhotosClient, PhotosWork, StationPhotos
from kiosk.messaging.relay.photos.ports import Backlog, PhotoFault, UploadResponse
from kiosk.messaging.relay.shared.center_line import CenterUnreachable, Preempted
from kiosk.messaging.relay.shared.lane import Lane
from kiosk.messaging.relay.shared.settings import RelaySettings
from kiosk.simulators.link import LinkConditions, SimulatedLink
from kiosk.sorting_center.ledger import Ledger
from tests.depth import many
from tests.messaging.authority import Authority
from tests.messaging.relay.photos.stations import Clock, Station
from tests.messaging.relay.updates.village import Hostile, Silent
from tests.sorting_center.brokers import until
from tests.sorting_center.photos.lanes import (
    STATION,
    Listening,
    Receiving,
    Shot,
    announce,
    jpeg,
    shots,
    stored_refusals,
)
from tests.sorting_center.station_journal import Station as Journal

T = TypeVar("T")
OFFLINE_S = many(1, torture=21) * 86_400.0
"""Three weeks in `make torture`: a day tries everything that a week does."""


def files(authority: Authority, station: str = STATION, **more: int) -> dict[str, object]:
    cert, key = authority.issue(station, **more)
    return {"ca_file": authority.file, "cert_file": cert, "key_file": key}


@pytest.fixture
def station(link: SimulatedLink, authority: Authority) -> Station:
    return Station(f"https://127.0.0.1:{link.port}", files(authority))


@contextmanager
def running(station: Station) -> Iterator[Lane]:
    lane = station.lane()
    lane.start()
    try:
        yield lane
    finally:
        lane.stop()


def told(receiving: Receiving, journal: Journal, *pictures: Shot) -> tuple[Shot, ...]:
    announce(receiving.ledger, journal, *pictures)
    receiving.follow()
    return pictures


def test_every_picture_arrives_the_smallest_first(station: Station, receiving: Receiving, journal: Journal) -> None:
    pictures = told(receiving, journal, *(Shot.of(jpeg(n, side), side) for n, side in enumerate((96, 32, 128, 64))))
    station.pictures.add(*pictures)
    with running(station):
        assert station.pictures.wait_done(4)
    by_size = sorted(pictures, key=lambda one: len(one.content))
    assert station.pictures.done == [one.told.sha256 for one in by_size]
    assert all(receiving.has(one) for one in pictures)


def test_no_picture_goes_while_an_event_waits(station: Station, receiving: Receiving, journal: Journal) -> None:
    (one,) = told(receiving, journal, *shots(1))
    station.pictures.add(one)
    station.clock = Clock()
    lane = station.lane()
    station.outbox.waits = True
    for _ in range(20):
        assert station.turn(lane) > 0
    assert receiving.folder.offset(one.name()) == 0
    station.outbox.waits = False
    assert finished(station, lane, 1)
    lane.stop()


def finished(station: Station, lane: Lane, count: int, turns: int = 200) -> bool:
    for _ in range(turns):
        if len(station.pictures.done) >= count:
            return True
        station.turn(lane)
    return False


def test_between_two_parts_it_looks_for_events(station: Station, receiving: Receiving, journal: Journal) -> None:
    (one,) = told(receiving, journal, Shot.of(jpeg(1, 128), 128))
    station.pictures.add(one)
    station.clock = Clock()
    lane = station.lane()
    station.turn(lane)
    station.turn(lane)
    assert 0 < receiving.folder.offset(one.name()) <= 4096
    station.outbox.waits = True
    before = receiving.folder.offset(one.name())
    for _ in range(5):
        station.turn(lane)
    assert receiving.folder.offset(one.name()) == before
    station.outbox.waits = False
    assert finished(station, lane, 1)
    assert receiving.has(one)
    lane.stop()


def test_a_part_that_takes_too_long_gives_way_to_an_event(
    link: SimulatedLink, authority: Authority, receiving: Receiving
) -> None:
    client = PhotosClient(Station(f"https://127.0.0.1:{link.port}", files(authority)).settings)
    link.set(LinkConditions(bytes_per_s=2000.0))
    name = PictureName("shache", STATION, "ab" * 32)
    with closing(client), pytest.raises(Preempted):
        client.send(name, ContentRange(0, 99_999, 100_000), bytes(100_000), lambda: True)


def test_on_32_kbit_a_picture_comes_in_small_parts(
    station: Station, link: SimulatedLink, receiving: Receiving, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    (one,) = told(receiving, journal, Shot.of(jpeg(1, 96), 96))
    station.pictures.add(one)
    taken: list[ContentRange] = []
    take = receiving.uploads.receive_part

    def noting(asker: str, name: PictureName, part: ContentRange, body: object) -> object:
        taken.append(part)
        return take(asker, name, part, body)  # type: ignore[arg-type]

    receiving.uploads.receive_part = noting  # type: ignore[method-assign,assignment]
    link.command("slow 32kbit")
    with running(station):
        assert station.pictures.wait_done(1, 120.0)
    assert receiving.has(one)
    assert len(taken) >= 2
    assert max(part.size for part in taken) <= 2 * 4000
    assert [part.first for part in taken[1:]] == [part.last + 1 for part in taken[:-1]], "no byte twice"


def test_cut_anywhere_it_goes_on_there(
    station: Station, link: SimulatedLink, receiving: Receiving, journal: Journal
) -> None:
    pictures = told(receiving, journal, *(Shot.of(jpeg(n, 96), 96) for n in range(4)))
    station.pictures.add(*pictures)
    with running(station):
        for number, at in enumerate((5000, 9000, 15_000, 20_000), 1):
            link.set(LinkConditions(cut_at=at))
            link.wait_cut(number, 60.0)
        assert station.pictures.wait_done(4)
    assert all(receiving.has(one) for one in pictures)


def test_a_lossy_line_only_takes_longer(
    station: Station, link: SimulatedLink, receiving: Receiving, journal: Journal
) -> None:
    pictures = told(receiving, journal, *shots(3))
    station.pictures.add(*pictures)
    link.command("lossy 10%")
    with running(station):
        station.pictures.wait_done(3, 20.0)
        link.command("up")
        assert station.pictures.wait_done(3)
    assert all(receiving.has(one) for one in pictures)


def test_a_relay_that_is_restarted_goes_on(station: Station, receiving: Receiving, journal: Journal) -> None:
    (one,) = told(receiving, journal, Shot.of(jpeg(1, 128), 128))
    station.pictures.add(one)
    station.clock = Clock()
    offsets = [0]
    while not station.pictures.done:
        lane = station.lane()
        for _ in range(2):
            station.turn(lane)
        lane.stop()
        offsets.append(receiving.folder.offset(one.name()) or len(one.content))
    assert all(later > earlier for earlier, later in pairwise(offsets))
    assert receiving.has(one)


def test_weeks_without_a_line_cost_little_and_lose_nothing(
    station: Station, link: SimulatedLink, receiving: Receiving, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    pictures = told(receiving, journal, *shots(6))
    station.pictures.add(*pictures)
    station.clock = Clock()
    lane = station.lane()
    link.command("down")
    dead = Station("http://127.0.0.1:1", clock=station.clock, pictures=station.pictures)
    silent = dead.lane()
    began, turns = resource.getrusage(resource.RUSAGE_SELF), 0
    start = station.clock.now
    while station.clock.now < start + OFFLINE_S:
        dead.turn(silent)
        turns += 1
    ended = resource.getrusage(resource.RUSAGE_SELF)
    assert turns < OFFLINE_S / 100, "one try in some minutes"
    assert (ended.ru_utime + ended.ru_stime - began.ru_utime - began.ru_stime) / turns < 0.02
    assert dead.heard.fault is PhotoFault.UNREACHABLE
    lines = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(lines) <= OFFLINE_S / 300 + 2, "a line in five minutes at most"
    silent.stop()
    link.command("up")
    assert finished(station, lane, 6)
    assert all(receiving.has(one) for one in pictures)
    lane.stop()


def test_a_picture_whose_event_is_not_there_yet_holds_nobody_up(
    station: Station, receiving: Receiving, journal: Journal
) -> None:
    small, large = (Shot.of(jpeg(n, side), side) for n, side in ((1, 32), (2, 96)))
    station.pictures.add(small, large)
    told(receiving, journal, large)
    station.clock = Clock()
    lane = station.lane()
    assert finished(station, lane, 1)
    assert station.pictures.done == [large.told.sha256]
    for _ in range(10):
        station.turn(lane)
    assert station.heard.fault is None
    told(receiving, journal, small)
    assert finished(station, lane, 2)
    lane.stop()


def test_another_station_s_certificate_stops_each_picture_with_a_name(
    link: SimulatedLink, authority: Authority, receiving: Receiving, journal: Journal
) -> None:
    pictures = told(receiving, journal, *shots(3))
    wrong = Station(f"https://127.0.0.1:{link.port}", files(authority, "S0148"), Clock())
    wrong.pictures.add(*pictures)
    lane = wrong.lane()
    for _ in range(30):
        wrong.turn(lane)
    assert wrong.heard.fault is PhotoFault.FORBIDDEN
    receiving.refusals.flush()
    (refused,) = stored_refusals(receiving.photos)
    assert (refused.station, refused.reason, refused.times) == ("S0148", "not_yours", 3), "each once, no loop"
    assert wrong.pictures.done == []
    lane.stop()


def test_a_way_that_is_not_safe_is_none(subtests: pytest.Subtests) -> None:
    """Said with what to look at; nothing is sent."""
    for what in ["expired", "another authority", "a plain broker"]:
        with (
            subtests.test(what=what),
            tempfile.TemporaryDirectory() as folder,
            Ledger.open(f"sqlite:///{folder}/ledger.db") as ledger,
        ):
            here = Authority(Path(folder))
            elsewhere = Authority(Path(folder), "elsewhere")
            with Receiving(ledger, Path(folder) / "center") as receiving, Listening(receiving, here) as center:
                (one,) = shots(1)
                told(receiving, Journal(), one)
                given = files(here, days=-1) if what == "expired" else files(here)
                if what == "another authority":
                    given["ca_file"] = elsewhere.file
                station = Station(f"https://127.0.0.1:{center.port}", given, Clock())
                client = PhotosClient(station.settings)
                with closing(client):
                    if what == "a plain broker":
                        assert client.query_progress(one.name()).status == 204
                    else:
                        with pytest.raises(CenterUnreachable, match="check"):
                            client.query_progress(one.name())


def test_a_damaged_picture_is_begun_anew_and_then_named(
    station: Station, receiving: Receiving, journal: Journal
) -> None:
    damaged, sound = told(receiving, journal, *shots(2))
    station.pictures.add(damaged, sound)
    station.pictures.contents[damaged.told.sha256] = bytes(len(damaged.content))
    station.clock = Clock()
    lane = station.lane()
    for _ in range(120):
        station.turn(lane)
    assert station.pictures.done == [sound.told.sha256]
    assert station.heard.fault is PhotoFault.CONTENT
    receiving.refusals.flush()
    assert [(one.reason, one.times) for one in stored_refusals(receiving.photos)] == [("hash", 3)]
    lane.stop()


def test_a_file_that_is_gone_is_named_and_the_others_go(
    station: Station, receiving: Receiving, journal: Journal
) -> None:
    gone, here = told(receiving, journal, Shot.of(jpeg(1, 32), 32), Shot.of(jpeg(2, 64), 64))
    station.pictures.add(gone, here)
    station.clock = Clock()
    opened = station.pictures.open
    station.pictures.open = lambda sha256: _missing() if sha256 == gone.told.sha256 else opened(sha256)  # type: ignore[method-assign,assignment,return-value]
    lane = station.lane()
    assert finished(station, lane, 1)
    for _ in range(5):
        station.turn(lane)
    assert station.heard.fault is PhotoFault.MISSING
    lane.stop()


def _missing() -> None:
    raise FileNotFoundError("no such picture")


def test_a_database_that_is_locked_is_waited_for(station: Station, receiving: Receiving, journal: Journal) -> None:
    (one,) = told(receiving, journal, *shots(1))
    station.pictures.add(one)
    station.pictures.failures = [RuntimeError("locked")] * 3
    station.clock = Clock()
    lane = station.lane()
    assert finished(station, lane, 1)
    lane.stop()


class FailsOnce:
    """The station's side, whose n-th call of any kind fails; ``after``: though it is done."""

    def __init__(self, station: Station, number: int, after: bool) -> None:
        self.struck = False
        self._station, self._left, self._after = station, number, after

    def _call(self, act: Callable[[], T]) -> T:
        self._left -= 1
        if self._left != 0:
            return act()
        self.struck = True
        if self._after:
            act()
        raise OSError("the card does not answer")

    def waiting(self, limit: int) -> Sequence[UnsentPicture]:
        return self._call(lambda: self._station.pictures.waiting(limit))

    def backlog(self) -> Backlog:
        return self._call(self._station.pictures.backlog)

    def open(self, sha256: str) -> BinaryIO:
        return self._call(lambda: self._station.pictures.open(sha256))

    def sent(self, sha256: str) -> None:
        self._call(lambda: self._station.pictures.sent(sha256))

    def any_waiting(self) -> bool:
        return self._call(self._station.outbox.any_waiting)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_the_nth_call_of_the_station_fails_and_the_picture_arrives(
    receiving: Receiving, journal: Journal, after: bool
) -> None:
    number = 0
    with Listening(receiving) as plain:
        while True:
            number += 1
            (one,) = told(receiving, journal, Shot.of(jpeg(5000 + number)))
            clock = Clock()
            station = Station(f"http://127.0.0.1:{plain.port}", clock=clock)
            station.pictures.add(one)
            failing = FailsOnce(station, number, after)
            side = StationPhotos(failing, failing, station.heard.report)
            center = PhotosClient(station.settings)
            lane = Lane(PhotosWork(station.settings, center, side, clock=clock), center)
            for _ in range(200):
                if station.pictures.done:
                    break
                station.turn(lane)
                if station.heard.fault is PhotoFault.MISSING:
                    clock.now += 90_000  # a file that could not be read is tried again after a day
            lane.stop()
            assert receiving.has(one), number
            assert set(station.pictures.done) == {one.told.sha256}, number
            if not failing.struck:
                break
    assert number > 8, "as many calls as there are"


# --- what a center may answer


class Saying:
    """A lane that is told this, whatever it asks."""

    def __init__(self, station: Station, *answers: UploadResponse) -> None:
        self.station = station
        self.asked: list[str] = []
        self._answers = answers
        self.lane = station.lane(self)

    @property
    def is_open(self) -> bool:
        return True

    def query_progress(self, name: PictureName) -> UploadResponse:
        self.asked.append("HEAD")
        return self._answers[min(len(self.asked), len(self._answers)) - 1]

    def send(self, name: PictureName, part: ContentRange, data: bytes, should_yield: object) -> UploadResponse:
        self.asked.append(str(part))
        return self._answers[min(len(self.asked), len(self._answers)) - 1]

    def close(self) -> None:
        """Nothing is open."""

    def end(self) -> None:
        """Nothing is open."""


def of_one(clock: Clock) -> Station:
    station = Station("http://127.0.0.1:1", clock=clock)
    station.pictures.add(*shots(1))
    return station


def test_a_center_that_asks_to_wait_is_heard(subtests: pytest.Subtests) -> None:
    for answer in [
        UploadResponse(429, retry_after_s=3600),
        UploadResponse(503, retry_after_s=30),
        UploadResponse(507, retry_after_s=600),
        UploadResponse(503),
    ]:
        with subtests.test(answer=answer):
            saying = Saying(of_one(Clock()), answer)
            asked_s = answer.retry_after_s or 0.0
            wait_s = saying.lane.turn()
            assert asked_s <= wait_s <= max(1.5 * asked_s, 1.0)
            assert saying.station.heard.fault is None


def test_who_says_at_once_again_and_again_is_asked_less_and_less() -> None:
    clock = Clock()
    saying = Saying(of_one(clock), UploadResponse(503, retry_after_s=0))
    start = clock.now
    while clock.now < start + 3600:
        clock.now += saying.lane.turn()
    assert 10 < len(saying.asked) < 100


def test_no_answer_makes_it_ask_without_end(subtests: pytest.Subtests) -> None:
    for answers, fault in [
        ((UploadResponse(403),), PhotoFault.FORBIDDEN),
        ((UploadResponse(409),), PhotoFault.SIZE),
        ((UploadResponse(204, offset=0), UploadResponse(413)), PhotoFault.PART_TOO_LARGE),
        ((UploadResponse(400),), PhotoFault.REFUSED),
        ((UploadResponse(500),), PhotoFault.REFUSED),
        ((UploadResponse(302),), PhotoFault.REFUSED),
        ((UploadResponse(200),), PhotoFault.REFUSED),
        ((UploadResponse(204),), PhotoFault.REFUSED),
        ((UploadResponse(204, offset=10**9),), PhotoFault.REFUSED),
        ((UploadResponse(416, offset=0),), PhotoFault.REFUSED),
        ((UploadResponse(204, offset=0),), PhotoFault.REFUSED),
    ]:
        with subtests.test(answers=answers, fault=fault):
            clock = Clock()
            saying = Saying(of_one(clock), *answers)
            start = clock.now
            while clock.now < start + 3600:
                clock.now += max(saying.lane.turn(), 0.01)
            assert saying.station.heard.fault is fault
            assert len(saying.asked) < 20
            assert saying.station.pictures.done == []


class Interrupted(Saying):
    """Every part is broken off for an event, when a little of it has arrived."""

    def __init__(self, station: Station) -> None:
        super().__init__(station)
        self.arrived = 0

    def query_progress(self, name: PictureName) -> UploadResponse:
        return UploadResponse(204, offset=self.arrived)

    def send(self, name: PictureName, part: ContentRange, data: bytes, should_yield: object) -> UploadResponse:
        self.asked.append(str(part))
        assert part.first == self.arrived, "nothing is sent that is there"
        self.arrived += min(100, part.size)
        if self.arrived == part.total:
            return UploadResponse(201, complete=True)
        raise Preempted


def test_a_picture_that_always_gives_way_arrives_in_the_end() -> None:
    clock = Clock()
    center = Interrupted(of_one(clock))
    while not center.station.pictures.done:
        clock.now += max(center.lane.turn(), 0.01)
        assert center.station.heard.fault is None
    assert len(center.asked) > 40


def test_a_center_that_knows_nothing_is_asked_rarely() -> None:
    clock = Clock()
    station = Station("http://127.0.0.1:1", clock=clock)
    station.pictures.add(*shots(40))
    saying = Saying(station, UploadResponse(404))
    start = clock.now
    while clock.now < start + 86_000:
        clock.now += max(saying.lane.turn(), 0.01)
    assert len(saying.asked) < 86_000 / 60
    assert station.heard.fault is None


def test_an_allowance_of_the_line_is_kept(receiving: Receiving, journal: Journal) -> None:
    (one,) = told(receiving, journal, Shot.of(jpeg(1, 128), 128))
    with Listening(receiving) as plain:
        station = Station(f"http://127.0.0.1:{plain.port}", clock=Clock(), bytes_per_second=1000)
        station.pictures.add(one)
        assert station.clock is not None
        began, lane = station.clock.now, station.lane()
        assert finished(station, lane, 1, 2000)
        assert station.clock.now - began >= len(one.content) / 1000 - 5
        lane.stop()


def test_a_fast_line_is_used(receiving: Receiving, journal: Journal) -> None:
    (one,) = told(receiving, journal, Shot.of(jpeg(1, 512), 512))
    with Listening(receiving) as plain:
        station = Station(f"http://127.0.0.1:{plain.port}")
        station.pictures.add(one)
        lane = station.lane()
        turns = 0
        while not station.pictures.done:
            lane.turn()
            turns += 1
        assert turns <= 4 + len(one.content) // MAX_PART_BYTES + 4
        lane.stop()


def test_it_tells_what_waits(station: Station, receiving: Receiving, journal: Journal) -> None:
    pictures = told(receiving, journal, *shots(3))
    station.pictures.add(*pictures)
    station.clock = Clock()
    lane = station.lane()
    station.turn(lane)
    assert station.heard.backlog == Backlog(3, sum(len(one.content) for one in pictures))
    assert finished(station, lane, 3)
    station.clock.now += 60
    station.turn(lane)
    assert station.heard.backlog == Backlog(0, 0)
    lane.stop()


def test_while_events_wait_nobody_says_that_there_is_no_way(station: Station) -> None:
    station.pictures.add(*shots(1))
    station.clock = Clock()
    station.outbox.waits = True
    lane = station.lane()
    for _ in range(5000):
        station.turn(lane)
    assert (station.heard.fault, station.clock.now > 4000) == (None, True)
    lane.stop()


def test_it_ends_at_once_wherever_it_waits(
    station: Station, link: SimulatedLink, receiving: Receiving, journal: Journal
) -> None:
    (one,) = told(receiving, journal, Shot.of(jpeg(1, 256), 256))
    station.pictures.add(one)
    link.set(LinkConditions(bytes_per_s=500.0))
    lane = station.lane()
    lane.start()
    until(lambda: station.outbox.asked > 0)
    lane.stop()
    assert station.pictures.done == []


def test_an_answer_that_drips_is_broken_off(subtests: pytest.Subtests, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then keeps every read from waiting too long, in the headers for weeks."""
    for sends in [False, True]:
        with subtests.test(sends=sends):
            monkeypatch.setattr(client, "REQUEST_TIMEOUT_S", 0.05)
            name = PictureName("shache", STATION, "a" * 64)
            with Hostile(lambda asked: Silent(b"HTTP/1.1 204 No Content\r\nX: ")) as center:
                photos = PhotosClient(
                    RelaySettings("mqtt://127.0.0.1:1", "shache", STATION, "kiosk test", photos=center.url)
                )
                with closing(photos), pytest.raises(CenterUnreachable):
                    if sends:
                        photos.send(name, ContentRange(0, 3, 4), b"jpeg", lambda: False)
                    else:
                        photos.query_progress(name)


def test_a_line_that_breaks_in_an_answer_stops_no_picture_for_a_day(subtests: pytest.Subtests) -> None:
    def holds(head: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:

            def answer() -> None:
                connection, _ = listening.accept()
                with connection:
                    connection.recv(4096)
                    connection.sendall(head.encode())

            thread = threading.Thread(target=answer)
            thread.start()
            place = f"http://127.0.0.1:{listening.getsockname()[1]}"
            photos = PhotosClient(RelaySettings("mqtt://127.0.0.1:1", "shache", STATION, "kiosk test", photos=place))
            with closing(photos), pytest.raises(CenterUnreachable):
                photos.query_progress(PictureName("shache", STATION, "a" * 64))
            thread.join()

    for head in [
        "HTTP/1.1 204 No Content\r\nUpload-Off",
        "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n",
        "HTTP/1.1 416 ",
    ]:
        with subtests.test(head=head):
            holds(head)
