"""A reader of the feed: listens while everything dies around it, and remembers what it was told."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

Key = tuple[str, str, int]
"""Station, epoch and number of an event."""
_FEED: Final = "kiosk/v1/+/feed/#"
_RECONNECT_S: Final = 1


class FeedReader:
    """Connects again whenever the broker is back. What was published meanwhile it has not heard."""

    def __init__(self, broker_url: str, login: tuple[str, str] | None) -> None:
        self._lock = threading.Lock()
        self._heard: dict[int, set[Key]] = defaultdict(set)
        self._messages = 0
        self._subscribed = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="feed-reader", protocol=mqtt.MQTTv5)
        self._client.reconnect_delay_set(_RECONNECT_S, _RECONNECT_S)
        if login is not None:
            self._client.username_pw_set(*login)
        self._client.on_connect = lambda client, *_: client.subscribe(_FEED, qos=1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._hear
        where = urlsplit(broker_url)
        assert where.hostname is not None
        assert where.port is not None
        self._client.connect_async(where.hostname, where.port)

    def __enter__(self) -> Self:
        self._client.loop_start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        del self._client  # paho closes the socket pair of its loop only when the client itself goes

    def is_listening(self) -> bool:
        """Whether it has been subscribed, once at least."""
        return self._subscribed.is_set()

    def heard(self) -> dict[int, set[Key]]:
        """Every event that was published under a place of the feed: one, if all is well."""
        with self._lock:
            return {place: set(keys) for place, keys in self._heard.items()}

    @property
    def messages(self) -> int:
        """All of them, those that came again included."""
        return self._messages

    def _hear(self, _client: mqtt.Client, _userdata: Any, message: mqtt.MQTTMessage) -> None:
        event = json.loads(message.payload)
        with self._lock:
            self._messages += 1
            self._heard[event["feedseq"]].add((event["station"], event["epoch"], event["seq"]))
