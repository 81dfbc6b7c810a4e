"""The connections to a broker, by what its address says is spoken there."""

from __future__ import annotations

from collections.abc import Sequence

from kiosk.sorting_center.health import Health
from kiosk.sorting_center.ingest.address import BrokerAddress, Transport
from kiosk.sorting_center.ingest.amqp.consumer import AmqpConsumer
from kiosk.sorting_center.ingest.amqp.publisher import AmqpFeedPublisher
from kiosk.sorting_center.ingest.inbox import Inbox
from kiosk.sorting_center.ingest.mqtt.consumer import MqttConsumer
from kiosk.sorting_center.ingest.mqtt.publisher import MqttFeedPublisher
from kiosk.sorting_center.ports import FeedConnection, ReceivingLine


def receiving(address: BrokerAddress, name: str, inbox: Inbox, health: Health, regions: Sequence[str]) -> ReceivingLine:
    """The line that fills the inbox. ``regions``: none for all."""
    made = AmqpConsumer if address.transport is Transport.AMQP else MqttConsumer
    return made(address, name, inbox, health, regions)


def sending(address: BrokerAddress, name: str, health: Health, generation: str) -> FeedConnection:
    """The line the feed goes out on."""
    made = AmqpFeedPublisher if address.transport is Transport.AMQP else MqttFeedPublisher
    return made(address, name, health, generation)
