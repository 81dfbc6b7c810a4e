"""The fleet: real stores and real relays against a real broker and a small sorting center."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from click.testing import CliRunner
from paho.mqtt.enums import CallbackAPIVersion

from kiosk.cli.fleet import fleet as fleet_command
from kiosk.messaging.contract.control import Ack, Hello, decode, encode
from kiosk.messaging.contract.receive import parse_batch, parse_event
from kiosk.messaging.contract.received_event import ReceivedEvent
from kiosk.messaging.contract.seal import ZERO_HASH
from kiosk.messaging.contract.topics import Topics, parse_up
from kiosk.simulators.broker import Broker
from kiosk.simulators.fleet import Fleet, FleetPlan, FleetResult, Manner, sending
from kiosk.simulators.fleet import fleet as fleet_module
from kiosk.simulators.fleet.fleet import stretches
from kiosk.simulators.fleet.sending import FleetShutdown
from kiosk.simulators.fleet.station import FleetStation, StationFolder, empty_database
from kiosk.sorting_center.ingest.shared.address import BrokerAddress
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.service import SortingCenter
from kiosk.store import StoreError

SOON_S = 60.0


class LedgerCenter:
    """Keeps every event by its identity, checks its chain, acknowledges what is contiguous."""

    def __init__(self, port: int) -> None:
        self.events: dict[tuple[str, str, int], ReceivedEvent] = {}
        self.taken = threading.Condition()
        self._ready = threading.Event()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self.client.reconnect_delay_set(1, 1)
        self.client.on_connect = lambda client, *_: client.subscribe("kiosk/v1/+/+/up/#", qos=1)
        self.client.on_subscribe = lambda *_: self._ready.set()
        self.client.on_message = self._on_message
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert self._ready.wait(SOON_S)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()
        del self.client

    def _on_message(self, client: mqtt.Client, _: object, message: mqtt.MQTTMessage) -> None:
        region, station, kind = parse_up(message.topic)
        payload = bytes(message.payload)
        if kind == "status":
            return
        with self.taken:
            if kind == "hello":
                epoch = decode(Hello, payload).epoch
            else:
                for body in parse_batch(payload) if kind == "batch" else [payload]:
                    epoch = self._keep(parse_event(body, topic_station=station))
            client.publish(Topics(region, station).ack, encode(self._ack(station, epoch)))
            self.taken.notify_all()

    def _keep(self, event: ReceivedEvent) -> str:
        assert event.problem is None
        known = self.events.setdefault((event.station, event.epoch, event.seq), event)
        assert known.sha256 == event.sha256
        return event.epoch

    def _ack(self, station: str, epoch: str) -> Ack:
        upto, head = 0, ZERO_HASH
        while (event := self.events.get((station, epoch, upto + 1))) is not None:
            assert event.prevhash == head
            upto, head = upto + 1, event.sha256
        return Ack(epoch=epoch, upto=upto, gaps=(), quarantined=(), head=head)


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A center that is there is waited for however busy the machine."""
    monkeypatch.setattr(sending, "SILENCE_S", SOON_S)


@pytest.fixture
def all_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time is up when everybody has written and begun to send, and no sooner."""
    end = Fleet.end

    def end_later(fleet: Fleet) -> None:
        latest = monotonic() + SOON_S
        while len(fleet._ending.sending) < fleet._plan.stations and monotonic() < latest:
            sleep(0.01)
        end(fleet)

    monkeypatch.setattr(Fleet, "end", end_later)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path / "broker") as one:
        yield one


@pytest.fixture
def center(broker: Broker) -> Iterator[LedgerCenter]:
    one = LedgerCenter(broker.port)
    yield one
    one.close()


@pytest.fixture(scope="module")
def empty() -> Iterator[Path]:
    """The fleet's own template, made once for all calls; one of the command makes its own."""
    with empty_database() as path:
        yield path


@pytest.fixture(autouse=True)
def made_once(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet_module, "empty_database", lambda: nullcontext(empty))


@pytest.fixture
def call(broker: Broker, tmp_path: Path) -> Callable[..., FleetResult]:
    def run(stations: int, intakes: int, timeout_s: float = 300.0) -> FleetResult:
        return Fleet(FleetPlan(stations, intakes, broker.url, tmp_path / "stations", 7, timeout_s)).run()

    return run


@pytest.fixture
def change_epoch(broker: Broker, tmp_path: Path) -> Callable[[], None]:
    """What a technician does at the first station."""

    def begin() -> None:
        plan = FleetPlan(1, 0, broker.url, tmp_path / "stations", 7, 10.0)
        station = FleetStation(plan, StationFolder("S0001", plan.database("S0001")), tmp_path, FleetShutdown())
        with station.store() as store:
            store.epochs.start("forked", station.clock.stamp())

    return begin


