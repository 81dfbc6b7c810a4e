"""TLS, and the broker files as they are shipped, under the real Mosquitto."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from kiosk.messaging.contract.topics import Topics
from kiosk.messaging.relay.connection import (
    BrokerConnection,
    BrokerFault,
    ConnectionEvent,
    ConnectionLost,
    ConnectionOptions,
    Message,
    PubAck,
    Ready,
    Will,
)
from kiosk.messaging.relay.shared.faults import LinkFault
from kiosk.messaging.relay.shared.settings import RelaySettings
from kiosk.simulators.broker import Broker
from kiosk.sorting_center.stations.shared.subject import MachineKind
from tests.messaging.authority import Authority
from tests.messaging.ports import claimed_port, wait_for_listener
from tests.servers.mosquitto import SHIPPED, CountyBroker, county_broker, station

SOON_S = 60.0


@dataclass
class County:
    """The shipped county broker."""

    broker: CountyBroker

    @property
    def ca_file(self) -> Path:
        return self.broker.county.file

    def issue(self, name: str) -> tuple[Path, Path]:
        """Certificate and key of a station that is let in."""
        self.broker.let_in(station(name))
        return self.broker.county.machine(station(name))

    def station(self, name: str, **more: object) -> RelaySettings:
        """Settings of a station with a certificate of its own."""
        cert, key = self.issue(name)
        files: dict[str, object] = {"ca_file": self.ca_file, "cert_file": cert, "key_file": key}
        return RelaySettings(
            f"mqtts://127.0.0.1:{self.broker.tls_port}",
            "hotan",
            name,
            "kiosk test",
            **(files | more),  # type: ignore[arg-type]
        )


@pytest.fixture
def county(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[County]:
    """A parameter is a table of further replacements in the shipped file."""
    with county_broker(tmp_path, getattr(request, "param", None)) as broker:
        yield County(broker)


def connection(settings: RelaySettings, *subscriptions: str) -> BrokerConnection:
    topics = Topics(settings.region, settings.station)
    return BrokerConnection(ConnectionOptions(settings), subscriptions or (topics.ack,), Will(topics.status, b"gone"))


def until(line: BrokerConnection, kind: type[ConnectionEvent]) -> ConnectionEvent:
    """Drive the connection until something of this kind happens."""
    give_up = time.monotonic() + SOON_S
    while time.monotonic() < give_up:
        for happening in line.poll(0.05):
            if isinstance(happening, kind):
                return happening
            assert not isinstance(happening, ConnectionLost), happening
    raise AssertionError(f"no {kind.__name__}")


def fault_of(settings: RelaySettings) -> str:
    """Why this connection cannot be made."""
    try:
        with connection(settings) as line:
            line.open()
            lost = until(line, ConnectionLost)
            assert isinstance(lost, ConnectionLost)
            return lost.why
    except BrokerFault as fault:
        return str(fault)


def publish(line: BrokerConnection, topic: str) -> PubAck:
    assert line.publish(topic, b"x", "text/plain") is not None
    arrived = until(line, PubAck)
    assert isinstance(arrived, PubAck)
    return arrived


class CenterClient:
    """The sorting center's place at the shipped broker: user and password on loopback."""

    def __init__(self, port: int, client_id: str = "") -> None:
        self.heard: list[str] = []
        self.thrown_off = threading.Event()
        self.news = threading.Condition()
        self._ready = threading.Event()
        self.client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id, protocol=mqtt.MQTTv5, reconnect_on_failure=False
        )
        self.client.username_pw_set("sorting-center", "secret")
        self.client.on_disconnect = lambda *_: self.thrown_off.set()
        self.client.on_message = self._on_message
        self.client.on_subscribe = lambda *_: self._ready.set()
        self.client.connect("127.0.0.1", port)
        self.client.subscribe("kiosk/v1/+/+/up/#", qos=1)
        self.client.loop_start()
        assert self._ready.wait(SOON_S)

    def _on_message(self, client: mqtt.Client, _: object, message: mqtt.MQTTMessage) -> None:
        with self.news:
            self.heard.append(message.topic)
            self.news.notify_all()

    def until(self, condition: Callable[[], bool]) -> None:
        with self.news:
            assert self.news.wait_for(condition, SOON_S)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()
        del self.client


def test_a_station_with_its_certificate_gets_in(county: County) -> None:
    with connection(county.station("S0001")) as line:
        line.open()
        until(line, Ready)
        assert publish(line, Topics("hotan", "S0001").event).fault is LinkFault.NO_SUBSCRIBERS
        line.disconnect(Topics("hotan", "S0001").status, b"bye", "text/plain")


