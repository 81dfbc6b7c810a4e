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


class MqttConsumer:
    """Puts what stations send into the inbox.

    QoS 1 always finds room there: the broker holds the rest back, and one that does not is hung up on. QoS 0 beyond
    the room is dropped and counted; it carries nothing that is not said again.
    """

    def __init__(
        self,
        address: BrokerAddress,
        client_id: str,
        inbox: IngestInbox,
        health: CenterHealth,
        regions: Sequence[str] = (),
    ) -> None:
        self._inbox = inbox
        self._health = health
        self._filters = [up_filter(kind, region) for region in regions or _ALL_REGIONS for kind in UP_KINDS]
        self._link = MqttLink(
            address,
            MqttSession(client_id, _SESSION_EXPIRY_S, WINDOW),
            MqttCallbacks(
                set_fault=lambda text: health.set_fault("broker", text),
                on_connected=self._on_connected,
                on_disconnected=self._on_disconnected,
                on_message=self._message,
                on_read=self._acknowledge,
            ),
        )
        self._link.client.on_subscribe = self._subscribed

    def start(self) -> None:
        self._link.start()

    def stop(self, timeout_s: float) -> None:
        """End the connection; the session, with what was not acknowledged, stays with the broker."""
        self._link.stop(timeout_s)

    def acknowledge_soon(self) -> None:
        """PUBACK for what the inbox has released."""
        self._link.call_soon(self._acknowledge)

    def drop(self) -> None:
        """Close the socket without DISCONNECT, so that the broker delivers again."""
        self._link.drop()

    @property
    def is_up(self) -> bool:
        """Connected at this moment, as far as anybody knows."""
        return self._link.is_up

    @property
    def is_alive(self) -> bool:
        """Whether the thread of the connection runs."""
        return self._link.is_alive

    def send(self, topic: str, payload: bytes) -> bool:
        """Publish at QoS 0 if there is a connection; whether there is."""
        if not self._link.is_up:
            return False
        self._link.call_soon(lambda: self._publish(topic, payload))
        return True

    def _publish(self, topic: str, payload: bytes) -> None:
        self._link.client.publish(topic, payload, qos=0)

    def _acknowledge(self) -> None:
        for packet_id in self._inbox.released():
            self._link.client.ack(packet_id, 1)

    def _on_connected(self) -> None:
        self._inbox.begin()
        self._link.client.subscribe([(name, SubscribeOptions(qos=1)) for name in self._filters])

    def _on_disconnected(self) -> None:
        self._inbox.end()
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
        result = self._inbox.put(
            Inbound(_topic(message), bytes(message.payload), message.retain, tag, redelivered=redelivered)
        )
        if result is PutResult.NO_ROOM:
            log.error("The broker sends more than it may before it is acknowledged: hanging up.")
            self._inbox.end()
            self._link.drop()


def _topic(message: mqtt.MQTTMessage) -> str:
    """ "" for one that is no text: it is refused like any other that is no station's."""
    try:
        return message.topic
    except UnicodeDecodeError:
        return ""
