"""The sending connection of the feed over MQTT: a message counts when the broker has acknowledged it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from itertools import takewhile
from typing import Any, Final

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from kiosk.messaging.contract.topics import GENERATION_PROPERTY
from kiosk.sorting_center.ingest.mqtt.link import MqttCallbacks, MqttLink, MqttSession
from kiosk.sorting_center.ingest.shared.address import BrokerAddress
from kiosk.sorting_center.shared.health import CenterHealth

_POLL_S: Final = 0.5
_RECEIVE_MAXIMUM: Final = 10  # Nothing is subscribed to over this connection


class MqttFeedPublisher:
    """Publishes windows of messages at QoS 1. A session of its own, so that it never waits behind incoming messages."""

    def __init__(self, address: BrokerAddress, client_id: str, health: CenterHealth, generation: str) -> None:
        # Beside the event, not in it: who checks hashes takes `feedseq` out and knows of nothing else to take out.
        self._properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        self._properties.UserProperty = [(GENERATION_PROPERTY, generation)]
        self._changed = threading.Condition()
        self._packet_ids: list[int] | None = None  # Of the window under way, in its order; None until it is sent
        self._unanswered: set[int] = set()  # Of these
        self._reasons: dict[int, ReasonCode] = {}
        self._stopping = threading.Event()
        self._link = MqttLink(
            address,
            MqttSession(client_id, expiry_s=0, receive_maximum=_RECEIVE_MAXIMUM),
            MqttCallbacks(set_fault=lambda text: health.set_fault("feed", text), on_connected=self._wake),
        )
        self._link.client.on_publish = self._published

    def start(self) -> None:
        self._link.start()

    def stop(self, timeout_s: float) -> None:
        self._stopping.set()
        self._wake()
        self._link.stop(timeout_s)

    @property
    def is_alive(self) -> bool:
        return self._link.is_alive

    def publish(self, messages: Sequence[tuple[str, bytes]]) -> int:
        with self._changed:
            self._packet_ids, self._unanswered, self._reasons = None, set(), {}
        self._link.call_soon(lambda: self._send(messages))
        with self._changed:
            while (self._unanswered or self._packet_ids is None) and not self._stopping.is_set():
                self._changed.wait(_POLL_S)
            reasons = map(self._reasons.get, self._packet_ids or [])
            return sum(1 for _ in takewhile(lambda reason: reason is not None and not reason.is_failure, reasons))

    def _send(self, messages: Sequence[tuple[str, bytes]]) -> None:
        publish = self._link.client.publish
        sent = [publish(topic, payload, qos=1, properties=self._properties).mid for topic, payload in messages]
        with self._changed:
            self._packet_ids = sent
            self._unanswered = set(sent) - self._reasons.keys()

    def _published(self, _client: mqtt.Client, _userdata: Any, mid: int, reason: ReasonCode, _properties: Any) -> None:
        with self._changed:
            self._reasons[mid] = reason
            self._unanswered.discard(mid)
            if not self._unanswered:
                self._changed.notify_all()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()
