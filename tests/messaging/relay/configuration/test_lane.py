"""The station's end of the configuration lane, against the center's real one and against one that means no good."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Final

import pytest

from kiosk.domain.configuration import ConfigurationVersion
from kiosk.messaging.contract.configuration import DOCUMENT, INBOX, ConfigurationMessage, Part, part_file
from kiosk.messaging.contract.station_request import MAX_REQUEST_BYTES, StationRequest
from kiosk.messaging.relay.configuration.folder import FolderInbox
from kiosk.messaging.relay.configuration.lane import (
    MAX_FETCH_DELAY_S,
    MAX_FIRST_DELAY_S,
    MAX_TRIES,
    MAX_UNCONFIRMED_DELAY_S,
    POLL_PERIOD_S,
    REPEAT_S,
    ConfigurationClient,
    ConfigurationWork,
    CountyLane,
    StationConfiguration,
)
from kiosk.messaging.relay.configuration.ports import DocumentInForce
from kiosk.messaging.relay.shared.lane import Lane
from kiosk.messaging.relay.shared.settings import RelaySettings
from kiosk.simulators.link import LinkConditions, SimulatedLink
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.desk.documents import PartsOfStation, SignedDocument
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.stations.authority import ConfigurationKey, CountyAuthority
from tests.depth import many
from tests.messaging.authority import Authority
from tests.messaging.relay.photos.conftest import authority, ledger, receiving
from tests.messaging.relay.photos.stations import Clock, Outbox
from tests.messaging.relay.photos.test_lane import files
from tests.messaging.relay.updates.village import Asked, Hostile, ok
from tests.sorting_center.photos.lanes import REGION, STATION, Listening, Receiving

__all__ = ["authority", "ledger", "receiving"]

NOW: Final = datetime(2026, 12, 1, 8, tzinfo=UTC)
KEY: Final = ConfigurationKey(CountyAuthority.create(REGION, NOW).issue_configuration_key(REGION, 1, NOW))
PRICES: Final = b'{"prices":[]}'
MEMBERS: Final = json.dumps({"members": [[f"M-{number:05d}", "name", ""] for number in range(4000)]}).encode()


@dataclass
class Applied:
    """What the station's database has."""

    document: DocumentInForce | None = None
    parts: set[str] = field(default_factory=set)

    def in_force(self) -> DocumentInForce | None:
        return self.document

    def missing(self, hashes: Iterable[str]) -> list[str]:
        return [sha256 for sha256 in hashes if sha256 not in self.parts]


@dataclass
class Village:
    """Time goes by as the lane says how long it waits."""

    data: Path
    url: str | None
    files: dict[str, object] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)
    outbox: Outbox = field(default_factory=Outbox)
    applied: Applied = field(default_factory=Applied)

    def __post_init__(self) -> None:
        self.data.mkdir()

    @property
    def folder(self) -> Path:
        return self.data / INBOX

    def coming(self) -> int:
        """Bytes of what is on its way."""
        return sum(path.stat().st_size for path in self.folder.glob(".*.part"))

    def work(self, seed: int = 1) -> tuple[ConfigurationWork, Lane]:
        """As of a relay that has just been started."""
        broker = "mqtts://127.0.0.1:1" if self.files else "mqtt://127.0.0.1:1"
        more = {"photos": self.url, "reconnect_s": 0.05, **self.files}
        settings = RelaySettings(broker, REGION, STATION, "kiosk test", **more)  # type: ignore[arg-type]
        client = ConfigurationClient(settings)
        station = StationConfiguration(FolderInbox(self.data, self.applied), self.outbox)
        work = ConfigurationWork(settings, client, station, Random(seed), self.clock)
        return work, Lane(work, client)

    def after(self, *payloads: bytes, until: Callable[[], object] = lambda: False, most: int = 60) -> bool:
        """What a relay that has just been started makes of these messages; whether it is so in the end."""
        work, lane = self.work()
        for payload in payloads:
            work.received(payload)
        return self.turns(lane, until, most)

    def turns(self, lane: Lane, until: Callable[[], object], most: int = 400) -> bool:
        try:
            for _ in range(most):
                if until():
                    return True
                self.clock.now += lane.turn()
            return bool(until())
        finally:
            lane.stop()

    def names(self) -> set[str]:
        return {path.name for path in self.folder.glob("*")} if self.folder.exists() else set()

    def has(self, made: SignedDocument, **parts: bytes) -> bool:
        """This document is there, and these parts with their bytes."""
        expected = {DOCUMENT: made.content} | {part_file(Part.of(part).sha256): part for part in parts.values()}
        return all((self.folder / name).exists() for name in expected) and all(
            (self.folder / name).read_bytes() == content for name, content in expected.items()
        )


