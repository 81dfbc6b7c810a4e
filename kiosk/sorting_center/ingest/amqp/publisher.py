"""The sending connection of the feed over AMQP: a message counts when the broker has confirmed it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from pika import BasicProperties
from pika.channel import Channel
from pika.frame import Method
from pika.spec import Basic

from kiosk.messaging.contract.topics import GENERATION_PROPERTY
from kiosk.sorting_center.ingest.amqp import queues
from kiosk.sorting_center.ingest.amqp.link import AmqpCallbacks, AmqpLink
from kiosk.sorting_center.ingest.shared.address import BrokerAddress
from kiosk.sorting_center.shared.health import CenterHealth

_POLL_S: Final = 0.5
_PERSISTENT: Final = 2


@dataclass(slots=True)
class _PublishWindow:
    """Messages that go out together, and what became of them."""

    messages: Sequence[tuple[str, bytes]]
    confirmed: set[int] = field(default_factory=set)
    refused: int | None = None  # The first place the broker did not take

    def accepted_count(self) -> int:
        """Count the confirmed messages, from the first on."""
        return next((place for place in range(len(self.messages)) if place not in self.confirmed), len(self.messages))


class AmqpFeedPublisher:
    """Publishes windows of messages with confirms, over a connection of its own: RabbitMQ may stop reading from it."""

    def __init__(self, address: BrokerAddress, name: str, health: CenterHealth, generation: str) -> None:
        # Over MQTT a header comes out as a user property.
        self._properties = BasicProperties(
            content_type="application/cloudevents+json",
            delivery_mode=_PERSISTENT,
            headers={GENERATION_PROPERTY: generation},
        )
        self._changed = threading.Condition()
        self._window = _PublishWindow(())
        self._channel: Channel | None = None
        # What is not confirmed yet, by delivery tag on this channel: its window and its place there.
        self._unconfirmed: dict[int, tuple[_PublishWindow, int]] = {}
        self._last_tag = 0
        self._stopping = threading.Event()
        self._link = AmqpLink(
            address, name, AmqpCallbacks(lambda text: health.set_fault("feed", text), self._on_open, self._on_closed)
        )

    def start(self) -> None:
        self._link.start()

    def stop(self, timeout_s: float) -> None:
        self._stopping.set()
        self._link.stop(timeout_s)

    @property
    def is_alive(self) -> bool:
        return self._link.is_alive

    def publish(self, messages: Sequence[tuple[str, bytes]]) -> int:
        window = _PublishWindow(messages)
        with self._changed:
            self._window = window
        self._link.call_soon(self._send)
        with self._changed:
            while window.accepted_count() < len(messages) and window.refused is None and not self._stopping.is_set():
                self._changed.wait(_POLL_S)
            return window.accepted_count()

    def _on_open(self, channel: Channel) -> None:
        self._unconfirmed, self._last_tag = {}, 0
        channel.confirm_delivery(self._answered, callback=lambda _: self._ready(channel))

    def _ready(self, channel: Channel) -> None:
        self._channel = channel
        if not self._send():
            self._link.mark_working()

    def _on_closed(self) -> None:
        self._channel = None

    def _send(self) -> int:
        """Publish what is neither confirmed nor under way; return how many were published."""
        if self._channel is None:
            return 0
        with self._changed:
            window = self._window
            done = window.confirmed | {place for other, place in self._unconfirmed.values() if other is window}
        left = [place for place in range(len(window.messages)) if place not in done]
        for place in left:
            topic, payload = window.messages[place]
            self._last_tag += 1
            self._unconfirmed[self._last_tag] = window, place
            self._channel.basic_publish(queues.TOPICS, queues.routing_key_of(topic), payload, self._properties)
        return len(left)

    def _answered(self, frame: Method) -> None:
        answer = frame.method
        tags = [answer.delivery_tag]
        if answer.multiple:
            tags = [tag for tag in self._unconfirmed if tag <= answer.delivery_tag]
        with self._changed:
            for tag in tags:
                window, place = self._unconfirmed.pop(tag)
                if isinstance(answer, Basic.Ack):
                    window.confirmed.add(place)
                elif window.refused is None:
                    window.refused = place
            self._changed.notify_all()
        if isinstance(answer, Basic.Ack):
            self._link.mark_working()
