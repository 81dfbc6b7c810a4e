"""The sending connection of the feed: a message counts when the broker has acknowledged it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, Final

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from kiosk.messaging.contract.topics import GENERATION_PROPERTY
from kiosk.sorting_center.health import Health
from kiosk.sorting_center.ingest.address import BrokerAddress
from kiosk.sorting_center.ingest.link import MqttLink, Session

_POLL_S: Final = 0.5
_RECEIVE_MAXIMUM: Final = 10
"""Nothing is subscribed to over this connection."""


class FeedPublisher:
    """Publishes windows of messages at QoS 1. A session of its own, so that it never waits behind what comes in."""

    def __init__(self, address: BrokerAddress, client_id: str, health: Health, generation: str) -> None:
        # Beside the event, not in it: who checks hashes takes `feedseq` out and knows of nothing else to take out.
        self._properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        self._properties.UserProperty = [(GENERATION_PROPERTY, generation)]
        self._answered = threading.Condition()
        self._reasons: dict[int, ReasonCode] = {}
        self._stopping = threading.Event()
        self._link = MqttLink(
            address,
            Session(client_id, expiry_s=0, receive_maximum=_RECEIVE_MAXIMUM),
            trouble=lambda text: health.trouble("feed", text),
            on_up=self._wake,
        )
        self._link.client.on_publish = self._published

    def start(self) -> None:
        """Begin to connect."""
        self._link.start()

    def stop(self, timeout_s: float) -> None:
        """End the connection; a waiting `publish` returns what it has."""
        self._stopping.set()
        self._wake()
        self._link.stop(timeout_s)

    @property
    def is_alive(self) -> bool:
        """Whether the thread of the connection runs; it does until `stop`."""
        return self._link.is_alive

    def publish(self, messages: Sequence[tuple[str, bytes]]) -> int:
        """Send all and wait; how many, from the first on, the broker took. Fewer means refused or stopping.

        While the connection is down this waits: what is in flight is sent again when it is back.
        """
        self._wait_until_up()
        packet_ids = [self._send(topic, payload) for topic, payload in messages]
        taken = 0
        for packet_id in packet_ids:
            reason = self._reason(packet_id)
            if reason is None or reason.is_failure:
                break
            taken += 1
        with self._answered:
            for packet_id in packet_ids:
                self._reasons.pop(packet_id, None)
        return taken

    def _send(self, topic: str, payload: bytes) -> int:
        return self._link.client.publish(topic, payload, qos=1, properties=self._properties).mid

    def _wait_until_up(self) -> None:
        with self._answered:
            while not self._link.is_up and not self._stopping.is_set():
                self._answered.wait(_POLL_S)

    def _reason(self, packet_id: int) -> ReasonCode | None:
        with self._answered:
            while packet_id not in self._reasons and not self._stopping.is_set():
                self._answered.wait(_POLL_S)
            return self._reasons.pop(packet_id, None)

    def _published(self, _client: mqtt.Client, _userdata: Any, mid: int, reason: ReasonCode, _properties: Any) -> None:
        with self._answered:
            self._reasons[mid] = reason
            self._answered.notify_all()

    def _wake(self) -> None:
        with self._answered:
            self._answered.notify_all()