def test_a_station_cannot_speak_or_listen_for_another(county: County) -> None:
    own, other = Topics("hotan", "S0001"), Topics("hotan", "S0002")
    center = CenterClient(county.broker.port)
    listener = county.station("S0001")
    with connection(listener, own.ack, other.ack) as line:
        line.open()
        with pytest.raises(AssertionError, match="may not listen"):
            until(line, Ready)
    with connection(listener) as line:
        line.open()
        until(line, Ready)
        strange = (own.ack, f"{own.event}/x", "kiosk/v1/hotan/S0001/up/x", "kiosk/v1/hotan/feed/intake/confirmed/v1")
        elsewhere = Topics("kashgar", "S0001").status
        for forbidden in (other.event, other.batch, other.status, elsewhere, *strange):
            assert publish(line, forbidden).fault is LinkFault.NOT_AUTHORIZED
        assert publish(line, own.event).fault is None
        center.until(lambda: own.event in center.heard)
        assert set(center.heard) == {own.event, own.status}, "the status is the will of the one that may not listen"
        center.client.publish(other.ack, b"not for you")
        center.client.publish(own.ack, b"for you")
        assert until(line, Message) == Message(own.ack, b"for you")
        line.disconnect(own.status, b"bye", "text/plain")
    center.close()


class Intruder:
    """A client with the certificate of one station and any client id it likes."""

    def __init__(
        self,
        county: County,
        name: str,
        client_id: str,
        session_s: int = 0,
        files: tuple[Path, Path] | None = None,
    ) -> None:
        """``files``: certificate and key, where they are not those of the station ``name``."""
        self.heard: list[tuple[str, bytes]] = []
        self.session_present = False
        self.codes: list[ReasonCode] = []
        self.thrown_off = False
        self._news = threading.Condition()
        self._connack: ReasonCode | None = None
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id, protocol=mqtt.MQTTv5, reconnect_on_failure=False
        )
        cert, key = files or county.issue(name)
        self._client.tls_set(str(county.ca_file), str(cert), str(key))
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = lambda *_: self._off()
        self._client.on_subscribe = lambda client, _, mid, codes, properties: self._note(codes)
        self._client.on_publish = lambda client, _, mid, code, properties: self._note([code])
        self._client.on_message = self._on_message
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = session_s
        self._client.connect("127.0.0.1", county.broker.tls_port, clean_start=session_s == 0, properties=properties)
        self._client.loop_start()
        self.until(lambda: self._connack is not None)

    @property
    def refused(self) -> bool:
        return self._connack is not None and self._connack.is_failure

    def subscribe(self, topic: str) -> ReasonCode:
        self._client.subscribe(topic, qos=1)
        return self._answer()

    def publish(self, topic: str) -> ReasonCode:
        self._client.publish(topic, b"forged", qos=1)
        return self._answer()

    def leaves(self, topic: str, content: bytes) -> bool:
        """Whether the broker takes it to be kept; if not, it hangs up."""
        self._client.publish(topic, content, qos=1, retain=True)
        self.until(lambda: bool(self.codes) or self.thrown_off)
        return not self.thrown_off

    def until(self, condition: Callable[[], bool]) -> None:
        with self._news:
            assert self._news.wait_for(condition, SOON_S)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        del self._client

    def _off(self) -> None:
        with self._news:
            self.thrown_off = True
            self._news.notify_all()

    def _answer(self) -> ReasonCode:
        self.until(lambda: bool(self.codes))
        return self.codes.pop()

    def _note(self, codes: list[ReasonCode]) -> None:
        with self._news:
            self.codes += codes
            self._news.notify_all()

    def _on_connect(
        self, client: mqtt.Client, _: object, flags: mqtt.ConnectFlags, code: ReasonCode, properties: Properties | None
    ) -> None:
        with self._news:
            self._connack, self.session_present = code, flags.session_present
            self._news.notify_all()

    def _on_message(self, client: mqtt.Client, _: object, message: mqtt.MQTTMessage) -> None:
        with self._news:
            self.heard.append((message.topic, bytes(message.payload)))
            self._news.notify_all()


