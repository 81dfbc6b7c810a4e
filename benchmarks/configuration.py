"""What a county gives its stations: from the publish to the report of 200 stations; 20,000 members over a slow line.

    python -m benchmarks configuration

The stations are simulated: their relays are real and each has a database. The baselines are the same messages through
the broker alone, and one plain download over the same line.
"""

from __future__ import annotations

import http.client
import json
import logging
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Final

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import select

from benchmarks.county import publish
from benchmarks.measure import Row
from kiosk.domain.events import ConfigApplied
from kiosk.messaging.contract.configuration import ConfigurationMessage
from kiosk.messaging.contract.downloads import CONFIGURATION, DownloadPath
from kiosk.messaging.relay.configuration.lane import CountyLane, StationConfiguration
from kiosk.messaging.relay.shared.settings import RelaySettings
from kiosk.simulators.broker import Broker
from kiosk.simulators.fleet import Fleet, FleetPlan, Manner
from kiosk.simulators.fleet.county import BelievedDocuments, BelievingInbox, StoredOutbox
from kiosk.simulators.fleet.plan import REGION
from kiosk.simulators.fleet.station import DayClock
from kiosk.simulators.link import LinkConditions, SimulatedLink
from kiosk.sorting_center.configuration_worker import CountyConfiguration
from kiosk.sorting_center.desk.county_book import BookRow
from kiosk.sorting_center.desk.desk import CenterDesk
from kiosk.sorting_center.ingest.shared.address import BrokerAddress
from kiosk.sorting_center.ledger import Ledger
from kiosk.sorting_center.ledger.database.schema import event
from kiosk.sorting_center.service import SortingCenter
from kiosk.station.shared.clock import software_id
from kiosk.store import Store
from tests.sorting_center.county_rows import County, members
from tests.sorting_center.photos.lanes import Listening, Receiving

STATIONS: Final = 200
GOODS: Final = 40
MEMBERS: Final = 20_000
LINE_BYTES_PER_S: Final = 16_000
_TIMEOUT_S: Final = 900.0
_NAMES: Final = [f"S{number:04d}" for number in range(1, STATIONS + 1)]


class Subscriber:
    """Every document on its way to a station, every hello and every status."""

    def __init__(self, port: int) -> None:
        self.messages: list[tuple[str, bytes]] = []
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self._client.on_connect = lambda client, *_: client.subscribe(
            [(f"kiosk/v1/{REGION}/+/{end}", 1) for end in ("down/config", "up/hello", "up/status")]
        )
        self._client.on_message = lambda _client, _userdata, message: self.messages.append(
            (message.topic, bytes(message.payload))
        )
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def of(self, end: str) -> list[tuple[str, bytes]]:
        return [message for message in list(self.messages) if message[0].endswith(end)]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def goods(fen: int) -> list[BookRow]:
    """So many of them, each with two prices."""
    names = {"ug": "ياڭاق", "zh": "核桃", "en": "walnut"}
    rows = []
    for number in range(GOODS):
        code = f"GOODS{number:03d}"
        rows.append(BookRow("product", "", code, json.dumps({"names": names, "picture": "walnut"})))
        for mode, more in (("purchase", 0), ("consignment", 150)):
            content = json.dumps({"fen_per_kg": fen + 10 * number + more})
            rows.append(BookRow("price", "", f"{code}/{mode}/", content))
    return rows


def applied(ledger: Ledger) -> int:
    """The smallest number of a document that all stations report; 0 while one reports none."""
    newest = dict.fromkeys(_NAMES, 0)
    with ledger.reading() as connection:
        rows = connection.execute(select(event.c.station, event.c.body).where(event.c.type == ConfigApplied.TYPE))
        for row in rows:
            newest[row.station] = max(newest[row.station], json.loads(row.body)["data"]["number"])
    return min(newest.values())


def wait_until(reached: Callable[[], object], what: str) -> None:
    give_up = time.monotonic() + _TIMEOUT_S
    while not reached():
        if time.monotonic() > give_up:
            raise SystemExit(f"it never happened that {what}")
        time.sleep(0.1)


def published(folder: Path) -> list[Row]:
    url = f"sqlite:///{folder / 'ledger.db'}"
    with (
        Broker(folder / "broker") as broker,
        SortingCenter(Ledger.open(url), BrokerAddress.parse(broker.url), None) as center,
        CenterDesk.open(url) as desk,
        Ledger.open_readonly(url) as ledger,
        closing(Subscriber(broker.port)) as subscriber,
    ):
        county = County(desk, folder, REGION)
        county.expect(dict.fromkeys(_NAMES, ""))
        county.publish(*goods(1400))
        center.send_configurations(county.key_file)
        if not center.start(_TIMEOUT_S):
            raise SystemExit("the center did not connect")
        manner = Manner(processes=2, durable=False, stay_s=_TIMEOUT_S)
        fleet = Fleet(FleetPlan(STATIONS, 1, broker.url, folder / "stations", 1, 2 * _TIMEOUT_S, manner))
        living = threading.Thread(target=fleet.run)
        living.start()
        try:
            wait_until(lambda: applied(ledger) >= 1, "every station has the first document")
            subscriber.messages.clear()
            began = time.monotonic()
            county.publish(*goods(1500))
            wait_until(lambda: applied(ledger) >= 2, "every station reports the new prices")
            seconds = time.monotonic() - began
            sent = subscriber.of("down/config")
            bytes_each = sum(len(topic) + len(payload) for topic, payload in sent) / STATIONS
            baseline = _alone(folder, sent)
            back_s, again = _restarted(broker, subscriber)
        finally:
            fleet.end()
            living.join()
    name = f"configuration: {STATIONS} stations"
    return [
        Row(f"{name}, from the publish to the last report", seconds, "s", 60, baseline, "the messages alone"),
        Row(f"{name}, bytes to each", bytes_each / 1000, "kB", 3),
        Row(f"{name}, all are back after the broker's restart", back_s, "s", 60),
        Row(f"{name}, documents sent meanwhile", again, "", 0),
    ]


