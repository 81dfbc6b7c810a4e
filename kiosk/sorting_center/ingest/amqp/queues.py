"""The queues between stations and workers, and how they are declared: durable, on a majority of nodes, losing nothing.

A queue exists before stations connect, from the shipped definitions or from a worker's first start; RabbitMQ confirms
and drops what is published before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from pika.channel import Channel

from kiosk.domain.identifiers import check_region

TOPICS: Final = "amq.topic"  # The exchange of RabbitMQ's MQTT, where a slash is a dot
# The exchange and the queue of what was delivered too often: its workers died each time, or could not store it.
DEAD: Final = "intake.dead"
ALL: Final = "intake.all"
# RabbitMQ's default, set so that no policy of another version changes it: messages above it go to `DEAD`.
DELIVERY_LIMIT: Final = 20

_QUORUM: Final[Mapping[str, object]] = {"x-queue-type": "quorum"}
# Without a limit: there is nowhere to go from here but into the ledger.
DEAD_ARGUMENTS: Final[Mapping[str, object]] = {**_QUORUM, "x-delivery-limit": -1}
INTAKE_ARGUMENTS: Final[Mapping[str, object]] = {
    **_QUORUM,
    "x-delivery-limit": DELIVERY_LIMIT,
    "x-dead-letter-exchange": DEAD,
    "x-dead-letter-strategy": "at-least-once",
    "x-overflow": "reject-publish",  # what that strategy needs; there is no length to overflow
}


def intake_queues(regions: Sequence[str]) -> dict[str, str]:
    """Return each queue's name and its routing keys; no region: one queue for all. Raises BadIdentifier."""
    if not regions:
        return {ALL: "kiosk.v1.*.*.up.#"}
    return {f"intake.{check_region(region)}": f"kiosk.v1.{region}.*.up.#" for region in regions}


def routing_key_of(topic: str) -> str:
    """Convert an MQTT topic as RabbitMQ does; none of ours has a dot."""
    return topic.replace("/", ".")


def declare(channel: Channel, queues: Mapping[str, str]) -> None:
    """Declare what is missing, in order, without waiting. The broker closes the channel if one is of another kind."""
    channel.exchange_declare(DEAD, exchange_type="fanout", durable=True)
    channel.queue_declare(DEAD, durable=True, arguments=dict(DEAD_ARGUMENTS))
    channel.queue_bind(DEAD, DEAD, routing_key="")
    for name, routing_key in queues.items():
        channel.queue_declare(name, durable=True, arguments=dict(INTAKE_ARGUMENTS))
        channel.queue_bind(name, TOPICS, routing_key=routing_key)