def test_nobody_is_thrown_off_by_another_station_s_certificate(county: County) -> None:
    """The client id of a station is its certificate's name, whatever it says."""
    victim, center = Topics("hotan", "S0002"), CenterClient(county.broker.port, "sorting-center-1")
    with connection(county.station("S0002")) as line:
        line.open()
        until(line, Ready)
        for claimed in ("kiosk-hotan-S0002", "S0002", "sorting-center-1", "+", "#", "S0002/#", "kiosk-hotan-+", ""):
            intruder = Intruder(county, "S0001", claimed)
            assert publish(line, victim.event).fault is None, claimed
            assert "Not authorized" in str(intruder.publish(victim.event)), claimed
            assert "Success" in str(intruder.publish(Topics("hotan", "S0001").event)), claimed
            assert not center.thrown_off.is_set(), claimed
            intruder.close()
        center.client.publish(victim.ack, b"for you")
        assert until(line, Message) == Message(victim.ack, b"for you")
        line.disconnect(victim.status, b"bye", "text/plain")
    center.until(lambda: center.heard.count(victim.event) == 8)
    center.close()


def test_a_certificate_with_a_wildcard_for_a_name_opens_nothing(county: County) -> None:
    center, victim = CenterClient(county.broker.port), Topics("hotan", "S0002")
    own = Topics("hotan", "S0001")
    with connection(county.station("S0001")) as line:
        line.open()
        until(line, Ready)
        for name in ("+", "#", "S0002/up/event", "+/up/#", "S0002,OU=station,O=hotan"):
            forged: Any = SimpleNamespace(region="hotan", kind=MachineKind.STATION, name=name, generation=1)
            intruder = Intruder(county, name, "x", files=county.broker.county.machine(forged))
            if not intruder.refused:
                intruder.subscribe("kiosk/v1/+/+/down/#")
                assert "Not authorized" in str(intruder.publish(victim.event)), name
                assert "Not authorized" in str(intruder.publish("kiosk/v1/hotan/+/up/event".replace("+", "x"))), name
                center.client.publish(own.ack, b"for S0001")
                assert until(line, Message) == Message(own.ack, b"for S0001")
                assert "Not authorized" in str(intruder.publish(victim.hello)), name
            assert intruder.heard == [], name
            intruder.close()
        line.disconnect(own.status, b"bye", "text/plain")
    assert [topic for topic in center.heard if "S0001" not in topic] == []
    center.close()


def test_two_machines_with_one_certificate_are_told(county: County) -> None:
    with connection(county.station("S0001")) as first, connection(county.station("S0001")) as second:
        first.open()
        until(first, Ready)
        second.open()
        until(second, Ready)
        lost = until(first, ConnectionLost)
        assert isinstance(lost, ConnectionLost)
        assert "another machine uses this station's id" in lost.why
        second.disconnect(Topics("hotan", "S0001").status, b"bye", "text/plain")


def test_a_session_belongs_to_the_certificate_too(county: County) -> None:
    """What waits for a client that is away is given to its certificate under any client id, and to no other."""
    center, own = CenterClient(county.broker.port), Topics("hotan", "S0001")
    first = Intruder(county, "S0001", "one name", session_s=600)
    assert not first.subscribe(own.ack).is_failure
    first.close()
    center.client.publish(own.ack, b"while it was away", qos=1).wait_for_publish(SOON_S)
    stranger = Intruder(county, "S0002", "one name", session_s=600)
    assert (stranger.session_present, stranger.heard) == (False, [])
    stranger.close()
    again = Intruder(county, "S0001", "another name", session_s=600)
    assert again.session_present
    again.until(lambda: again.heard == [(own.ack, b"while it was away")])
    again.close()
    center.close()


def test_what_a_station_leaves_is_bounded_by_its_rights(county: County) -> None:
    """Retained messages are no queue, and nothing else bounds them."""
    hostile, own = Intruder(county, "S0666", "x"), Topics("hotan", "S0666")
    may = {own.event, own.batch, own.hello, own.status}
    invented = {f"kiosk/v1/r{number}/S0666/up/status" for number in range(5)} | {f"{topic}/x" for topic in may}
    taken = set()
    for topic in (
        *may,
        *invented,
        own.ack,
        "kiosk/v1/hotan/feed/x",
        "anything",
        "$SYS/x",
        "$CONTROL/dynamic-security/v1",
    ):
        assert hostile.leaves(topic, b"x" * 1000), topic
        if not hostile.codes.pop().is_failure:
            taken.add(topic)
    assert taken == may
    hostile.close()


QUEUE = "max_queued_bytes 268435456\n"


