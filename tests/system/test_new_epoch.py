"""A technician begins a new epoch under a connected relay: real broker, real sorting center, one handle a process."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random

import pytest

from kiosk.messaging.relay.pace import HELLO_INTERVAL_S, Pace
from kiosk.messaging.relay.relay import Relay
from kiosk.messaging.relay.shared.settings import RelaySettings
from kiosk.simulators.broker import Broker
from kiosk.sorting_center.ingest.shared.address import BrokerAddress
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.service import SortingCenter
from kiosk.store import Store
from kiosk.store.database.migrate import migrate
from tests.sorting_center import brokers
from tests.store.village import CATALOG, STATION, bring_in, open_store, stamp

WAIT_S = 60.0


def until(condition: Callable[[], bool]) -> bool:
    """Wait for it; fails when it never happens."""
    return bool(brokers.until(condition, WAIT_S))


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path / "broker") as running:
        yield running


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Store]:
    template = tmp_path / "empty.sqlite"
    migrate(template)
    with closing(open_store(tmp_path / "station" / "kiosk.sqlite", template)) as store:
        store.catalogs.add(CATALOG, stamp())
        yield store


@contextmanager
def center(broker: Broker, ledger: Path) -> Iterator[None]:
    with SortingCenter(Ledger.open(f"sqlite:///{ledger}"), BrokerAddress.parse(broker.url), None) as running:
        assert running.start(WAIT_S)
        yield


class Clock:
    """Monotonic seconds that a test may let run ahead."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self.ahead_s


@contextmanager
def relay(broker: Broker, folder: Path, clock: Callable[[], float] = time.monotonic) -> Iterator[None]:
    stop = threading.Event()
    with closing(open_store(folder / "station" / "kiosk.sqlite", folder / "empty.sqlite")) as outbox:
        settings = RelaySettings(broker.url, "hotan", STATION, "kiosk test", reconnect_s=0.1, resend_max_s=5.0)
        thread = threading.Thread(target=Relay(outbox, Pace(settings, Random(1)), clock).run, args=(stop,))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(WAIT_S)
            assert not thread.is_alive()


def held(ledger: Path) -> set[tuple[str, int]]:
    with closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as opened:
        return set(opened.execute("SELECT epoch, seq FROM event WHERE station = ?", (STATION,)))


def journal(folder: Path) -> set[tuple[str, int]]:
    with closing(sqlite3.connect(f"file:{folder / 'station' / 'kiosk.sqlite'}?mode=ro", uri=True)) as opened:
        return set(opened.execute("SELECT e.epoch, j.seq FROM journal j JOIN epoch e ON e.number = j.epoch"))


def epochs(folder: Path) -> int:
    return len({epoch for epoch, _ in journal(folder)})


def test_a_connected_relay_goes_on_in_it(broker: Broker, station: Store, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.db"
    with center(broker, ledger), relay(broker, tmp_path):
        for _ in range(20):
            bring_in(station)
        assert until(lambda: station.outbox.counts().pending == 0)
        station.epochs.start("forked", stamp())
        for _ in range(5):
            bring_in(station)
        assert until(lambda: held(ledger) == journal(tmp_path))
        assert until(lambda: station.outbox.counts().pending == 0)
    assert epochs(tmp_path) == 2


def test_a_restored_ledger_gets_back_an_epoch_that_has_ended(broker: Broker, station: Store, tmp_path: Path) -> None:
    ledger, backup = tmp_path / "ledger.db", tmp_path / "backup.db"
    with center(broker, ledger), relay(broker, tmp_path):
        bring_in(station)
        assert until(lambda: station.outbox.counts().pending == 0)
        with closing(sqlite3.connect(ledger)) as source, closing(sqlite3.connect(backup)) as copy:
            source.backup(copy)
        for _ in range(4):
            bring_in(station)
        assert until(lambda: station.outbox.counts().pending == 0)
        station.epochs.start("forked", stamp())
        bring_in(station)
        assert until(lambda: station.outbox.counts().pending == 0)
    assert len(held(backup)) < len(held(ledger)) == len(journal(tmp_path))
    with center(broker, backup), relay(broker, tmp_path):
        assert until(lambda: held(backup) == journal(tmp_path))
    assert epochs(tmp_path) == 2


def test_a_restored_ledger_gets_back_everything_from_a_station_where_nobody_weighs(
    broker: Broker, station: Store, tmp_path: Path
) -> None:
    """The relay stays connected the whole time: no intake and no new connection makes it say hello."""
    ledger, backup, clock = tmp_path / "ledger.db", tmp_path / "backup.db", Clock()
    with relay(broker, tmp_path, clock):
        with center(broker, ledger):
            for _ in range(8):
                bring_in(station)
            assert until(lambda: station.outbox.counts().pending == 0)
            with closing(sqlite3.connect(ledger)) as source, closing(sqlite3.connect(backup)) as copy:
                source.backup(copy)
            for _ in range(8):
                bring_in(station)
            assert until(lambda: station.outbox.counts().pending == 0)
            station.epochs.start("forked", stamp())
            for _ in range(3):
                bring_in(station)
            assert until(lambda: station.outbox.counts().pending == 0)
        assert len(held(backup)) < len(held(ledger)) == len(journal(tmp_path))
        Ledger.begin_generation(f"sqlite:///{backup}")
        with center(broker, backup):
            clock.ahead_s += HELLO_INTERVAL_S
            assert until(lambda: held(backup) == journal(tmp_path))
    assert epochs(tmp_path) == 2
