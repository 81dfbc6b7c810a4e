"""The receiving connection: a persistent session whose messages are acknowledged by hand, after the commit."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any, Final

import paho.mqtt.client as mqtt
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from kiosk.messaging.contract.topics import UP_KINDS, up_filter
from kiosk.sorting_center.health import Health
from kiosk.sorting_center.ingest.address import BrokerAddress
from kiosk.sorting_center.ingest.inbox import RECEIVE_MAXIMUM, Inbox, PutResult
from kiosk.sorting_center.ingest.link import MqttLink, Session
from kiosk.sorting_center.ingest.reading import Inbound

log = logging.getLogger(__name__)

_LOOK_S: Final = 0.05
_SESSION_EXPIRY_S: Final = 30 * 24 * 3600


class Consumer:
    """Puts what stations send into a bounded inbox.

    QoS 1 always finds room there: the broker holds the rest back, and one that does not is hung up on. QoS 0 beyond
    the room is dropped and counted; it carries nothing that is not said again.
    """

    def __init__(self, address: BrokerAddress, client_id: str, health: Health) -> None:
        self._health = health
        self._is_subscribed = threading.Event()
        self._inbox = Inbox()
        self._link = MqttLink(
            address,
            Session(client_id, _SESSION_EXPIRY_S, RECEIVE_MAXIMUM),
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
        return self._inbox.take(timeout_s)

    def acknowledge(self, message: Inbound) -> None:
        """PUBACK, unless the message came over an earlier connection: there its packet id is void."""
        # Not under the inbox's lock: the client may find the line dead here and call `_down`, under locks of its own.
        if self._inbox.settle(message):
            self._link.client.ack(message.packet_id, message.qos)

    def deliver_again(self) -> None:
        """Hang up without a goodbye: the broker delivers what was not acknowledged over the next connection."""
        self._inbox.end()
        self._link.drop()

    def waiting_s(self) -> float | None:
        """How long messages have waited without any being taken in; None when none waits or the line is down."""
        return self._inbox.waiting_s() if self._link.is_up else None

    def settled(self) -> int:
        """How many messages have been taken in since the start."""
        return self._inbox.settled()

    @property
    def is_alive(self) -> bool:
        """Whether the thread of the connection runs."""
        return self._link.is_alive

    def tell(self, topic: str, payload: bytes) -> bool:
        """Publish at QoS 0 if there is a connection; whether there is. A station that hears nothing asks again."""
        if not self._link.is_up:
            return False
        self._link.client.publish(topic, payload, qos=0)
        return True

    def _up(self) -> None:
        self._inbox.begin()
        self._link.client.subscribe([(up_filter(kind), SubscribeOptions(qos=1)) for kind in UP_KINDS])

    def _down(self) -> None:
        self._inbox.end()
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
        result = self._inbox.put(
            Inbound(
                topic=_topic(message),
                payload=bytes(message.payload),
                retained=message.retain,
                packet_id=message.mid,
                qos=message.qos,
            )
        )
        if result is PutResult.DROPPED:
            self._health.count(dropped=1)
        elif result is PutResult.NO_ROOM:
            log.error(
                "The broker sends more than it may before it is acknowledged: hanging up, so that it sends again."
            )
            self.deliver_again()


def _topic(message: mqtt.MQTTMessage) -> str:
    """ "" for one that is no text: it is refused like any other that is no station's."""
    try:
        return message.topic
    except UnicodeDecodeError:
        return ""
