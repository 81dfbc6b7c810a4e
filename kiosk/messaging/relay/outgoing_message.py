"""Rows of the outbox as one MQTT message: an event alone, or several in a batch that the line can bear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from kiosk.messaging.contract.receive import build_batch
from kiosk.messaging.contract.topics import Topics
from kiosk.messaging.relay.shared.ports import OutboxRow

EVENT_CONTENT: Final = "application/cloudevents+json"
# RFC 6713; inside is `application/cloudevents-batch+json`. MQTT has no content encoding to say so.
BATCH_CONTENT: Final = "application/zlib"


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """Events ``first`` to ``last`` on their way; ``size`` is that of the events before compression."""

    topic: str
    payload: bytes = field(repr=False)
    content_type: str
    first: int
    last: int
    size: int


def rows_that_fit(rows: Sequence[OutboxRow], last: int | None, max_bytes: int) -> Sequence[OutboxRow]:
    """The first of ``rows`` that make one message: up to ``last``, without a hole, within the size before compression.

    The first one is always among them.
    """
    size = 0
    for count, row in enumerate(rows):
        size += len(row.body) + 1
        exceeds_max = count > 0 and size > max_bytes
        if exceeds_max or (last is not None and row.seq > last) or row.seq != rows[0].seq + count:
            return rows[:count]
    return rows


def build_message(rows: Sequence[OutboxRow], topics: Topics, max_payload_bytes: int | None) -> OutgoingMessage:
    """As many of ``rows``, at least one, as stay within ``max_payload_bytes`` bytes on the wire (None: all)."""
    while len(rows) > 1:
        payload = build_batch([row.body for row in rows])
        if max_payload_bytes is None or len(payload) <= max_payload_bytes:
            return _message(rows, topics.batch, payload, BATCH_CONTENT)
        rows = rows[: len(rows) // 2]
    return _message(rows, topics.event, rows[0].body, EVENT_CONTENT)


def _message(rows: Sequence[OutboxRow], topic: str, payload: bytes, content_type: str) -> OutgoingMessage:
    return OutgoingMessage(topic, payload, content_type, rows[0].seq, rows[-1].seq, sum(len(row.body) for row in rows))
