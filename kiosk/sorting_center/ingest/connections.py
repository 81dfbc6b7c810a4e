"""The connections to a broker, by what its address says is spoken there: the library of the other one is not loaded."""

from __future__ import annotations

from collections.abc import Sequence

from kiosk.sorting_center.ingest.shared.address import BrokerAddress, BrokerTransport
from kiosk.sorting_center.shared.health import CenterHealth
from kiosk.sorting_center.shared.ports import FeedConnection, ReceivingConnection


def receiving_connection(
    address: BrokerAddress, name: str, health: CenterHealth, regions: Sequence[str]
) -> ReceivingConnection:
    """Build the connection for ``regions``: none for all."""
    if address.transport is BrokerTransport.AMQP:
        from kiosk.sorting_center.ingest.amqp.consumer import AmqpConsumer

        return AmqpConsumer(address, name, health, regions)
    from kiosk.sorting_center.ingest.mqtt.consumer import MqttConsumer

    return MqttConsumer(address, name, health, regions)


def feed_connection(address: BrokerAddress, name: str, health: CenterHealth, generation: str) -> FeedConnection:
    if address.transport is BrokerTransport.AMQP:
        from kiosk.sorting_center.ingest.amqp.publisher import AmqpFeedPublisher

        return AmqpFeedPublisher(address, name, health, generation)
    from kiosk.sorting_center.ingest.mqtt.publisher import MqttFeedPublisher

    return MqttFeedPublisher(address, name, health, generation)
