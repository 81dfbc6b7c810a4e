"""The receiving connection of AMQP: queues that any number of workers share, acknowledged by hand."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from typing import Final

from pika import BasicProperties
from pika.channel import Channel
from pika.spec import Basic

from kiosk.sorting_center.ingest.amqp import queues
from kiosk.sorting_center.ingest.amqp.link import AmqpCallbacks, AmqpLink
from kiosk.sorting_center.ingest.shared.address import BrokerAddress
from kiosk.sorting_center.ingest.shared.inbox import WINDOW, IngestInbox, PutResult
from kiosk.sorting_center.shared.health import CenterHealth
from kiosk.sorting_center.shared.ports import Inbound

log = logging.getLogger(__name__)

_DEAD_PREFETCH: Final = 10
# By QoS of MQTT, as RabbitMQ translates it.
_PROPERTIES: Final = (
    BasicProperties(content_type="application/json", delivery_mode=1),
    BasicProperties(content_type="application/zlib", delivery_mode=2),
)


class AmqpConsumer(IngestInbox):
    """An inbox that is filled by its connection.

    Messages to stations use a connection of their own: RabbitMQ stops reading from one that publishes while it is short
    of memory, and acknowledgements are what frees memory.
    """

    def __init__(self, address: BrokerAddress, name: str, health: CenterHealth, regions: Sequence[str] = ()) -> None:
        super().__init__(lambda: health.count(dropped=1))
        self._health = health
        self._queues = queues.intake_queues(regions)
        self._channel: Channel | None = None
        self._answer_channel: Channel | None = None
        self._link = AmqpLink(
            address,
            name,
            AmqpCallbacks(lambda text: health.set_fault("broker", text), self._on_open, self._on_closed),
        )
        self._answer_link = AmqpLink(
            address,
            f"{name}-answers",
            AmqpCallbacks(
                lambda text: health.set_fault("answers", text),
                self._on_answer_channel_open,
                self._on_answer_channel_closed,
            ),
        )

    def start(self) -> None:
        self._answer_link.start()
        self._link.start()

    def stop(self, timeout_s: float) -> None:
        """End the connections; what was not acknowledged goes back to its queue."""
        self._link.stop(timeout_s / 2)
        self._answer_link.stop(timeout_s / 2)

    def acknowledge(self, messages: Sequence[Inbound]) -> None:
        self.settle(messages)
        self._link.call_soon(self._send_acknowledgements)

    def request_redelivery(self) -> None:
        self.end()
        self._link.drop()

    @property
    def is_alive(self) -> bool:
        return self._link.is_alive and self._answer_link.is_alive

    def send(self, topic: str, payload: bytes, qos: int = 0) -> bool:
        """Publish without confirmation."""
        if not self._answer_link.is_up or self._answer_link.is_blocked:
            return False
        self._answer_link.call_soon(partial(self._publish, topic, payload, qos))
        return True

    def _on_answer_channel_open(self, channel: Channel) -> None:
        self._answer_channel = channel
        self._answer_link.mark_working()

    def _on_answer_channel_closed(self) -> None:
        self._answer_channel = None

    def _publish(self, topic: str, payload: bytes, qos: int) -> None:
        if self._answer_channel is not None:
            key = queues.routing_key_of(topic)
            self._answer_channel.basic_publish(queues.TOPICS, key, payload, _PROPERTIES[qos])

    def _on_open(self, channel: Channel) -> None:
        self.begin()
        self._channel = channel
        queues.declare(channel, self._queues)
        channel.basic_qos(prefetch_count=_DEAD_PREFETCH)
        channel.basic_consume(queues.DEAD, partial(self._message, is_dead=True))
        channel.basic_qos(prefetch_count=max(1, (WINDOW - _DEAD_PREFETCH) // len(self._queues)))
        *others, last = self._queues
        for name in others:
            channel.basic_consume(name, self._message)
        channel.basic_consume(last, self._message, callback=lambda _: self._subscribed())

    def _subscribed(self) -> None:
        self._link.mark_working()
        self._health.set_connected(True)

    def _on_closed(self) -> None:
        self._channel = None
        self.end()
        self._health.set_connected(False)

    def _message(
        self,
        _channel: Channel,
        delivery: Basic.Deliver,
        _properties: BasicProperties,
        body: bytes,
        is_dead: bool = False,
    ) -> None:
        topic = delivery.routing_key.replace(".", "/")
        result = self.put(Inbound(topic, body, tag=delivery.delivery_tag, is_dead=is_dead))
        if result is PutResult.SHED:
            self._send_acknowledgements()
        elif result is PutResult.NO_ROOM:
            log.error("The broker sends more than it may before it is acknowledged: hanging up.")
            self._link.drop()

    def _send_acknowledgements(self) -> None:
        if self._channel is not None and (tags := self.released()):
            self._channel.basic_ack(tags[-1], multiple=True)  # released in order: all before it are, too
