"""What PUBACK is worth: a stock Mosquitto confirms three thousand messages for a center that is away."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from kiosk.simulators.broker import Broker
from kiosk.sorting_center.ingest.shared.address import BrokerAddress
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.service import SortingCenter
from tests.messaging.relay.stand import SOON_S, MemoryOutbox, Running, wait_for_log
from tests.sorting_center.brokers import until
from tests.sorting_center.station_journal import Station

EVENTS = 3000
KEPT = 1000
"""``max_queued_messages`` of a Mosquitto whose configuration says nothing of it."""
REGION, STATION, OTHER = "hotan", "S0147", "S0148"


@pytest.fixture
def stock_broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path / "broker", conf="allow_anonymous true\n") as one:
        yield one


class Trusting:
    """A sender that throws a message away when the broker has confirmed it."""

    def __init__(self, port: int) -> None:
        self.confirmed = 0
        self._changed = threading.Condition()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="trusting", protocol=mqtt.MQTTv5)
        self._client.max_inflight_messages_set(100)
        self._client.on_publish = self._published
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def send(self, station: str, bodies: list[bytes]) -> None:
        """Until every one of them is confirmed, with success."""
        wanted = self.confirmed + len(bodies)
        for body in bodies:
            self._client.publish(f"kiosk/v1/{REGION}/{station}/up/event", body, qos=1)
        with self._changed:
            assert self._changed.wait_for(lambda: self.confirmed >= wanted, SOON_S)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        del self._client  # paho closes the socket pair of its loop only when the client itself goes

    def _published(self, _client: mqtt.Client, _: object, _mid: int, code: ReasonCode, _properties: object) -> None:
        with self._changed:
            assert not code.is_failure
            self.confirmed += 1
            self._changed.notify_all()


def center_of(ledger_url: str, broker: Broker) -> SortingCenter:
    center = SortingCenter(Ledger.open(ledger_url), BrokerAddress.parse(broker.url), None)
    assert center.start(SOON_S)
    return center


def held(ledger_url: str, station: str, epoch: str) -> int:
    with Ledger.open_readonly(ledger_url) as ledger:
        return ledger.stream(station, epoch, REGION).max_seen


def test_of_three_thousand_confirmed_messages_a_thousand_are_kept_and_the_outbox_brings_all(
    stock_broker: Broker, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger_url = f"sqlite:///{tmp_path / 'ledger.db'}"
    outbox, other = MemoryOutbox(), Station(OTHER)
    outbox.bodies = [event.body for event in Station(STATION, outbox.epoch).run(EVENTS)]
    center_of(ledger_url, stock_broker).stop()  # its session, and with it its queue, is the broker's now

    sender = Trusting(stock_broker.port)
    sender.send(STATION, outbox.bodies)
    assert sender.confirmed == EVENTS

    with center_of(ledger_url, stock_broker):
        sender.send(OTHER, [other.start().body])
        sender.close()
        until(lambda: held(ledger_url, OTHER, other.epoch) == 1)  # so all that was queued before has been delivered
        until(lambda: held(ledger_url, STATION, outbox.epoch) >= KEPT)  # and is taken in, the stations by turns
        assert held(ledger_url, STATION, outbox.epoch) == KEPT

    relay = Running(outbox, stock_broker.port)
    wait_for_log(caplog, "the sorting center does not acknowledge")
    with center_of(ledger_url, stock_broker):
        outbox.wait_done(EVENTS)
        relay.stop()
    with Ledger.open_readonly(ledger_url) as ledger:
        assert ledger.stream(STATION, outbox.epoch, REGION).upto == EVENTS
        assert ledger.counts().events == EVENTS + 1