def _alone(folder: Path, messages: list[tuple[str, bytes]]) -> float:
    """Seconds until a subscriber has all of these."""
    with Broker(folder / "alone") as broker, closing(Subscriber(broker.port)) as subscriber:
        wait_until(lambda: _is_heard(broker.port, subscriber), "the subscriber hears")
        subscriber.messages.clear()
        began = time.monotonic()
        publish(broker.port, messages)
        while len(subscriber.of("down/config")) < len(messages):
            time.sleep(0.001)
        return time.monotonic() - began


def _is_heard(port: int, subscriber: Subscriber) -> bool:
    publish(port, [(f"kiosk/v1/{REGION}/S0001/up/hello", b"{}")])
    return bool(subscriber.of("up/hello"))


def _restarted(broker: Broker, subscriber: Subscriber) -> tuple[float, int]:
    """Seconds until every station is online again, and how many documents came meanwhile."""
    subscriber.messages.clear()
    began = time.monotonic()
    broker.restart()
    wait_until(lambda: len({topic for topic, _ in subscriber.of("up/status")}) >= STATIONS, "all are back")
    return time.monotonic() - began, len(subscriber.of("down/config"))


def many_members(folder: Path) -> list[Row]:
    """To one station, over a line of 128 kbit/s."""
    folder.mkdir()
    url, station = f"sqlite:///{folder / 'ledger.db'}", _NAMES[0]
    with (
        Ledger.open(url) as ledger,
        CenterDesk.open(url) as desk,
        Receiving(ledger, folder / "photos") as receiving,
        Listening(receiving) as listening,
        SimulatedLink(listening.port) as link,
    ):
        county = County(desk, folder, REGION)
        county.expect(dict.fromkeys(_NAMES, ""))
        county.change(*members(MEMBERS))
        sent: dict[str, bytes] = {}

        def send(topic: str, payload: bytes) -> bool:
            sent[topic.split("/")[3]] = payload
            return True

        worker = CountyConfiguration(ledger, county.key_file, send)
        began = time.monotonic()
        worker.follow(desk, began)
        made_s = time.monotonic() - began
        document = desk.documents.newest(REGION, station)
        assert document is not None and len(sent) == STATIONS
        (part,) = json.loads(document.content)["parts"].values()
        link.set(LinkConditions(bytes_per_s=LINE_BYTES_PER_S))
        seconds = _fetched(folder / station, f"http://127.0.0.1:{link.port}", sent[station])
        plain = _plain(link.port, str(DownloadPath(CONFIGURATION, station, part["sha256"])))
    name = f"configuration: {MEMBERS:,} members"
    size = part["bytes"] + len(ConfigurationMessage(document.content.decode(), {}).encode())
    return [
        Row(f"{name}, documents of {STATIONS} stations made", made_s, "s", 60),
        Row(f"{name}, to one station at 16 kB/s", seconds, "s", 300, plain, "one plain download"),
        Row(f"{name}, bytes to it", size / 1e6, "MB", 1.5),
    ]


def _fetched(folder: Path, place: str, payload: bytes) -> float:
    """Seconds until the document with all its parts is in force."""
    folder.mkdir()
    clock, station = DayClock(0, 1, Random(1)), folder.name
    settings = RelaySettings("mqtt://127.0.0.1:1", REGION, station, software_id(), photos=place)
    with closing(Store.open(folder / "station.sqlite", station, clock.stamp())) as store:
        store.outbox.acknowledge(store.outbox.counts().last_seq, ())
        documents = BelievedDocuments(store, clock.stamp)
        inbox = BelievingInbox(folder, documents)
        lane = CountyLane(settings, StationConfiguration(inbox, StoredOutbox(store)))
        began = time.monotonic()
        lane.received(payload)
        lane.start()
        try:
            wait_until(documents.in_force, "the members are there")
            return time.monotonic() - began
        finally:
            lane.stop()


def _plain(port: int, path: str) -> float:
    began = time.monotonic()
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)) as client:
        client.request("GET", path)
        client.getresponse().read()
    return time.monotonic() - began


def run(folder: Path) -> list[Row]:
    """The rows for the table."""
    logging.getLogger().setLevel(logging.ERROR)
    return [*published(folder), *many_members(folder / "members")]
