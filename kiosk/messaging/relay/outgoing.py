"""Rows of the outbox as one MQTT message: an event alone, or several in a batch that the line can bear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from kiosk.messaging.contract.receive import build_batch
from kiosk.messaging.contract.topics import Topics
from kiosk.messaging.relay.ports import OutboxRow

EVENT_CONTENT: Final = "application/cloudevents+json"
BATCH_CONTENT: Final = "application/zlib"
"""RFC 6713; inside is ``application/cloudevents-batch+json``. MQTT has no content encoding to say so."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Events ``first`` to ``last`` on their way; ``size`` is that of the events before compression."""

    topic: str
    payload: bytes = field(repr=False)
    content_type: str
    first: int
    last: int
    size: int


def fitting(rows: Sequence[OutboxRow], last: int | None, most_bytes: int) -> Sequence[OutboxRow]:
    """The first of ``rows`` that make one message: up to ``last``, without a hole, within the size before compression.

    The first one is always among them.
    """
    size = 0
    for count, row in enumerate(rows):
        size += len(row.body) + 1
        too_much = count > 0 and size > most_bytes
        if too_much or (last is not None and row.seq > last) or row.seq != rows[0].seq + count:
            return rows[:count]
    return rows


def outgoing(rows: Sequence[OutboxRow], topics: Topics, most_payload: int | None) -> Outgoing:
    """As many of ``rows``, at least one, as stay within ``most_payload`` bytes on the wire (None: all)."""
    while len(rows) > 1:
        payload = build_batch([row.body for row in rows])
        if most_payload is None or len(payload) <= most_payload:
            return _message(rows, topics.batch, payload, BATCH_CONTENT)
        rows = rows[: len(rows) // 2]
    return _message(rows, topics.event, rows[0].body, EVENT_CONTENT)


def _message(rows: Sequence[OutboxRow], topic: str, payload: bytes, content_type: str) -> Outgoing:
    return Outgoing(topic, payload, content_type, rows[0].seq, rows[-1].seq, sum(len(row.body) for row in rows))
