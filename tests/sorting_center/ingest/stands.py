"""Both brokers as the same test sees them, and stations that talk to them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Protocol

from kiosk.messaging.relay.pace import Pace, Tuning
from kiosk.messaging.relay.relay import Relay
from kiosk.messaging.relay.shared.settings import RelaySettings
from tests.messaging.relay.stand import MemoryOutbox
from tests.servers.rabbitmq import PASSWORD, RabbitMQ, Vhost
from tests.sorting_center.brokers import SOON_S, Broker, Peer
from tests.sorting_center.station_journal import Station


class Stand(Protocol):
    """A running broker."""

    @property
    def url(self) -> str:
        """What a sorting center is given."""

    @property
    def port(self) -> int:
        """Where stations connect."""

    @property
    def login(self) -> tuple[str, str] | None:
        """As whom."""

    def kill(self) -> None: ...

    def start(self) -> None: ...


class MosquittoStand:
    """Keeps what it has taken over a restart in good order, and forgets it when it is killed."""

    login = None

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self.url, self.port = broker.url, broker.port

    def kill(self) -> None:
        self._broker.kill()

    def start(self) -> None:
        self._broker.start()


class RabbitStand:
    """Spoken to over AMQP by the center, over MQTT by stations."""

    def __init__(self, rabbitmq: RabbitMQ, vhost: Vhost) -> None:
        self._node = rabbitmq.nodes[0]
        self.url, self.port = vhost.amqp_url, vhost.mqtt_port
        self.login = (vhost.mqtt_user, PASSWORD)

    def kill(self) -> None:
        self._node.kill()

    def start(self) -> None:
        self._node.launch()
        self._node.wait_until_ready()


@contextmanager
def peer_of(stand: Stand, *filters: str) -> Iterator[Peer]:
    peer = Peer(stand, *filters, login=stand.login)
    try:
        yield peer
    finally:
        peer.close()


@contextmanager
def relaying(stand: Stand, station: Station, region: str, folder: Path) -> Iterator[MemoryOutbox]:
    """The real relay of a station, whose outbox holds all of its journal."""
    outbox = MemoryOutbox()
    assert outbox.epoch == station.epoch
    outbox.bodies = [event.body for event in station.sealed]
    login: dict[str, object] = {}
    if stand.login is not None:
        password = folder / "password"
        password.write_text(stand.login[1])
        login = {"username": stand.login[0], "password_file": password}
    settings = RelaySettings(
        f"mqtt://127.0.0.1:{stand.port}",
        region,
        station.station,
        "kiosk test",
        resend_s=0.5,
        resend_max_s=2.0,
        reconnect_s=0.1,
        reconnect_max_s=0.5,
        **login,  # type: ignore[arg-type]
    )
    stop = threading.Event()
    relay = Relay(outbox, Pace(settings, Random(1), Tuning(poll_s=0.02, status_s=0.1, batch_events=5)))
    thread = threading.Thread(target=relay.run, args=(stop,), name="relay")
    thread.start()
    try:
        yield outbox
    finally:
        stop.set()
        thread.join(SOON_S)
