"""A ledger that came back from a backup is told to every station, also to those that have nothing to say."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from kiosk.messaging.contract.control import Ack, decode
from kiosk.messaging.contract.topics import Topics
from kiosk.sorting_center.ingest.announcer import MAX_PER_S, SPREAD_S, Announcer
from kiosk.sorting_center.ingest.shared.address import BrokerAddress
from kiosk.sorting_center.ledger import Ledger, LedgerUnwritable
from kiosk.sorting_center.service import SortingCenter
from tests.sorting_center.brokers import SOON_S, Broker, Peer, until
from tests.sorting_center.station_journal import NOW, Station


class Ears:
    """What stations hear, on a clock of its own."""

    def __init__(self) -> None:
        self.now = 0.0
        self.heard: list[tuple[float, str, Ack]] = []
        self.is_up = True
        self.ends_at = float("inf")

    def send(self, topic: str, payload: bytes) -> bool:
        if self.is_up:
            self.heard.append((self.now, topic, decode(Ack, payload)))
        return self.is_up

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        return self.now >= self.ends_at


def county(ledger: Ledger, count: int) -> list[Station]:
    stations = [Station(f"S{number:04d}", f"{number:016x}") for number in range(1, count + 1)]
    for station in stations:
        ledger.accept(station.run(2), "shache", NOW)
    return stations


@pytest.fixture
def ears() -> Ears:
    return Ears()


def test_every_stream_is_told_once_spread_over_a_minute(ledger_url: str, ears: Ears) -> None:
    with Ledger.open(ledger_url) as ledger:
        stations = county(ledger, 30)
        Announcer(ledger, ears.send, ears.wait).run()
        assert sorted((topic, ack.epoch, ack.upto, ack.head) for _, topic, ack in ears.heard) == sorted(
            (Topics("shache", station.station).ack, station.epoch, 2, station.head) for station in stations
        )
        assert {ack.generation for _, _, ack in ears.heard} == {ledger.generation}
        pauses = {round(after[0] - before[0], 6) for before, after in zip(ears.heard, ears.heard[1:], strict=False)}
        assert pauses == {SPREAD_S / 30}
        Announcer(ledger, ears.send, ears.wait).run()
        assert len(ears.heard) == 30, "once in a generation"
    with Ledger.open(ledger_url) as ledger:
        Announcer(ledger, ears.send, ears.wait).run()
        assert len(ears.heard) == 30, "a start alone is no news"
    Ledger.begin_generation(ledger_url)
    with Ledger.open(ledger_url) as ledger:
        Announcer(ledger, ears.send, ears.wait).run()
        assert [ack.generation for _, _, ack in ears.heard[30:]] == [ledger.generation] * 30


def test_many_streams_are_told_at_a_bounded_rate(ledger: Ledger, ears: Ears, monkeypatch: pytest.MonkeyPatch) -> None:
    county(ledger, 40)
    monkeypatch.setattr("kiosk.sorting_center.ingest.announcer.SPREAD_S", 0.1)
    monkeypatch.setattr("kiosk.sorting_center.ingest.announcer._PAGE", 7)
    Announcer(ledger, ears.send, ears.wait).run()
    assert len({topic for _, topic, _ in ears.heard}) == len(ears.heard) == 40
    assert ears.now == pytest.approx(40 / MAX_PER_S)
    assert 480 < 100_000 / MAX_PER_S < 540


def test_stopped_in_the_middle_it_begins_again(ledger: Ledger, ears: Ears) -> None:
    county(ledger, 30)
    ears.ends_at = SPREAD_S / 3
    Announcer(ledger, ears.send, ears.wait).run()
    assert 8 <= len(ears.heard) <= 12
    assert ledger.announced() == ""
    ears.ends_at = float("inf")
    Announcer(ledger, ears.send, ears.wait).run()
    assert len({topic for _, topic, _ in ears.heard[12:]}) >= 28
    assert ledger.announced() == ledger.generation


def test_without_a_connection_it_waits(ledger: Ledger, ears: Ears) -> None:
    county(ledger, 3)
    ears.is_up = False
    ears.ends_at = 600
    Announcer(ledger, ears.send, ears.wait).run()
    assert (ears.heard, ledger.announced()) == ([], "")
    assert ears.now >= 600


def test_a_ledger_that_cannot_be_written_is_waited_for(
    ledger: Ledger, ears: Ears, monkeypatch: pytest.MonkeyPatch
) -> None:
    county(ledger, 2)
    failures = [LedgerUnwritable("locked"), RuntimeError("odd")]
    remember = ledger.set_announced

    def fail(generation: str) -> None:
        if failures:
            raise failures.pop()
        remember(generation)

    monkeypatch.setattr(ledger, "set_announced", fail)
    monkeypatch.setattr("kiosk.sorting_center.ingest.announcer._RETRY_S", 0.01)
    announcer = Announcer(ledger, ears.send, ears.wait).thread
    announcer.start()
    until(lambda: ledger.announced())
    announcer.stop(SOON_S)
    assert len(ears.heard) == 6


class Village:
    """A station that is connected and has nothing to do: it only listens, and sends again what it hears is missing."""

    def __init__(self, broker: Broker, station: Station) -> None:
        self.station = station
        self.topics = Topics("shache", station.station)
        self.peer = Peer(broker, self.topics.ack)

    def catch_up(self) -> None:
        for _, payload in list(self.peer.heard):
            self.peer.heard.pop(0)
            for sealed in self.station.sealed[decode(Ack, payload).upto :]:
                self.peer.send(self.topics.event, sealed.body)


@pytest.mark.usefixtures("unfed")
def test_what_an_old_ledger_lacks_comes_back_without_a_single_new_intake(
    broker: Broker, ledger_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kiosk.sorting_center.ingest.announcer.SPREAD_S", 0.5)
    stations = [Station(f"S{number:04d}", f"{number:016x}") for number in range(1, 9)]
    path = Path(ledger_url.removeprefix("sqlite:///"))
    with Ledger.open(ledger_url) as ledger:
        for station in stations:
            ledger.accept(station.run(14), "shache", NOW)
        ledger.accept([stations[0].intake(90)], "shache", NOW)
    shutil.copyfile(path, tmp_path / "backup.db")
    with Ledger.open(ledger_url) as ledger:
        for number in range(108):
            station = stations[number % 7]  # the eighth has had nothing to say since
            ledger.accept([station.intake(100 + number)], "shache", NOW)
        assert ledger.counts().events == 221
    shutil.copyfile(tmp_path / "backup.db", path)
    generation = Ledger.begin_generation(ledger_url)
    with SortingCenter(Ledger.open(ledger_url), BrokerAddress.parse(broker.url), None) as center:
        villages = [Village(broker, station) for station in stations]
        assert center.start(SOON_S)

        def all_back() -> bool:
            for village in villages:
                village.catch_up()
            with Ledger.open_readonly(ledger_url) as ledger:
                return ledger.counts().events == 221 and ledger.announced() == generation

        until(all_back)
        for village in villages:
            village.peer.close()
    with Ledger.open_readonly(ledger_url) as ledger:
        assert len({json.loads(entry.body)["id"] for entry in ledger.feed(0, 1000)}) == 221
        assert ledger.counts().quarantined == 0
