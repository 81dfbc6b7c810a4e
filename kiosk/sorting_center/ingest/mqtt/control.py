"""A connection of its own for questions to the broker itself, each with one message that answers it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final

import paho.mqtt.client as mqtt
from paho.mqtt.reasoncodes import ReasonCode

from kiosk.sorting_center.ingest.mqtt.link import MqttCallbacks, MqttLink, MqttSession
from kiosk.sorting_center.ingest.shared.address import BrokerAddress
from kiosk.sorting_center.shared.ports import ControlTopics, NoControlAnswer

_RECEIVE_MAXIMUM: Final = 10
_DENIED: Final = "the broker does not let the sorting center use {topic} ({reason}): give its user the role admin"
_SILENT: Final = "the broker says nothing on {topic}: is its dynamic security plugin loaded?"
_BROKEN: Final = "the connection to the broker broke before it answered"


class MqttControl:
    """Messages at QoS 0: what was sent before a line broke must not come later than what is decided then."""

    def __init__(
        self, address: BrokerAddress, client_id: str, topics: ControlTopics, set_fault: Callable[[str], bool]
    ) -> None:
        self._topics = topics
        self._changed = threading.Condition()
        self._connections = 0  # Since the start
        self._is_ready = self._stopping = False
        self._denied = ""
        self._is_answer: Callable[[bytes], bool] = lambda _: False
        self._answers: list[bytes] = []
        session = MqttSession(client_id, expiry_s=0, receive_maximum=_RECEIVE_MAXIMUM)
        callbacks = MqttCallbacks(set_fault, self._on_connected, self._on_disconnected, self._on_message)
        self._link = MqttLink(address, session, callbacks)
        self._link.client.on_subscribe = self._on_subscribed

    def start(self) -> None:
        self._link.start()

    def stop(self, timeout_s: float) -> None:
        """Ends an exchange in progress, too."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._link.stop(timeout_s)

    @property
    def connection(self) -> int | None:
        """The number of the one that is up, counted from the start; None without any."""
        with self._changed:
            return self._connections if self._is_ready else None

    def exchange(self, message: bytes, is_answer: Callable[[bytes], bool], timeout_s: float) -> bytes:
        """The answer; raises NoControlAnswer. Not from two threads at once.

        ``is_answer`` is called in the network thread: it must not block.
        """
        with self._changed:
            used, self._is_answer, self._answers = self._connections, is_answer, []
            if not self._failure(used):
                self._link.call_soon(lambda: self._link.client.publish(self._topics.request, message, qos=0))
            self._changed.wait_for(lambda: self._answers or self._failure(used), timeout_s)
            if not self._answers:
                raise NoControlAnswer(self._failure(used) or _SILENT.format(topic=self._topics.request))
            return self._answers[0]

    def _failure(self, used: int) -> str:
        """Why no answer can come any more, "" for nothing."""
        if self._stopping or not self._is_ready or self._connections != used:
            return _BROKEN
        return self._denied

    def _on_connected(self) -> None:
        self._link.client.subscribe(self._topics.response, qos=0)

    def _on_disconnected(self) -> None:
        with self._changed:
            self._is_ready = False
            self._changed.notify_all()

    def _on_subscribed(
        self, _client: mqtt.Client, _userdata: Any, _mid: int, reasons: list[ReasonCode], _properties: Any
    ) -> None:
        refused = next((reason for reason in reasons if reason.is_failure), None)
        with self._changed:
            self._denied = _DENIED.format(topic=self._topics.response, reason=refused) if refused is not None else ""
            self._is_ready = True
            self._connections += 1
            self._changed.notify_all()

    def _on_message(self, message: mqtt.MQTTMessage) -> None:
        content = bytes(message.payload)
        with self._changed:
            if self._is_answer(content):
                self._answers.append(content)
                self._changed.notify_all()