@pytest.mark.parametrize("county", [{QUEUE: "max_queued_bytes 20000\n"}], indirect=True)
def test_what_waits_for_one_client_is_bounded_in_bytes(county: County) -> None:
    """A station that floods a center that is away must not fill the server's memory."""
    own = Topics("hotan", "S0001")
    away = Intruder(county, "S0001", "", session_s=600)
    assert not away.subscribe(own.ack).is_failure
    away.close()
    center = CenterClient(county.broker.port)
    for _ in range(100):
        center.client.publish(own.ack, b"x" * 1000, qos=1).wait_for_publish(SOON_S)
    center.client.publish(own.ack, b"", qos=1).wait_for_publish(SOON_S)
    back = Intruder(county, "S0001", "", session_s=600)
    center.client.publish(own.ack, b"last", qos=1).wait_for_publish(SOON_S)
    back.until(lambda: (own.ack, b"last") in back.heard)
    assert 10 <= len(back.heard) < 30
    back.close()
    center.close()


def test_nobody_gets_in_without_a_name(county: County) -> None:
    plain = RelaySettings(f"mqtt://127.0.0.1:{county.broker.port}", "hotan", "S0001", "kiosk test")
    assert "Not authorized" in fault_of(plain)


def test_a_password_file_is_used(county: County, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("secret\n", encoding="utf-8")
    url = f"mqtt://127.0.0.1:{county.broker.port}"
    settings = RelaySettings(url, "hotan", "S0001", "kiosk test", username="sorting-center", password_file=password)
    with connection(settings, "kiosk/v1/+/+/up/#") as line:
        line.open()
        until(line, Ready)
        line.disconnect("kiosk/v1/hotan/feed/x", b"", "text/plain")
    password.unlink()
    assert "password cannot be read" in fault_of(settings)


def test_a_station_without_a_certificate_stays_out(county: County) -> None:
    assert fault_of(county.station("S0001", cert_file=None, key_file=None))


def test_a_certificate_of_another_authority_stays_out(county: County, tmp_path: Path) -> None:
    cert, key = Authority(tmp_path, "stranger").issue("S0001")
    assert fault_of(county.station("S0001", cert_file=cert, key_file=key))


def test_a_broker_of_another_authority_is_not_talked_to(county: County, tmp_path: Path) -> None:
    stranger = Authority(tmp_path, "stranger").file
    assert "check this machine's clock, ca_file" in fault_of(county.station("S0001", ca_file=stranger))


@pytest.mark.parametrize(("host", "days"), [("127.0.0.2", 1), ("127.0.0.1", -2)], ids=["other host", "expired"])
def test_a_broker_that_cannot_prove_its_name_is_not_talked_to(tmp_path: Path, host: str, days: int) -> None:
    authority = Authority(tmp_path)
    cert, key = authority.issue("broker", host=host, days=days)
    conf = f"allow_anonymous true\ncertfile {cert}\nkeyfile {key}\n"
    with claimed_port() as port, Broker(tmp_path / "broker", port, conf) as broker:
        url = f"mqtts://127.0.0.1:{broker.port}"
        settings = RelaySettings(url, "hotan", "S0001", "kiosk test", ca_file=authority.file)
        assert "certificate is for this host name" in fault_of(settings)


def test_a_tls_file_that_is_missing_is_named(county: County, tmp_path: Path) -> None:
    assert str(tmp_path / "none.crt") in fault_of(county.station("S0001", ca_file=tmp_path / "none.crt"))


def test_the_loopback_file_starts_and_takes_everybody_on_this_machine(tmp_path: Path) -> None:
    conf = (SHIPPED / "loopback.conf").read_text(encoding="utf-8")
    assert conf.count("listener 1883 127.0.0.1\n") == 1
    with (
        claimed_port() as first,
        claimed_port() as port,
        Broker(tmp_path / "broker", first, conf.replace("listener 1883", f"listener {port}")),
    ):
        wait_for_listener(port)
        settings = RelaySettings(f"mqtt://127.0.0.1:{port}", "hotan", "S0001", "kiosk test")
        with connection(settings) as line:
            line.open()
            until(line, Ready)
            line.disconnect(Topics("hotan", "S0001").status, b"bye", "text/plain")


def test_the_files_do_not_use_what_loses_messages() -> None:
    for path in SHIPPED.glob("*.conf"):
        settings = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
        assert not any(line.startswith(("per_listener_settings", "memory_limit")) for line in settings)
        assert "max_queued_messages 100000" in settings
        assert QUEUE.strip() in settings
