"""What one message of a station means. Never raises: what cannot be read is refused, with its reason."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import msgspec

from kiosk.messaging.contract.control import BadControl, Hello, Status, decode
from kiosk.messaging.contract.receive import BadEvent, parse_batch, parse_event
from kiosk.messaging.contract.received_event import ReceivedEvent
from kiosk.messaging.contract.topics import UpTopic, parse_up
from kiosk.sorting_center.ledger.shared.records import INTERNAL_ERROR, Delivery, RejectedMessage, Sighting
from kiosk.sorting_center.shared.ports import Inbound

log = logging.getLogger(__name__)

_TOPICS: Final = 4096  # Of the stations of a county, four each: the same topics come again and again
_parse_up: Final = lru_cache(_TOPICS)(parse_up)


@dataclass(frozen=True, slots=True)
class HelloQuery:
    """A station said hello: how far is the ledger with this epoch, and what is its hash ``at`` a number (0: none)?"""

    region: str
    station: str
    epoch: str
    at: int


class ParsedMessage(msgspec.Struct, frozen=True):
    message: Inbound
    delivery: Delivery
    queries: tuple[HelloQuery, ...] = ()


def parse_message(message: Inbound) -> ParsedMessage:
    """Take a message apart.

    An unexpected error makes it a refusal as well (``unreadable``): one that came out of here would leave
    the message, and all that wait with it, unacknowledged, and a window of those is all a broker sends.
    """
    try:
        return _parse(message)
    except Exception:
        log.exception("Unexpected error while reading a message; stored as rejected.")
        return _refusal_of(message, "unreadable")


def refuse_unparsed(message: Inbound) -> ParsedMessage:
    """A message that is kept whole among the refused and not looked into. Its station has it still."""
    return _refusal_of(message, INTERNAL_ERROR)


def _parse(message: Inbound) -> ParsedMessage:
    if message.is_dead:
        return refuse_unparsed(message)  # its workers died, time and again, and it may be why
    try:
        topic = _parse_up(message.topic)
    except ValueError:
        return _refusal_of(message, "topic")
    if message.retained and topic.kind != "status":
        # The broker kept it for whoever comes: it says nothing about now, and no station sends it so.
        return _refusal_of(message, "retained")
    match topic.kind:
        case "event":
            return _events(message, topic, [message.payload])
        case "batch":
            return _batch(message, topic)
        case "hello":
            return _hello(message, topic)
        case _:
            return _status(message, topic)


def merge_deliveries(readings: Iterable[ParsedMessage]) -> Delivery:
    """All of them as one delivery, in order."""
    deliveries = [reading.delivery for reading in readings]
    return Delivery(
        events=[item for delivery in deliveries for item in delivery.events],
        refusals=[item for delivery in deliveries for item in delivery.refusals],
        sightings=[item for delivery in deliveries for item in delivery.sightings],
        counted=[item for delivery in deliveries for item in delivery.counted],
    )


def _refusal_of(message: Inbound, code: str) -> ParsedMessage:
    return ParsedMessage(message, Delivery(refusals=[RejectedMessage(message.topic, code, message.payload)]))


def _batch(message: Inbound, topic: UpTopic) -> ParsedMessage:
    try:
        payloads = parse_batch(message.payload)
    except BadEvent as error:
        return _refusal_of(message, error.code)
    return _events(message, topic, payloads)


def _events(message: Inbound, topic: UpTopic, payloads: Iterable[bytes]) -> ParsedMessage:
    events: list[tuple[str, ReceivedEvent]] = []
    refusals: list[RejectedMessage] = []
    for payload in payloads:
        try:
            events.append((topic.region, parse_event(payload, topic_station=topic.station)))
        except BadEvent as error:
            refusals.append(RejectedMessage(message.topic, error.code, payload))
        except Exception:
            log.exception("Unexpected error while reading an event; stored as rejected.")
            refusals.append(RejectedMessage(message.topic, "unreadable", payload))
    return ParsedMessage(message, Delivery(events=events, refusals=refusals))


def _hello(message: Inbound, topic: UpTopic) -> ParsedMessage:
    try:
        hello = decode(Hello, message.payload)
    except BadControl:
        return _refusal_of(message, "hello")
    seen = Sighting(topic.region, topic.station, hello=hello)
    question = HelloQuery(topic.region, topic.station, hello.epoch, hello.at)
    return ParsedMessage(message, Delivery(sightings=[seen]), (question,))


def _status(message: Inbound, topic: UpTopic) -> ParsedMessage:
    if message.retained and not message.payload:
        return ParsedMessage(message, Delivery())
    try:
        status = decode(Status, message.payload)
    except BadControl:
        return _refusal_of(message, "status")
    seen = Sighting(topic.region, topic.station, status, live=not message.retained)
    return ParsedMessage(message, Delivery(sightings=[seen]))
