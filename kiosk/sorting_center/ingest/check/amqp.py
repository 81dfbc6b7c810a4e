"""Whether the queues of a live RabbitMQ are those that lose nothing. Nothing is made, and no message sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import pika
from pika.exceptions import AMQPError, ChannelClosedByBroker

from kiosk.sorting_center.ingest.amqp import queues
from kiosk.sorting_center.ingest.amqp.link import parameters
from kiosk.sorting_center.ingest.check.finding import BrokerFinding, BrokerUnusable, ok_or_trap, trap, unseen
from kiosk.sorting_center.ingest.shared.address import BrokerAddress

_UNSEEN: Final = unseen("a binding cannot be seen without leaving a message; a worker makes it anew at each start")


def findings(address: BrokerAddress, regions: Sequence[str]) -> Iterator[BrokerFinding]:
    """Yield one finding for each queue; raises BrokerUnusable, and BadIdentifier for an invalid region."""
    expected = {queues.DEAD: queues.DEAD_ARGUMENTS}
    expected |= dict.fromkeys(queues.intake_queues(regions), queues.INTAKE_ARGUMENTS)
    try:
        connection = pika.BlockingConnection(parameters(address, "broker-check"))
    except AMQPError as error:
        raise BrokerUnusable(f"the broker at {address} cannot be used: {error!r}") from error
    try:
        for name, arguments in expected.items():
            yield _queue_finding(connection, name, dict(arguments))
        if regions and _refusal(connection, queues.ALL, None) is None:
            yield trap(f"{queues.ALL} is there as well, and fills up when no worker reads it: delete it")
    except AMQPError as error:
        raise BrokerUnusable(f"the connection to the broker at {address} was lost: {error!r}") from error
    finally:
        if connection.is_open:
            connection.close()
    yield _UNSEEN


def _queue_finding(connection: Any, name: str, arguments: dict[str, object]) -> BrokerFinding:
    if _refusal(connection, name, None) is not None:
        return trap(f"there is no queue {name}: what stations send before a worker's first start is confirmed and gone")
    refusal = _refusal(connection, name, arguments)
    return ok_or_trap(
        refusal is None,
        f"{name} is a quorum queue, and what is delivered too often goes where a worker keeps it",
        f"{name} is of another kind than it must be: {refusal}",
    )


def _refusal(connection: Any, name: str, arguments: dict[str, object] | None) -> str | None:
    """Return why the broker refuses this queue, None if it does not; without arguments: that it does not exist."""
    channel = connection.channel()
    try:
        channel.queue_declare(name, passive=arguments is None, durable=True, arguments=arguments)
    except ChannelClosedByBroker as error:
        return str(error.reply_text)
    channel.close()
    return None