@contextmanager
def made_by(url: str) -> Iterator[Callable[..., SignedDocument]]:
    """Makes documents of the station, by the names of their parts."""
    with CenterDesk.open(url) as desk:

        def issue(station: str = STATION, **parts: bytes) -> SignedDocument:
            (made,) = desk.documents.issue(KEY, 0, [PartsOfStation(station, parts)], NOW)
            return made

        yield issue


def message(made: SignedDocument, *parts: bytes) -> bytes:
    contents = {Part.of(part).sha256: part.decode() for part in parts}
    return ConfigurationMessage(made.content.decode(), contents).encode()


@pytest.fixture
def issue(ledger: Ledger) -> Iterator[Callable[..., SignedDocument]]:
    with made_by(ledger.url) as make:
        yield make


@pytest.fixture
def link(receiving: Receiving, authority: Authority) -> Iterator[SimulatedLink]:
    with Listening(receiving, authority) as listening, SimulatedLink(listening.port) as line:
        yield line


@pytest.fixture
def village(tmp_path: Path, link: SimulatedLink, authority: Authority) -> Village:
    return Village(tmp_path / "data", f"https://127.0.0.1:{link.port}", files(authority))


@pytest.fixture
def offline(tmp_path: Path) -> Village:
    return Village(tmp_path / "data", None)


Issue = Callable[..., SignedDocument]


def test_a_message_that_has_everything_needs_no_line(offline: Village, issue: Issue) -> None:
    made = issue(prices=PRICES)
    assert offline.after(message(made, PRICES), until=lambda: offline.has(made, prices=PRICES))
    assert offline.names() == {DOCUMENT, part_file(Part.of(PRICES).sha256)}
    dearer = issue(prices=b'{"prices":[1]}')
    offline.applied.document = DocumentInForce(made.version, made.sha256, confirmed=True)
    assert offline.after(message(dearer, b'{"prices":[1]}'), until=lambda: offline.has(dearer))
    third = issue(prices=PRICES, members=MEMBERS)
    assert not offline.after(message(third, PRICES), until=lambda: offline.has(third)), "members cannot be fetched"
    offline.applied.parts = {Part.of(MEMBERS).sha256}
    assert offline.after(message(third, PRICES), until=lambda: offline.has(third)), "the database has them"


def test_what_is_missing_is_fetched_over_a_line_that_breaks_at_any_byte(
    village: Village, issue: Issue, link: SimulatedLink
) -> None:
    for turn, cut_at in enumerate(range(3000, len(MEMBERS), many(24_000, torture=700))):
        members = MEMBERS.replace(b"name", b"nam%d" % (turn % 10)) + b" " * turn
        made = issue(prices=PRICES, members=members)
        link.set(LinkConditions(cut_at=cut_at))
        assert village.after(message(made, PRICES), until=lambda m=made: village.has(m), most=400), cut_at
        assert village.has(made, prices=PRICES, members=members)


