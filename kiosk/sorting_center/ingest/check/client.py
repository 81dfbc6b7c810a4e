"""A client that tries a broker: every step waits for the broker's answer, and remembers it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from kiosk.sorting_center.ingest.check.finding import BrokerUnusable
from kiosk.sorting_center.ingest.shared.address import BrokerAddress, tls_context

ANSWER_S: Final = 10.0
QUIET_S: Final = 1.5  # After so long without a message none is on its way any more
_IN_FLIGHT: Final = 50
_SENTINEL: Final = b"."  # Sent behind what waits in a queue; its size is that of no other message
_MAX_SENTINELS: Final = 8


class TrialClient:
    """Connected inside its ``with``; raises BrokerUnusable when it cannot be."""

    def __init__(self, address: BrokerAddress, client_id: str, session_s: int = 0) -> None:
        """Ask the broker to keep the session for ``session_s``; with 0 an old one is discarded, too."""
        self.received: list[tuple[str, int]] = []  # Topic and size of each message
        self.granted: Properties | None = None  # What the broker reported of itself when it accepted the client
        self._address, self._session_s = address, session_s
        self._codes: dict[int, ReasonCode] = {}
        self._connected: ReasonCode | None = None
        self._is_disconnected, self._disconnect_reason = False, ""
        self._news = threading.Condition()
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id, protocol=mqtt.MQTTv5, reconnect_on_failure=False)
        client.max_inflight_messages_set(_IN_FLIGHT)
        client.connect_timeout = ANSWER_S
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.on_publish, client.on_subscribe = self._on_publish, self._on_subscribe
        client.on_message = self._on_message
        if address.username is not None:
            client.username_pw_set(address.username, address.password)
        if address.tls:
            client.tls_set_context(tls_context(address))
        self._client = client

    def __enter__(self) -> Self:
        connect_properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        connect_properties.SessionExpiryInterval = self._session_s
        try:
            self._client.connect(
                self._address.host, self._address.port, clean_start=self._session_s == 0, properties=connect_properties
            )
        except (OSError, ValueError) as error:
            raise BrokerUnusable(f"the broker does not answer at {self._address}: {error}") from error
        self._client.loop_start()
        if not self._wait_for(lambda: self._connected is not None) or self._connected is None:
            self._end()
            raise BrokerUnusable(f"the broker at {self._address} does not answer as one of MQTT 5 does")
        if self._connected.is_failure:
            self._end()
            raise BrokerUnusable(f"the broker at {self._address} refuses this login: {self._connected}")
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._end()

    def _end(self) -> None:
        """Drop all references to the client: it is freed at once, which closes the sockets of its loop."""
        client = self._client
        del self._client
        client.loop_stop()
        client.on_connect = client.on_disconnect = client.on_publish = client.on_subscribe = client.on_message = None

    def publish(self, topic: str, payloads: list[bytes]) -> list[str]:
        """Return the broker's answer to each, at QoS 1; "" for one not answered while others were, nor after.

        For the rest it is the reason why the broker ended the connection, if it gave one.
        """
        mids = [self._client.publish(topic, payload, qos=1).mid for payload in payloads]
        for first in range(0, len(mids), _IN_FLIGHT):
            if not self._wait_for(partial(self._has_answers, mids[first : first + _IN_FLIGHT])):
                break
        return [str(self._codes[mid]) if mid in self._codes else self._disconnect_reason for mid in mids]

    @property
    def is_lost(self) -> bool:
        """The connection has ended, and the broker did not say why."""
        return self._is_disconnected and not self._disconnect_reason

    def _has_answers(self, mids: list[int]) -> bool:
        return self._is_disconnected or all(mid in self._codes for mid in mids)

    def subscribe(self, topic: str) -> bool:
        mid = self._client.subscribe(topic, qos=1)[1] or -1
        self._wait_for(partial(self._has_answers, [mid]))
        return mid in self._codes and not self._codes[mid].is_failure

    def receive(self, count: int) -> int:
        """Wait for so many messages while any arrive; return how many came."""
        before, deadline = -1, time.monotonic() + QUIET_S
        with self._news:
            while len(self.received) < count and (left := deadline - time.monotonic()) > 0:
                if len(self.received) != before:
                    before, deadline = len(self.received), time.monotonic() + QUIET_S
                self._news.wait(left)
            return len(self.received)

    def receive_queued(self, count: int, topic: str, sender: TrialClient) -> int:
        """Wait for so many messages that were queued before; return how many of them came.

        A busy broker or machine is silent, too: nothing is on its way any more only when a message has come that was
        sent after them, in a queue that keeps the order. A full queue may lose it: it is sent again.
        """
        for _ in range(_MAX_SENTINELS):
            if self.receive(count) >= count or self._sentinels_received():
                break
            sender.publish(topic, [_SENTINEL])
        with self._news:
            return len(self.received) - self._sentinels_received()

    def _sentinels_received(self) -> int:
        return sum(size == len(_SENTINEL) for _, size in list(self.received))

    def _wait_for(self, condition: Callable[[], bool]) -> bool:
        with self._news:
            return self._news.wait_for(condition, ANSWER_S)

    def _on_connect(
        self, _client: Any, _data: Any, _flags: Any, reason: ReasonCode, granted: Properties | None
    ) -> None:
        with self._news:
            self._connected, self.granted = reason, granted
            self._news.notify_all()

    def _on_disconnect(
        self, _client: Any, _data: Any, flags: mqtt.DisconnectFlags, reason: ReasonCode, *_: Any
    ) -> None:
        with self._news:
            self._is_disconnected = True
            self._disconnect_reason = str(reason) if flags.is_disconnect_packet_from_server else ""
            self._news.notify_all()

    def _on_publish(self, _client: Any, _data: Any, mid: int, reason: ReasonCode, _properties: Any) -> None:
        with self._news:
            self._codes.setdefault(mid, reason)
            self._news.notify_all()

    def _on_subscribe(self, client: Any, data: Any, mid: int, reasons: list[ReasonCode], properties: Any) -> None:
        self._on_publish(client, data, mid, reasons[0], properties)

    def _on_message(self, _client: Any, _data: Any, message: mqtt.MQTTMessage) -> None:
        with self._news:
            self.received.append((message.topic, len(message.payload)))
            self._news.notify_all()
