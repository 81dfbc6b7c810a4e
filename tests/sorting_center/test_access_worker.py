"""The broker lets in whom the county's list says: with the shipped Mosquitto, its plugin and real certificates."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from click.testing import CliRunner
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from kiosk.cli.sorting_center import main
from kiosk.messaging.contract.topics import Topics
from kiosk.sorting_center.access_worker import AccessTiming, BrokerAccess
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.ingest.shared.address import BrokerAddress
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.service import SortingCenter
from kiosk.sorting_center.shared.health import CenterHealth
from kiosk.sorting_center.stations.broker_access import initial_document
from kiosk.sorting_center.stations.shared.subject import MachineKind, MachineSubject
from tests.servers.mosquitto import PASSWORD, CountyBroker, county_broker, station
from tests.sorting_center.brokers import SOON_S, Broker, Peer, until
from tests.sorting_center.station_journal import Station

NOW = datetime(2026, 12, 1, 8, tzinfo=UTC)
QUICK = AccessTiming(period_s=0.02, whole_period_s=600.0, answer_s=SOON_S)
READER = MachineSubject("hotan", MachineKind.READER, "office")
FEED = "kiosk/v1/hotan/feed/intake/confirmed/v1"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[CountyBroker]:
    with county_broker(tmp_path) as running:
        yield running


@pytest.fixture
def desk(ledger: Ledger) -> Iterator[CenterDesk]:
    with CenterDesk.open(ledger.url) as opened:
        yield opened


def add(desk: CenterDesk, *subjects: MachineSubject, replacing: bool = False) -> None:
    desk.certificates.add([(one, NOW, b"") for one in subjects], NOW, replacing=replacing)


def revoke(desk: CenterDesk, subject: MachineSubject) -> None:
    desk.certificates.revoke(subject.region, subject.kind, subject.name, "stolen", NOW)


@contextmanager
def kept(
    ledger: Ledger,
    broker: CountyBroker | Broker,
    timing: AccessTiming = QUICK,
    login: str = f"sorting-center:{PASSWORD}",
) -> Iterator[CenterHealth]:
    """The worker runs."""
    health = CenterHealth()
    address = BrokerAddress.parse(f"mqtt://{login}@127.0.0.1:{broker.port}")
    access = BrokerAccess(ledger, address, health, timing).thread
    access.start()
    try:
        yield health
    finally:
        access.stop(SOON_S)


class Machine:
    """A client with a certificate; it never connects a second time by itself."""

    def __init__(self, broker: CountyBroker, subject: MachineSubject) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.gone = threading.Event()
        self._codes: list[ReasonCode] = []
        self._news = threading.Condition()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5, reconnect_on_failure=False)
        cert, key = broker.county.machine(subject)
        self._client.tls_set(str(broker.county.file), str(cert), str(key))
        self._client.on_disconnect = lambda *_: self.gone.set()
        self._client.on_subscribe = lambda _client, _userdata, _mid, codes, _properties: self._note(codes)
        self._client.on_publish = lambda _client, _userdata, _mid, code, _properties: self._note([code])
        self._client.on_message = self._hear
        self._client.connect("127.0.0.1", broker.tls_port)
        self._client.loop_start()

    def may_publish(self, topic: str, content: bytes = b"x") -> bool:
        self._client.publish(topic, content, qos=1)
        return self._answer()

    def may_subscribe(self, topic: str) -> bool:
        self._client.subscribe(topic, qos=1)
        return self._answer()

    def _answer(self) -> bool:
        with self._news:
            assert self._news.wait_for(lambda: self._codes, SOON_S)
            return not self._codes.pop().is_failure

    def _note(self, codes: list[ReasonCode]) -> None:
        with self._news:
            self._codes += codes
            self._news.notify_all()

    def _hear(self, _client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:
        self.heard.append((message.topic, bytes(message.payload)))

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        del self._client


@contextmanager
def machine(broker: CountyBroker, subject: MachineSubject) -> Iterator[Machine]:
    made = Machine(broker, subject)
    try:
        yield made
    finally:
        made.close()


def is_let_in(broker: CountyBroker, subject: MachineSubject) -> bool:
    with machine(broker, subject) as one:
        return one.may_publish(Topics(subject.region, subject.name).event)


def test_who_is_in_the_list_is_let_in_and_who_is_revoked_is_thrown_off(
    ledger: Ledger, desk: CenterDesk, broker: CountyBroker
) -> None:
    stations = [station(f"S000{number}") for number in (1, 2, 3)]
    add(desk, *stations, READER)
    topics = [Topics("hotan", one.name) for one in stations]
    with kept(ledger, broker) as health:
        until(lambda: broker.control.client(str(READER)))
        with (
            machine(broker, stations[0]) as first,
            machine(broker, stations[1]) as second,
            machine(broker, stations[2]) as third,
            machine(broker, READER) as reader,
        ):
            machines = (first, second, third)
            assert all(one.may_publish(own.event) for one, own in zip(machines, topics, strict=True))
            for forged in (topics[1].event, Topics("kashgar", "S0001").event, FEED, topics[0].ack):
                assert not first.may_publish(forged), forged
            assert not first.may_subscribe(topics[1].ack)
            assert not first.may_subscribe("kiosk/v1/+/feed/#")
            assert reader.may_subscribe("kiosk/v1/+/feed/#")
            assert not reader.may_subscribe(topics[0].event)
            assert not reader.may_publish(topics[0].event)
            assert not reader.may_publish(FEED)

            revoke(desk, stations[0])
            assert first.gone.wait(SOON_S), "it is thrown off"
            assert not is_let_in(broker, stations[0])
            add(desk, station("S0002", 2), replacing=True)
            assert second.gone.wait(SOON_S)
            until(lambda: broker.control.client(str(station("S0002", 2))))
            assert not is_let_in(broker, stations[1]), "the machine that was replaced"
            with machine(broker, station("S0002", 2)) as new:
                assert new.may_publish(topics[1].event)
                assert new.may_subscribe(topics[1].ack)
            assert third.may_publish(topics[2].event)
            assert reader.may_subscribe("kiosk/v1/hotan/feed/#")
            assert not (third.gone.is_set() or reader.gone.is_set()), "the others notice nothing"
            revoke(desk, READER)
            assert reader.gone.wait(SOON_S)
        assert health.report().access_trouble == ""


def test_an_event_reaches_a_reader_on_another_machine_with_its_certificate(
    ledger_url: str, broker: CountyBroker
) -> None:
    """The whole center, with the rights that the first file gives it."""
    ledger, topics, journal = Ledger.open(ledger_url), Topics("hotan", "S0147"), Station()
    with CenterDesk.open(ledger_url) as desk:
        add(desk, station("S0147"), READER)
    address = BrokerAddress.parse(f"mqtt://sorting-center:{PASSWORD}@127.0.0.1:{broker.port}")
    with SortingCenter(ledger, address, None) as center:
        center.keep_broker_access()
        assert center.start(SOON_S)
        until(lambda: broker.control.client(str(READER)))
        with machine(broker, READER) as reader, machine(broker, station("S0147")) as one:
            assert reader.may_subscribe("kiosk/v1/+/feed/#")
            assert one.may_subscribe(topics.ack)
            assert one.may_publish(topics.event, journal.start().body)
            assert until(lambda: one.heard)[0][0] == topics.ack
            own = until(lambda: reader.heard)[0]
            assert (own[0].startswith("kiosk/v1/hotan/feed/"), b'"feedseq":1' in own[1]) == (True, True)
            by_hand = Peer(broker, login=("sorting-center", PASSWORD))
            for topic in ("kiosk/v1/kashgar/feed/intake/confirmed/v1", FEED):
                by_hand.send(topic, b"x")
            by_hand.close()
            assert until(lambda: reader.heard[1:]) == [(FEED, b"x")], "not that of another region"
        assert center.health.report().ok


def test_a_broker_that_forgot_everything_is_told_again(ledger: Ledger, desk: CenterDesk, broker: CountyBroker) -> None:
    """More machines than one answer of the broker lists."""
    many = [station(f"S{number:04}") for number in range(1, 131)]
    add(desk, *many)
    with kept(ledger, broker):
        until(lambda: broker.control.client(str(many[-1])))
        broker.forget()
        broker.restart()
        until(lambda: broker.control.client(str(many[-1])))
        revoke(desk, many[0])
        until(lambda: broker.control.client(str(many[0])) is None)


def test_what_a_person_changed_is_put_right_and_what_a_person_added_stays(
    ledger: Ledger, desk: CenterDesk, broker: CountyBroker
) -> None:
    own, other, stranger = station("S0001"), station("S0002"), station("S0009")
    of_another_center = station("S0001", region="kashgar")
    names = (str(own), str(other), str(stranger))
    add(desk, own, other)
    broker.let_in(own, other, stranger, of_another_center)
    send = {"acltype": "publishClientSend", "topic": "kiosk/v1/#", "allow": True}
    broker.control.run(
        [
            {"command": "createClient", "username": "bookkeeping", "password": "p"},
            {"command": "addClientRole", "username": "bookkeeping", "rolename": "feed-reader"},
            {"command": "createRole", "rolename": "everything", "acls": [send]},
            {"command": "removeClientRole", "username": names[0], "rolename": "station/hotan/S0001"},
            {"command": "addClientRole", "username": names[1], "rolename": "everything"},
            {"command": "addRoleACL", "rolename": "station/hotan/S0001", **send},
        ]
    )
    with kept(ledger, broker, replace(QUICK, whole_period_s=0.1)):
        until(lambda: broker.control.client(names[2]) is None)
        until(lambda: is_let_in(broker, own))
        until(
            lambda: (
                broker.control.client(names[1])
                == {"username": names[1], "roles": [{"rolename": "station/hotan/S0002"}], "groups": []}
            )
        )
        with machine(broker, own) as one:
            assert not one.may_publish(Topics("hotan", "S0002").event)
        assert broker.control.client("bookkeeping") is not None
        assert is_let_in(broker, of_another_center)
        broker.control.run([{"command": "disableClient", "username": names[0]}])
        until(lambda: "disabled" not in (broker.control.client(names[0]) or {"disabled": True}))


def test_an_empty_list_touches_nobody(ledger: Ledger, desk: CenterDesk, broker: CountyBroker) -> None:
    """Lost, or never begun: the county is not cut off."""
    broker.let_in(station("S0001"))
    seen = threading.Event()
    read = desk.certificates.subjects
    with pytest.MonkeyPatch.context() as patch:

        def subjects(_self: object) -> object:
            seen.set()
            return read()

        patch.setattr(type(desk.certificates), "subjects", subjects)
        with kept(ledger, broker) as health:
            for _ in range(3):
                seen.clear()
                assert seen.wait(SOON_S)
            assert health.report().access_trouble == ""
    assert is_let_in(broker, station("S0001"))


def test_a_frozen_broker_is_said_and_tried_again(ledger: Ledger, desk: CenterDesk, broker: CountyBroker) -> None:
    add(desk, station("S0001"))
    with kept(ledger, broker, replace(QUICK, answer_s=0.2)) as health:
        until(lambda: broker.control.client(str(station("S0001"))))
        broker.freeze()
        revoke(desk, station("S0001"))
        until(lambda: "the broker says nothing" in health.report().access_trouble)
        broker.thaw()
        until(lambda: broker.control.client(str(station("S0001"))) is None)
        until(lambda: health.report().access_trouble == "")


def test_a_broker_that_is_away_or_has_no_plugin_or_gives_no_right_is_said(
    ledger: Ledger, desk: CenterDesk, broker: CountyBroker, tmp_path: Path
) -> None:
    add(desk, station("S0001"))
    impatient = replace(QUICK, answer_s=0.2)
    (tmp_path / "plain").mkdir()
    with Broker(tmp_path / "plain") as plain:
        with kept(ledger, plain, impatient) as health:
            until(lambda: "does not answer at" in health.report().access_trouble)
        plain.start()
        with kept(ledger, plain, impatient) as health:
            until(lambda: "is its dynamic security plugin not loaded" in health.report().access_trouble)
    broker.control.run([{"command": "createClient", "username": "nobody", "password": "p"}])
    with kept(ledger, broker, impatient, "nobody:p") as health:
        until(lambda: "does its user have the role admin" in health.report().access_trouble)


def test_a_desk_that_cannot_be_read_is_said(ledger: Ledger, broker: CountyBroker) -> None:
    with CenterDesk.open(ledger.url) as desk:
        path = desk.database.path
    assert path is not None
    content = path.read_bytes()
    path.write_bytes(b"this is no database" * 1000)
    with kept(ledger, broker) as health:
        until(lambda: str(path) in health.report().access_trouble)
        assert "list of certificates" in health.report().access_trouble
        path.with_name(f"{path.name}-wal").unlink(missing_ok=True)
        path.write_bytes(content)
        until(lambda: health.report().access_trouble == "")


def test_rabbitmq_is_refused_in_one_sentence(ledger_url: str) -> None:
    words = ["run", "--broker", "amqp://127.0.0.1", "--ledger", ledger_url, "--broker-access", "dynamic-security"]
    done = CliRunner().invoke(main, words)
    assert (done.exit_code, "is for Mosquitto" in done.stderr) == (2, True)


def test_the_first_file_has_no_password_in_it() -> None:
    first, second = initial_document("walnut"), initial_document("walnut")
    assert b"walnut" not in first
    assert first != second, "each has a salt of its own"