def test_a_relay_that_is_killed_goes_on_where_it_was(village: Village, issue: Issue) -> None:
    made = issue(members=MEMBERS)
    seen = [0]
    for _ in range(60):
        if village.after(message(made), until=lambda: village.has(made) or village.coming() > seen[-1] + 3000, most=99):
            seen.append(village.coming())
        if village.has(made):
            break
    assert village.has(made, members=MEMBERS)
    assert len(seen) > 3 and seen[1:-1] == sorted(set(seen[1:-1]))


def test_events_go_first_and_the_line_is_not_used_faster_than_it_may(village: Village, issue: Issue) -> None:
    made = issue(members=MEMBERS)
    village.outbox.waits = True
    assert not village.after(message(made), until=lambda: village.has(made))
    assert village.coming() == 0
    village.outbox.waits = False
    began = village.clock.now
    assert village.after(message(made), until=lambda: village.has(made), most=400)
    assert village.clock.now - began > len(MEMBERS) / 16_000 - 1


def test_the_center_is_asked_a_few_times_a_day(village: Village, issue: Issue) -> None:
    made, began = issue(prices=PRICES), village.clock.now
    _, lane = village.work()
    assert village.turns(lane, lambda: village.has(made, prices=PRICES), 2000)
    assert village.clock.now - began <= MAX_FIRST_DELAY_S + MAX_FETCH_DELAY_S + 60
    village.applied.document = DocumentInForce(made.version, made.sha256, confirmed=True)
    (village.folder / DOCUMENT).unlink()
    issue(prices=b'{"prices":[2]}')
    _, lane = village.work()
    began = village.clock.now
    assert village.turns(lane, lambda: (village.folder / DOCUMENT).exists(), 2000)
    newer = issue(prices=b'{"prices":[3]}')
    _, lane = village.work()
    assert village.turns(lane, lambda: village.has(newer), int(2 * POLL_PERIOD_S / 60))


