"""The receiving connection: a persistent session whose messages are acknowledged by hand, after the commit."""

from __future__ import annotations

import logging
import queue
import threading
import time
from typing import Any, Final

import paho.mqtt.client as mqtt
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from kiosk.messaging.contract.topics import UP_KINDS, up_filter
from kiosk.sorting_center.health import Health
from kiosk.sorting_center.ingest.address import BrokerAddress
from kiosk.sorting_center.ingest.link import MqttLink
from kiosk.sorting_center.ingest.reading import Inbound

log = logging.getLogger(__name__)

RECEIVE_MAXIMUM: Final = 100
"""QoS 1 messages the broker sends ahead of our acknowledgement (MQTT 5, 3.1.2.11.3): what bounds the inbox."""

_LOOK_S: Final = 0.05
_ROOM_FOR_QOS0: Final = 1000
_SESSION_EXPIRY_S: Final = 30 * 24 * 3600


class Consumer:
    """Puts what stations send into a bounded inbox.

    QoS 1 always finds room there: the broker holds the rest back. QoS 0 beyond the room is dropped and counted; it
    carries nothing that is not said again.
    """

    def __init__(self, address: BrokerAddress, client_id: str, health: Health) -> None:
        self._health = health
        self._connection = 0
        self._is_subscribed = threading.Event()
        self._inbox: queue.Queue[Inbound] = queue.Queue(maxsize=RECEIVE_MAXIMUM + _ROOM_FOR_QOS0)
        self._link = MqttLink(
            address,
            client_id,
            persistent_s=_SESSION_EXPIRY_S,
            receive_maximum=RECEIVE_MAXIMUM,
            trouble=lambda text: health.trouble("broker", text),
            on_up=self._up,
            on_down=self._down,
        )
        self._link.client.on_message = self._message
        self._link.client.on_subscribe = self._subscribed

    def start(self) -> None:
        """Begin to connect and receive."""
        self._link.start()

    def stop(self, timeout_s: float) -> None:
        """End the connection; the session, with what was not acknowledged, stays with the broker."""
        self._link.stop(timeout_s)

    def wait_until_subscribed(self, timeout_s: float, ending: threading.Event) -> bool:
        """Whether messages of stations are kept for this center by then, or by the moment ``ending`` is set."""
        deadline = time.monotonic() + timeout_s
        while not ending.is_set() and (left := deadline - time.monotonic()) > 0:
            if self._is_subscribed.wait(min(left, _LOOK_S)):
                return True
        return self._is_subscribed.is_set()

    def take(self, timeout_s: float) -> Inbound | None:
        """The next message, or None when none came in time."""
        try:
            return self._inbox.get(timeout=timeout_s) if timeout_s > 0 else self._inbox.get_nowait()
        except queue.Empty:
            return None

    def acknowledge(self, message: Inbound) -> None:
        """PUBACK, unless the message came over an earlier connection: there its packet id is void."""
        if message.qos and message.connection == self._connection:
            self._link.client.ack(message.packet_id, message.qos)

    def tell(self, topic: str, payload: bytes) -> None:
        """Publish at QoS 0 if there is a connection; the station asks again when it does not hear it."""
        if self._link.is_up:
            self._link.client.publish(topic, payload, qos=0)

    def _up(self) -> None:
        self._connection += 1
        self._link.client.subscribe([(up_filter(kind), SubscribeOptions(qos=1)) for kind in UP_KINDS])

    def _down(self) -> None:
        self._is_subscribed.clear()
        self._health.connected(False)

    def _subscribed(
        self, _client: mqtt.Client, _userdata: Any, _mid: int, reasons: list[ReasonCode], _properties: Any
    ) -> None:
        refused = [str(reason) for reason in reasons if reason.is_failure]
        if refused:
            text = f"The broker does not let the sorting center read the stations' topics ({refused[0]}): allow it."
            if self._health.trouble("broker", text):
                log.error("%s", text)
            return
        self._health.connected(True)
        self._is_subscribed.set()

    def _message(self, _client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:
        inbound = Inbound(
            topic=message.topic,
            payload=bytes(message.payload),
            retained=message.retain,
            packet_id=message.mid,
            qos=message.qos,
            connection=self._connection,
        )
        if inbound.qos == 0 and self._inbox.qsize() >= _ROOM_FOR_QOS0:
            self._health.count(dropped=1)
            return
        try:
            self._inbox.put_nowait(inbound)
        except queue.Full:
            # Only a broker that ignores our receive maximum gets here; it delivers again after a reconnect.
            self._health.count(dropped=1)
