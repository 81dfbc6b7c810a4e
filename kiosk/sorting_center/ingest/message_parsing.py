"""What one message of a station means. Never raises: what cannot be read is refused, with its reason."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final

from kiosk.messaging.contract.control import BadControl, Hello, Status, decode
from kiosk.messaging.contract.receive import BadEvent, parse_batch, parse_event
from kiosk.messaging.contract.received_event import ReceivedEvent
from kiosk.messaging.contract.topics import UpTopic, parse_up
from kiosk.sorting_center.ledger.shared.records import INTERNAL_ERROR, Delivery, RejectedMessage, Sighting
from kiosk.sorting_center.shared.ports import Inbound

log = logging.getLogger(__name__)

_TOPICS: Final = 4096  # Of the stations of a county, four each: the same topics come again and again
_parse_up: Final = lru_cache(_TOPICS)(parse_up)
OnEvent = Callable[[str, ReceivedEvent], None]


def parse_message(message: Inbound, on_event: OnEvent = lambda _region, _item: None) -> Delivery:
    """Parse a message. ``on_event`` is called with the region of each event and the event, as soon as it is read.

    An unexpected error makes it a refusal as well (``unreadable``): raised from here it would leave the message, and
    all that wait with it, unacknowledged, and a broker sends no more than a window of those.
    """
    try:
        return _parse(message, on_event)
    except Exception:
        log.exception("Unexpected error while reading a message; stored as rejected.")
        return refuse(message, "unreadable")


def refuse(message: Inbound, code: str) -> Delivery:
    """Refuse the whole message. Its station still has it."""
    return Delivery(refusals=[RejectedMessage(message.topic, code, message.payload)])


def merge_deliveries(deliveries: Iterable[Delivery]) -> Delivery:
    deliveries = list(deliveries)
    return Delivery(
        events=[item for delivery in deliveries for item in delivery.events],
        refusals=[item for delivery in deliveries for item in delivery.refusals],
        sightings=[item for delivery in deliveries for item in delivery.sightings],
        counted=[item for delivery in deliveries for item in delivery.counted],
    )


def _parse(message: Inbound, on_event: OnEvent) -> Delivery:
    if message.is_dead:
        return refuse(message, INTERNAL_ERROR)  # its workers died, time and again, and it may be why
    try:
        topic = _parse_up(message.topic)
    except ValueError:
        return refuse(message, "topic")
    if message.retained and topic.kind != "status":
        # The broker keeps it for later subscribers: it says nothing about now, and no station sends it so.
        return refuse(message, "retained")
    if topic.kind == "event":
        return _events(message, topic, [message.payload], on_event)
    if topic.kind == "batch":
        try:
            return _events(message, topic, parse_batch(message.payload), on_event)
        except BadEvent as error:
            return refuse(message, error.code)
    try:
        if topic.kind == "hello":
            seen = Sighting(topic.region, topic.station, hello=decode(Hello, message.payload))
        elif message.retained and not message.payload:
            return Delivery()
        else:
            status = decode(Status, message.payload)
            seen = Sighting(topic.region, topic.station, status, live=not message.retained)
    except BadControl:
        return refuse(message, topic.kind)
    return Delivery(sightings=[seen])


def _events(message: Inbound, topic: UpTopic, payloads: Iterable[bytes], on_event: OnEvent) -> Delivery:
    events: list[tuple[str, ReceivedEvent]] = []
    refusals: list[RejectedMessage] = []
    for payload in payloads:
        try:
            item = parse_event(payload, topic_station=topic.station)
            on_event(topic.region, item)
            events.append((topic.region, item))
        except BadEvent as error:
            refusals.append(RejectedMessage(message.topic, error.code, payload))
        except Exception:
            log.exception("Unexpected error while reading an event; stored as rejected.")
            refusals.append(RejectedMessage(message.topic, "unreadable", payload))
    return Delivery(events=events, refusals=refusals)