def test_two_hundred_stations_spread_their_first_question(offline: Village) -> None:
    def first_questions(document: DocumentInForce | None) -> list[float]:
        offline.applied.document, offline.url, found = document, "http://127.0.0.1:1", []
        for seed in range(200):
            work, lane = offline.work(seed)
            lane.turn()
            assert work._next_poll_at is not None
            found.append(work._next_poll_at - offline.clock.now)
        return found

    version = ConfigurationVersion(1, 1)
    spread = first_questions(DocumentInForce(version, "0" * 64, confirmed=True))
    slots = [sum(1 for at in spread if int(at // 60) == minute) for minute in range(30)]
    assert max(spread) <= MAX_FIRST_DELAY_S and max(slots) < 20, slots
    assert max(first_questions(DocumentInForce(version, "0" * 64, confirmed=False))) <= MAX_UNCONFIRMED_DELAY_S


def test_what_is_older_or_another_s_or_damaged_is_ignored(
    offline: Village, issue: Issue, caplog: pytest.LogCaptureFixture
) -> None:
    old, other = issue(prices=PRICES), issue("S0148", prices=PRICES)
    newer = issue(prices=b'{"prices":[1]}')
    offline.applied.document = DocumentInForce(newer.version, newer.sha256, confirmed=True)
    whole = message(newer, PRICES)
    damaged = [whole[:end] for end in range(0, len(whole), 97)]
    for payload in (message(old, PRICES), message(other, PRICES), message(newer), *damaged):
        offline.after(payload, most=3)
    assert offline.names() == set()
    for text in ("is older than another one here", "it is for S0148 of shache", "no usable message"):
        assert text in caplog.text
    offline.applied.document = DocumentInForce(newer.version, newer.sha256, confirmed=False)
    assert offline.after(message(newer), until=lambda: offline.has(newer)), "the station's process learns that it is"
    wrong = ConfigurationMessage(newer.content.decode(), {Part.of(b'{"prices":[1]}').sha256: "[]"}).encode()
    offline.applied.document = None
    (offline.folder / DOCUMENT).unlink()
    assert not offline.after(wrong, until=lambda: offline.has(newer)), "a part that is not what it is named"


def test_a_document_that_the_station_does_not_apply_is_not_brought_again_and_again(
    offline: Village, issue: Issue
) -> None:
    made = issue(prices=PRICES)
    work, lane = offline.work()
    count = 0
    for _ in range(24 * 6):
        work.received(message(made, PRICES))
        until = offline.clock.now + 600
        while offline.clock.now < until:
            offline.clock.now += max(lane.turn(), 1.0)
        if offline.has(made):
            count += 1
            for path in offline.folder.iterdir():
                path.unlink()
    lane.stop()
    assert 4 <= count <= 86_400 / REPEAT_S / 3


def test_a_card_that_fails_loses_no_message(offline: Village, issue: Issue, monkeypatch: pytest.MonkeyPatch) -> None:
    made, failures = issue(prices=PRICES), [OSError("no space left on device")] * 3
    put = FolderInbox.put

    def failing(self: FolderInbox, part: Part, content: bytes) -> None:
        if failures:
            raise failures.pop()
        put(self, part, content)

    monkeypatch.setattr(FolderInbox, "put", failing)
    assert offline.after(message(made, PRICES), until=lambda: offline.has(made))
    assert not failures


def test_a_part_that_comes_wrong_is_fetched_three_times(offline: Village, issue: Issue) -> None:
    made = issue(members=MEMBERS)
    sha256 = Part.of(MEMBERS).sha256
    wrong = b"x" * len(MEMBERS)

    def answer(asked: Asked) -> bytes:
        if asked.path != f"/configuration/{STATION}/{sha256}":
            return ok(b"", status="404 Not Found")
        piece = wrong[asked.first : asked.first + asked.size]
        part = f"Content-Range: bytes {asked.first}-{asked.first + len(piece) - 1}/{len(MEMBERS)}"
        return ok(piece, part, f'ETag: "{sha256}"', status="206 Partial Content")

    with Hostile(answer) as center:
        offline.url = center.url
        assert not offline.after(message(made), until=lambda: offline.has(made), most=300)
        begun = [asked for asked in center.asked if asked.size and not asked.first]
        assert len(begun) == MAX_TRIES
        offline.after(message(made), most=60)
        begun = [asked for asked in center.asked if asked.size and not asked.first]
        assert len(begun) > MAX_TRIES, "the next hello begins anew"
    assert DOCUMENT not in offline.names()


def test_a_part_that_is_there_no_more_makes_the_lane_ask_for_the_newest_document(
    village: Village, issue: Issue
) -> None:
    old = issue(members=MEMBERS)
    newest = issue(members=MEMBERS.replace(b"name", b"new!"))
    assert village.after(message(old), until=lambda: village.has(newest), most=400)


def test_a_request_lies_there_for_the_station_alone_and_only_its_own(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = RelaySettings("mqtt://127.0.0.1:1", REGION, STATION, "kiosk test")
    lane = CountyLane(settings, StationConfiguration(FolderInbox(tmp_path, Applied()), Outbox()))

    def request(number: int, station: str = STATION) -> bytes:
        times = ("2026-12-01T08:00:00Z", "2026-12-08T08:00:00Z")
        return KEY.sign(StationRequest(station, REGION, (1, number), *times, "report", "", "")).encode()

    place = tmp_path / "requests" / "request.json"
    for dropped in (b"", b"reboot", request(1, "S0148"), request(1)[:-1], request(1) + b" " * MAX_REQUEST_BYTES):
        lane.request_received(dropped)
        assert not place.exists()
    assert len(caplog.records) == 1, "a line for all of them"
    lane.request_received(request(1))
    lane.request_received(request(2))
    assert place.read_bytes() == request(1), "one after the other"
    assert place.stat().st_mode & 0o777 == 0o600
    place.unlink()
    place.parent.rmdir()
    place.parent.touch()
    lane.request_received(request(2))  # a card that fails ends no connection
