"""TLS, and the broker files as they are shipped, under the real Mosquitto."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from paho.mqtt.enums import CallbackAPIVersion

from kiosk.messaging.contract.topics import Topics
from kiosk.messaging.relay.connection import Arrived, BrokerFault, Connection, Happening, Lost, Message, Ready, Will
from kiosk.messaging.relay.settings import RelaySettings
from kiosk.simulators.broker import Broker
from tests.messaging.ports import claimed_port, wait_for_listener

SHIPPED = Path(__file__).parents[3] / "firmware_config" / "mosquitto"
SOON_S = 60.0


@dataclass
class Authority:
    """A certificate authority of one test."""

    folder: Path
    name: str = "county"

    def __post_init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])
        self._certificate = self._build(own, own, self._key.public_key(), ca=True).sign(self._key, hashes.SHA256())
        self.file = self.folder / f"{self.name}-ca.crt"
        self.file.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, common_name: str, *, host: str | None = None, days: int = 1) -> tuple[Path, Path]:
        """Certificate and key files; ``host`` is an IP address for a server."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        builder = self._build(subject, self._certificate.subject, key.public_key(), days=days)
        if host is not None:
            names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))])
            builder = builder.add_extension(names, critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        files = self.folder / f"{self.name}-{common_name}.crt", self.folder / f"{self.name}-{common_name}.key"
        files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        files[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return files

    def _build(
        self, subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, *, ca: bool = False, days: int = 1
    ) -> x509.CertificateBuilder:
        start = datetime.now(UTC) - timedelta(days=30)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(start)
            .not_valid_after(datetime.now(UTC) + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .add_extension(_usage(ca=ca), critical=True)
        )


def _usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=ca,
        crl_sign=ca,
        encipher_only=False,
        decipher_only=False,
    )


@dataclass
class County:
    """The shipped county broker with its paths and ports replaced."""

    broker: Broker
    tls_port: int
    authority: Authority

    def station(self, station: str, **more: object) -> RelaySettings:
        """Settings of a station with a certificate of its own."""
        cert, key = self.authority.issue(station)
        files: dict[str, object] = {"ca_file": self.authority.file, "cert_file": cert, "key_file": key}
        return RelaySettings(
            f"mqtts://127.0.0.1:{self.tls_port}",
            "hotan",
            station,
            "kiosk test",
            connect_timeout_s=20.0,
            **(files | more),  # type: ignore[arg-type]
        )


@pytest.fixture
def county(tmp_path: Path) -> Iterator[County]:
    authority = Authority(tmp_path)
    cert, key = authority.issue("broker", host="127.0.0.1")
    passwords = tmp_path / "passwords"
    subprocess.run(
        ["/usr/bin/mosquitto_passwd", "-c", "-b", passwords, "sorting-center", "secret"],
        check=True,
        capture_output=True,
    )
    with claimed_port() as port, claimed_port() as plain_port, claimed_port() as tls_port:
        conf = _shipped_conf(plain_port, tls_port, passwords, authority, (cert, key))
        with Broker(tmp_path / "broker", port, conf) as broker:
            for listener in (plain_port, tls_port):
                wait_for_listener(listener)
            yield County(broker, tls_port, authority)


def _shipped_conf(
    plain_port: int, tls_port: int, passwords: Path, authority: Authority, server: tuple[Path, Path]
) -> str:
    conf = (SHIPPED / "mosquitto.conf").read_text(encoding="utf-8")
    for shipped, here in {
        "listener 1883 127.0.0.1": f"listener {plain_port} 127.0.0.1",
        "listener 8883": f"listener {tls_port} 127.0.0.1",
        "/etc/station-kiosk/broker/passwords": str(passwords),
        "/etc/station-kiosk/broker/stations.acl": str(SHIPPED / "stations.acl"),
        "/etc/station-kiosk/broker/ca.crt": str(authority.file),
        "/etc/station-kiosk/broker/server.crt": str(server[0]),
        "/etc/station-kiosk/broker/server.key": str(server[1]),
    }.items():
        assert conf.count(shipped) == 1
        conf = conf.replace(shipped, here)
    return conf


def connection(settings: RelaySettings, *subscriptions: str) -> Connection:
    topics = Topics(settings.region, settings.station)
    return Connection(settings, subscriptions or (topics.ack,), Will(topics.status, b"gone"))


def until(line: Connection, kind: type[Happening]) -> Happening:
    """Drive the connection until something of this kind happens."""
    give_up = time.monotonic() + SOON_S
    while time.monotonic() < give_up:
        for happening in line.poll(0.05):
            if isinstance(happening, kind):
                return happening
            assert not isinstance(happening, Lost), happening
    raise AssertionError(f"no {kind.__name__}")


def fault_of(settings: RelaySettings) -> str:
    """Why this connection cannot be made."""
    try:
        with connection(settings) as line:
            line.open()
            lost = until(line, Lost)
            assert isinstance(lost, Lost)
            return lost.why
    except BrokerFault as fault:
        return str(fault)


def publish(line: Connection, topic: str) -> Arrived:
    assert line.publish(topic, b"x", "text/plain") is not None
    arrived = until(line, Arrived)
    assert isinstance(arrived, Arrived)
    return arrived


class CenterClient:
    """The sorting center's place at the shipped broker: user and password on loopback."""

    def __init__(self, port: int) -> None:
        self.heard: list[str] = []
        self.news = threading.Condition()
        self._ready = threading.Event()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self.client.username_pw_set("sorting-center", "secret")
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
        assert publish(line, Topics("hotan", "S0001").event).fault is not None  # 0x10: nobody listens yet
        line.goodbye(Topics("hotan", "S0001").status, b"bye", "text/plain")


def test_a_station_cannot_speak_or_listen_for_another(county: County) -> None:
    own, other = Topics("hotan", "S0001"), Topics("hotan", "S0002")
    center = CenterClient(county.broker.port)
    with connection(county.station("S0001"), own.ack, other.ack) as line:
        line.open()
        until(line, Ready)
        for forbidden in (other.event, other.batch, other.status, own.ack, "kiosk/v1/hotan/feed/intake/confirmed/v1"):
            assert "Not authorized" in str(publish(line, forbidden).fault)
        assert publish(line, own.event).fault is None
        center.until(lambda: bool(center.heard))
        assert center.heard == [own.event]
        center.client.publish(other.ack, b"not for you")
        center.client.publish(own.ack, b"for you")
        assert until(line, Message) == Message(own.ack, b"for you")
        line.goodbye(own.status, b"bye", "text/plain")
    center.close()


def test_nobody_gets_in_without_a_name(county: County) -> None:
    plain = RelaySettings(f"mqtt://127.0.0.1:{county.broker.port}", "hotan", "S0001", "kiosk test")
    assert "Not authorized" in fault_of(plain)


def test_a_password_file_is_used(county: County, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("secret\n", encoding="utf-8")
    url = f"mqtt://127.0.0.1:{county.broker.port}"
    settings = RelaySettings(url, "hotan", "S0001", "kiosk test", username="sorting-center", password_file=password)
    with connection(settings) as line:
        line.open()
        until(line, Ready)
        line.goodbye("kiosk/v1/hotan/feed/x", b"", "text/plain")
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
            line.goodbye(Topics("hotan", "S0001").status, b"bye", "text/plain")


def test_the_files_do_not_use_what_loses_messages() -> None:
    for path in SHIPPED.glob("*.conf"):
        settings = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
        assert not any("per_listener_settings" in line for line in settings)
        assert "max_queued_messages 100000" in settings