def test_every_event_arrives_once_and_a_second_call_goes_on(
    center: LedgerCenter, call: Callable[..., FleetResult], tmp_path: Path
) -> None:
    first = call(3, 2)
    # Per station: epoch started, key made, catalog imported, two intakes.
    assert (first.written, first.acknowledged, first.pending) == (15, 15, 0)
    second = call(3, 1)
    assert (second.written, second.acknowledged, second.pending) == (18, 18, 0)
    assert len(center.events) == 18
    assert sorted({station for station, _, _ in center.events}) == ["S0001", "S0002", "S0003"]
    assert (tmp_path / "stations" / "S0001").is_dir()


def test_a_broker_killed_on_the_way_costs_time_only(
    broker: Broker, center: LedgerCenter, call: Callable[..., FleetResult]
) -> None:
    results: list[FleetResult] = []
    running = threading.Thread(target=lambda: results.append(call(4, 6)))
    running.start()
    with center.taken:
        assert center.taken.wait_for(lambda: len(center.events) > 0, SOON_S)
    broker.kill()
    broker.restart()
    running.join(300)
    assert [(result.written, result.pending) for result in results] == [(36, 0)]
    assert len(center.events) == 36


def test_a_center_back_from_a_backup_gets_the_rest_again(
    center: LedgerCenter, call: Callable[..., FleetResult]
) -> None:
    call(2, 3)
    everything = set(center.events)
    with center.taken:
        center.events = {key: event for key, event in center.events.items() if key[2] <= 2}
    assert call(2, 0).pending == 0
    assert set(center.events) == everything


def test_a_new_epoch_takes_nothing_from_the_count(
    center: LedgerCenter, call: Callable[..., FleetResult], change_epoch: Callable[[], None]
) -> None:
    assert call(1, 3).written == 6
    change_epoch()
    after = call(1, 1)
    assert (after.written, after.acknowledged, after.pending) == (8, 8, 0)
    assert len(center.events) == 8


@pytest.mark.usefixtures("all_begin")
def test_what_was_told_again_is_written_twice_and_acknowledged_once(
    broker: Broker, call: Callable[..., FleetResult], change_epoch: Callable[[], None]
) -> None:
    call(1, 2, timeout_s=0.3)
    change_epoch()
    waiting = call(1, 0, timeout_s=0.3)
    # Five events in the first epoch; the second has its own, three of them again, and the key anew.
    assert (waiting.written, waiting.acknowledged, waiting.pending) == (10, 0, 5)
    center = LedgerCenter(broker.port)
    sent = call(1, 0)
    assert (sent.written, sent.acknowledged, sent.pending) == (10, 5, 0)
    center.close()


def test_a_center_back_from_a_backup_gets_an_ended_epoch_again(
    center: LedgerCenter, call: Callable[..., FleetResult], change_epoch: Callable[[], None]
) -> None:
    call(1, 3)
    change_epoch()
    call(1, 1)
    everything = set(center.events)
    with center.taken:
        center.events = {key: event for key, event in center.events.items() if key[2] <= 1}
    back = call(1, 0)
    assert (back.written, back.acknowledged, back.pending) == (8, 8, 0)
    assert set(center.events) == everything


@pytest.mark.usefixtures("all_begin")
def test_without_a_center_the_events_wait_for_the_next_call(broker: Broker, call: Callable[..., FleetResult]) -> None:
    waiting = call(2, 1, timeout_s=0.3)
    assert (waiting.written, waiting.acknowledged, waiting.pending) == (8, 0, 8)
    center = LedgerCenter(broker.port)
    assert call(2, 0).pending == 0
    assert len(center.events) == 8
    center.close()


def journal(database: Path) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(database)) as reader:
        return [json.loads(body) for (body,) in reader.execute("SELECT body FROM journal ORDER BY position")]


def test_several_processes_share_the_stations(center: LedgerCenter, broker: Broker, tmp_path: Path) -> None:
    manner = Manner(processes=2, durable=False)
    done = Fleet(FleetPlan(3, 2, broker.url, tmp_path / "stations", 7, 300.0, manner)).run()
    assert (done.written, done.acknowledged, done.pending, done.intakes) == (15, 15, 0, 6)
    assert done.synchronous == "off"
    assert done.intakes_per_s > 0
    assert len(center.events) == 15


def test_shares_whose_time_is_up_tell_what_waits(broker: Broker, tmp_path: Path) -> None:
    """However early: a process that has just been started answers, too."""
    waiting = Fleet(FleetPlan(2, 1, broker.url, tmp_path / "stations", 7, 0.2, Manner(processes=2))).run()
    assert waiting.pending == waiting.written > 0
    assert waiting.acknowledged == 0


