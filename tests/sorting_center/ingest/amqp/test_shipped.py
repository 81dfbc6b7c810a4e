"""RabbitMQ with the files that are shipped, its paths and ports replaced: each trap is closed."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pika
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from kiosk.messaging.contract.topics import Topics
from kiosk.sorting_center.ingest.amqp import queues
from kiosk.sorting_center.ingest.mqtt.link import MAX_PACKET_BYTES
from kiosk.sorting_center.ingest.shared.address import BrokerAddress
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.service import SortingCenter
from tests.messaging.relay.test_broker_files import Authority
from tests.servers.rabbitmq import RabbitMQ, Setup, intake_definitions, password_hash
from tests.sorting_center.brokers import SOON_S, until
from tests.sorting_center.station_journal import Station

SHIPPED = Path(__file__).parents[4] / "firmware_config" / "rabbitmq"
PLACES = {
    "mqtt.listeners.ssl.default = 8883": "mqtt.listeners.ssl.default = 127.0.0.1:{mqtt}",
    "listeners.tcp.local = 127.0.0.1:5672": "listeners.tcp.local = 127.0.0.1:{amqp}",
    "/etc/rabbitmq/definitions.json": "{definitions}",
    "disk_free_limit.absolute = 2GB": "disk_free_limit.absolute = 50MB",
}


@dataclass
class County:
    node: RabbitMQ
    authority: Authority

    @property
    def amqp_url(self) -> str:
        return f"amqp://sorting-center:secret@127.0.0.1:{self.node.nodes[0].amqp_port}/"


@pytest.fixture(scope="module")
def county(tmp_path_factory: pytest.TempPathFactory) -> Iterator[County]:
    folder = tmp_path_factory.mktemp("shipped")
    authority = Authority(folder)
    definitions = json.loads((SHIPPED / "definitions.json").read_text())
    for user in definitions["users"]:
        if user["name"] == "sorting-center":
            user["password_hash"] = password_hash("secret")
    config = (SHIPPED / "rabbitmq.conf").read_text()
    for shipped, here in PLACES.items():
        assert config.count(shipped) == 1
        config = config.replace(shipped, here)
    plugins = re.findall(r"\w+", (SHIPPED / "enabled_plugins").read_text())
    cert, key = authority.issue("broker", host="127.0.0.1")
    files = {"ca.crt": authority.file, "server.crt": cert, "server.key": key}
    setup = Setup(config, definitions, plugins, {f"/etc/station-kiosk/broker/{name}": at for name, at in files.items()})
    with RabbitMQ(folder, setup=setup) as node:
        yield County(node, authority)


pytestmark = pytest.mark.usefixtures("county")


class Client:
    """With the certificate of a station."""

    def __init__(self, county: County, name: str) -> None:
        self.heard: list[str] = []
        self.codes: list[Any] = []
        self.is_up, self.is_gone = threading.Event(), threading.Event()
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, f"kiosk-hotan-{name}", protocol=mqtt.MQTTv5, reconnect_on_failure=False
        )
        cert, key = county.authority.issue(name)
        self._client.tls_set(str(county.authority.file), str(cert), str(key))
        self._client.on_connect = lambda *_: self.is_up.set()
        self._client.on_disconnect = lambda *_: self.is_gone.set()
        self._client.on_message = lambda _client, _userdata, message: self.heard.append(message.topic)
        self._client.on_publish = lambda _client, _userdata, _mid, code, _properties: self.codes.append(code)
        self._client.on_subscribe = lambda _client, _userdata, _mid, codes, _properties: self.codes.extend(codes)
        self._client.connect("127.0.0.1", county.node.nodes[0].mqtt_port)
        self._client.loop_start()
        assert self.is_up.wait(SOON_S)

    def publish(self, topic: str, payload: bytes = b"{}") -> None:
        self._client.publish(topic, payload, qos=1)

    def subscribe(self, topic: str) -> None:
        self._client.subscribe(topic, qos=1)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        del self._client


def test_the_shipped_queues_are_those_the_program_makes() -> None:
    shipped = json.loads((SHIPPED / "definitions.json").read_text())
    assert {name: shipped[name] for name in ("exchanges", "queues", "bindings")} == intake_definitions("/")


@pytest.mark.usefixtures("unfed")
def test_a_station_speaks_for_itself_alone_and_is_answered(county: County, ledger_url: str) -> None:
    own, other = Topics("hotan", "S0147"), Topics("hotan", "S0148")
    with SortingCenter(Ledger.open(ledger_url), BrokerAddress.parse(county.amqp_url), None) as center:
        assert center.start(SOON_S), center.health.report()
        client = Client(county, "S0147")
        client.subscribe(own.ack)
        until(lambda: client.codes)
        assert not client.codes[0].is_failure
        client.publish(own.event, Station().start().body)
        until(lambda: client.heard == [own.ack])
        assert center.health.report().ok, center.health.report()
        client.close()
        for forbidden in (other.event, own.ack, "kiosk/v1/hotan/feed/intake/confirmed/v1"):
            client = Client(county, "S0147")
            client.publish(forbidden)
            assert client.is_gone.wait(SOON_S)
            client.close()
        client = Client(county, "S0147")
        client.subscribe(other.ack)
        until(lambda: client.codes)
        assert client.codes[0].is_failure
        client.close()
    with Ledger.open_readonly(ledger_url) as ledger:
        assert ledger.counts().events == 1


def test_what_comes_before_any_worker_was_there_is_kept_and_a_full_batch_fits(county: County) -> None:
    client = Client(county, "S0147")
    for _ in range(1500):
        client.publish(Topics("hotan", "S0147").event)
    client.publish(Topics("hotan", "S0147").batch, b"x" * (MAX_PACKET_BYTES - 1000))
    until(lambda: len(client.codes) == 1501)
    assert {str(code) for code in client.codes} == {"Success"}
    client.close()
    connection = pika.BlockingConnection(pika.URLParameters(county.amqp_url))
    channel = connection.channel()
    assert channel.queue_declare(queues.ALL, passive=True).method.message_count == 1501
    channel.queue_purge(queues.ALL)
    connection.close()
