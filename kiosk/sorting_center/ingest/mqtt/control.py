"""Questions to the broker itself: a message goes out, and one that answers it comes back."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.reasoncodes import ReasonCode

from kiosk.sorting_center.ingest.mqtt.link import CONNECT_TIMEOUT_S, KEEPALIVE_S, log_in
from kiosk.sorting_center.ingest.shared.address import BrokerAddress

_POLL_S: Final = 0.2
_DENIED: Final = "the broker refuses the sorting center {topic} ({reason}): does its user have the role admin?"
_SILENT: Final = "the broker says nothing on {topic}: does it hang, or is its dynamic security plugin not loaded?"


class NoControlAnswer(Exception):
    """The text says why."""


class MqttControl:
    """A connection of its own, used by one thread. A failed one is closed: no late answer is matched to another
    request.
    """

    def __init__(self, address: BrokerAddress, client_id: str, topic: str, timeout_s: float) -> None:
        """Send questions to ``topic``; the answers are at ``topic/response``."""
        self._address, self._client_id, self._topic, self._timeout_s = address, client_id, topic, timeout_s
        self._client: mqtt.Client | None = None
        self._codes: list[ReasonCode] = []
        self._answers: list[bytes] = []

    def connect(self, is_stopping: Callable[[], bool]) -> bool:
        """Connect, or keep the connection alive; return whether it is a new one. Raises NoControlAnswer."""
        if self._client is not None and self._client.loop(0.01) == mqtt.MQTT_ERR_SUCCESS:
            return False
        self.close()
        self._client, self._codes = self._make_client(), []
        if failure := _open(self._client, self._address):
            self._client = None
            raise NoControlAnswer(f"the broker does not answer at {self._address} ({failure})")
        self._client.subscribe(f"{self._topic}/response")
        self._wait(lambda: len(self._codes) == 2 or any(code.is_failure for code in self._codes), is_stopping)
        if refused := next((code for code in self._codes if code.is_failure), None):
            self.close()
            raise NoControlAnswer(_DENIED.format(topic=self._topic, reason=refused))
        return True

    def _make_client(self) -> mqtt.Client:
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=self._client_id, protocol=mqtt.MQTTv5)
        client.suppress_exceptions = True
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.on_connect = lambda _client, _userdata, _flags, code, _properties: self._codes.append(code)
        client.on_subscribe = lambda _client, _userdata, _mid, codes, _properties: self._codes.extend(codes)
        client.on_message = lambda _client, _userdata, came: self._answers.append(bytes(came.payload))
        return client

    def exchange(self, message: bytes, is_answer: Callable[[bytes], bool], is_stopping: Callable[[], bool]) -> bytes:
        """Send a message and return the answer; raises NoControlAnswer. Call it only after ``connect``."""
        assert self._client is not None
        self._answers = []
        self._client.publish(self._topic, message)
        self._wait(lambda: any(map(is_answer, self._answers)), is_stopping)
        return next(filter(is_answer, self._answers))

    def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.disconnect()

    def _wait(self, is_done: Callable[[], bool], is_stopping: Callable[[], bool]) -> None:
        give_up = time.monotonic() + self._timeout_s
        while not is_done():
            is_up = self._client is not None and self._client.loop(_POLL_S) == mqtt.MQTT_ERR_SUCCESS
            if not is_up or is_stopping() or time.monotonic() > give_up:
                self.close()
                raise NoControlAnswer(
                    _SILENT.format(topic=self._topic) if is_up else f"the broker at {self._address} hangs up"
                )


def _open(client: mqtt.Client, address: BrokerAddress) -> str:
    """Connect; return the problem, "" for none: as text, because an error would hold the client and its sockets."""
    try:
        log_in(client, address)
        client.connect(address.host, address.port, keepalive=KEEPALIVE_S)
    except (OSError, ValueError) as error:
        return str(error)
    return ""