def test_a_share_that_fails_ends_the_fleet(center: LedgerCenter, broker: Broker, tmp_path: Path) -> None:
    folder = tmp_path / "stations"
    database = folder / "S0002" / "station.sqlite"
    database.parent.mkdir(parents=True)
    database.write_bytes(b"not a database at all" * 1000)
    with pytest.raises(StoreError, match="not an SQLite file"):
        Fleet(FleetPlan(2, 1, broker.url, folder, 7, 300.0, Manner(processes=2))).run()


def test_weeks_with_faults_end_with_everything_at_the_center(broker: Broker, tmp_path: Path) -> None:
    """Of this seed: a line that is down, a clock in 1970, a card that comes back older, a card that is copied."""
    plan = FleetPlan(4, 8, broker.url, tmp_path / "stations", 7, 300.0, Manner(days=21, faults=12))
    chosen = {stretch.fault for name in plan.names for stretch in stretches(plan, name)}
    assert {"outage", "clock", "restore", "clone"} <= chosen
    ledger_url = f"sqlite:///{tmp_path / 'ledger.db'}"
    with SortingCenter(Ledger.open(ledger_url), BrokerAddress.parse(broker.url), None) as center:
        assert center.start(SOON_S)
        done = Fleet(plan).run()
    assert done.pending == 0
    assert done.intakes >= 4 * 8
    with Ledger.open_readonly(ledger_url) as ledger:
        told = {(event.station, event.epoch, event.seq) for event in ledger.events()}
        whys = {json.loads(event.body)["data"].get("why") for event in ledger.events() if event.seq == 1}
    assert {"new", "behind"} <= whys
    for database in plan.folder.glob("S*/station.sqlite"):
        events = journal(database)
        current = events[-1]["epoch"]
        here = {(event["station"], current, event["seq"]) for event in events if event["epoch"] == current}
        assert database.parent.name.endswith("-image") or here <= told
    times = sorted(event["time"][:10] for event in journal(plan.database("S0001")))
    assert len(set(times)) > 5  # days


def test_a_database_that_cannot_be_used_ends_the_fleet(
    center: LedgerCenter, call: Callable[..., FleetResult], tmp_path: Path
) -> None:
    call(2, 0)
    (tmp_path / "stations" / "S0002" / "station.sqlite").write_bytes(b"not a database at all" * 1000)
    with pytest.raises(StoreError):
        call(2, 1)


def test_the_command(broker: Broker, center: LedgerCenter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet_module, "empty_database", empty_database)
    arguments = ["--stations", "2", "--intakes", "1", "--broker", broker.url, "--dir", str(tmp_path / "stations")]
    done = CliRunner().invoke(fleet_command, arguments)
    assert done.exit_code == 0
    answer = json.loads(done.stdout)
    assert {name: answer[name] for name in ("written", "acknowledged", "pending", "intakes", "synchronous")} == {
        "written": 8,
        "acknowledged": 8,
        "pending": 0,
        "intakes": 2,
        "synchronous": "full",
    }
    assert answer["seconds"] > 0


@pytest.mark.usefixtures("all_begin")
def test_the_command_says_when_something_is_left(broker: Broker, tmp_path: Path) -> None:
    arguments = ["--stations", "1", "--intakes", "1", "--broker", broker.url, "--dir", str(tmp_path / "stations")]
    left = CliRunner().invoke(fleet_command, [*arguments, "--timeout", "0.3"])
    assert left.exit_code == 1
    assert json.loads(left.stdout)["pending"] == 4


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (["--stations", "0"], "a fleet has 1 to 9999 stations"),
        (["--intakes", "-1"], "no negative intakes"),
        (["--broker", "http://x"], "must look like mqtt://host:1883"),
        (["--days", "-1"], "0 to 3650 days"),
        (["--processes", "0"], "1 to 64 processes"),
        (["--timeout", "0"], "some time"),
        (["--timeout", "-1"], "some time"),
        (["--timeout", "nan"], "some time"),
        (["--timeout", "inf"], "some time"),
        (["--timeout", "1e300"], "some time"),
    ],
)
def test_wrong_usage(change: list[str], text: str, tmp_path: Path) -> None:
    arguments = ["--stations", "1", "--intakes", "1", "--broker", "mqtt://127.0.0.1:1", "--dir", str(tmp_path)]
    wrong = CliRunner().invoke(fleet_command, [*arguments, *change])
    assert wrong.exit_code == 2
    assert text in wrong.stderr
