"""The connections to a broker, by what its address says is spoken there: the library of the other one is not loaded."""

from __future__ import annotations

from collections.abc import Sequence

from kiosk.sorting_center.health import Health
from kiosk.sorting_center.ingest.address import BrokerAddress, Transport
from kiosk.sorting_center.ingest.inbox import Inbox
from kiosk.sorting_center.ports import FeedConnection, ReceivingLine


def receiving(address: BrokerAddress, name: str, inbox: Inbox, health: Health, regions: Sequence[str]) -> ReceivingLine:
    """The line that fills the inbox. ``regions``: none for all."""
    if address.transport is Transport.AMQP:
        from kiosk.sorting_center.ingest.amqp.consumer import AmqpConsumer

        return AmqpConsumer(address, name, inbox, health, regions)
    from kiosk.sorting_center.ingest.mqtt.consumer import MqttConsumer

    return MqttConsumer(address, name, inbox, health, regions)


def sending(address: BrokerAddress, name: str, health: Health, generation: str) -> FeedConnection:
    """The line the feed goes out on."""
    if address.transport is Transport.AMQP:
        from kiosk.sorting_center.ingest.amqp.publisher import AmqpFeedPublisher

        return AmqpFeedPublisher(address, name, health, generation)
    from kiosk.sorting_center.ingest.mqtt.publisher import MqttFeedPublisher

    return MqttFeedPublisher(address, name, health, generation)
