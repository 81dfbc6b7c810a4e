"""One station floods its own topic: the others are taken in between, however much of the flood is still to come."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest

from kiosk.messaging.contract.control import Ack, decode
from kiosk.messaging.contract.topics import Topics
from kiosk.simulators.broker import Broker as ShippedBroker
from kiosk.sorting_center.ingest.shared.address import BrokerAddress
from kiosk.sorting_center.ingest.shared.inbox import WINDOW
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.service import SortingCenter
from tests.sorting_center.brokers import SOON_S, Peer, until
from tests.sorting_center.station_journal import Station

ROOT = Path(__file__).parents[3]
LOOPBACK = ROOT / "firmware_config" / "mosquitto" / "loopback.conf"
TOPICS = Topics("shache", "S0147")
ENOUGH = 15_000
"""Of the flood: without turns and shares the next message waits behind most of it."""


@pytest.fixture
def shipped(tmp_path: Path) -> Iterator[ShippedBroker]:
    conf = LOOPBACK.read_text(encoding="utf-8").replace("listener 1883 127.0.0.1", "")
    with ShippedBroker(tmp_path / "broker", conf=conf) as broker:
        yield broker


class Counting(Peer):
    """Knows how many messages were taken in when it heard each of its acknowledgements, whenever it is looked at."""

    def __init__(self, broker: ShippedBroker, count: Callable[[], int]) -> None:
        self.counts: list[int] = []
        self._count = count
        super().__init__(broker, TOPICS.ack)

    def _hear(self, client: mqtt.Client, userdata: Any, message: mqtt.MQTTMessage) -> None:
        self.counts.append(self._count())
        super()._hear(client, userdata, message)


@pytest.mark.usefixtures("unfed")
def test_a_station_that_floods_keeps_nobody_waiting(shipped: ShippedBroker, ledger_url: str, station: Station) -> None:
    command = [sys.executable, "-m", "tests.sorting_center.ingest.flood", str(shipped.port)]
    with SortingCenter(Ledger.open(ledger_url), BrokerAddress.parse(shipped.url), None) as center:
        assert center.start(SOON_S)
        peer = Counting(shipped, lambda: center.health.report().messages)
        waits: list[int] = []

        def came() -> int:
            report = center.health.report()
            return report.messages + report.dropped

        def send_one() -> None:
            before = center.health.report().messages
            count = len(station.sealed) + 1
            peer.send(TOPICS.event, (station.intake(count) if count > 1 else station.start()).body)
            until(lambda: (payload := peer.last(TOPICS.ack)) and decode(Ack, payload).upto == count)
            waits.append(peer.counts[-1] - before)

        send_one()
        with subprocess.Popen(command, stdin=subprocess.PIPE, cwd=ROOT) as flood:
            while came() < ENOUGH:
                send_one()
            flood.kill()
        peer.close()
    assert max(waits) <= 7 * WINDOW, "so many were taken in before it"
