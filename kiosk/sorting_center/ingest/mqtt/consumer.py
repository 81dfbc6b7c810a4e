"""The receiving connection of MQTT: a persistent session whose messages are acknowledged by hand."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Final

import paho.mqtt.client as mqtt
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from kiosk.messaging.contract.topics import UP_KINDS, up_filter
from kiosk.sorting_center.ingest.mqtt.link import MqttCallbacks, MqttLink, MqttSession
from kiosk.sorting_center.ingest.shared.address import BrokerAddress
from kiosk.sorting_center.ingest.shared.inbox import WINDOW, IngestInbox, PutResult
from kiosk.sorting_center.shared.health import CenterHealth
from kiosk.sorting_center.shared.ports import Inbound

log = logging.getLogger(__name__)

_SESSION_EXPIRY_S: Final = 30 * 24 * 3600
_ALL_REGIONS: Final = ("+",)


class MqttConsumer(IngestInbox):
    """An inbox that is filled by its connection.

    QoS 1 always finds room there: the broker holds the rest back, and one that does not is disconnected. QoS 0 beyond
    the room is dropped and counted; it carries nothing that is not sent again.
    """

    def __init__(self, address: BrokerAddress, name: str, health: CenterHealth, regions: Sequence[str] = ()) -> None:
        super().__init__(lambda: health.count(dropped=1))
        self._health = health
        self._filters = [up_filter(kind, region) for region in regions or _ALL_REGIONS for kind in UP_KINDS]
        self._link = MqttLink(
            address,
            MqttSession(name, _SESSION_EXPIRY_S, WINDOW),
            MqttCallbacks(
                set_fault=lambda text: health.set_fault("broker", text),
                on_connected=self._on_connected,
                on_disconnected=self._on_disconnected,
                on_message=self._message,
                on_read=self._send_acknowledgements,
            ),
        )
        self._link.client.on_subscribe = self._subscribed

    def start(self) -> None:
        self._link.start()

    def stop(self, timeout_s: float) -> None:
        """End the connection; the session, with what was not acknowledged, stays with the broker."""
        self._link.stop(timeout_s)

    def acknowledge(self, messages: Sequence[Inbound]) -> None:
        self.settle(messages)
        self._link.call_soon(self._send_acknowledgements)

    def request_redelivery(self) -> None:
        self.end()
        self._link.drop()

    @property
    def is_alive(self) -> bool:
        return self._link.is_alive

    def send(self, topic: str, payload: bytes, qos: int = 0) -> bool:
        if self._link.is_up:
            self._link.call_soon(lambda: self._link.client.publish(topic, payload, qos=qos))
        return self._link.is_up

    def _send_acknowledgements(self) -> None:
        for packet_id in self.released():
            self._link.client.ack(packet_id, 1)

    def _on_connected(self) -> None:
        self.begin()
        self._link.client.subscribe([(name, SubscribeOptions(qos=1)) for name in self._filters])

    def _on_disconnected(self) -> None:
        self.end()
        self._health.set_connected(False)

    def _subscribed(
        self, _client: mqtt.Client, _userdata: Any, _mid: int, reasons: list[ReasonCode], _properties: Any
    ) -> None:
        refused = [str(reason) for reason in reasons if reason.is_failure]
        if refused:
            text = f"The broker does not let the sorting center read the stations' topics ({refused[0]}): allow it."
            if self._health.set_fault("broker", text):
                log.error("%s", text)
            return
        self._health.set_connected(True)

    def _message(self, message: mqtt.MQTTMessage) -> None:
        tag = message.mid if message.qos else 0
        redelivered = bool(message.qos and message.dup)
        result = self.put(
            Inbound(_topic(message), bytes(message.payload), message.retain, tag, redelivered=redelivered)
        )
        if result is PutResult.NO_ROOM:
            log.error("The broker sends more than it may before it is acknowledged: hanging up.")
            self.request_redelivery()


def _topic(message: mqtt.MQTTMessage) -> str:
    """Return the topic; "" for one that is no text: it is refused like any other that is no station's."""
    try:
        return message.topic
    except UnicodeDecodeError:
        return ""
