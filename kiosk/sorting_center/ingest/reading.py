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
from kiosk.messaging.contract.received import ReceivedEvent
from kiosk.messaging.contract.topics import UpTopic, parse_up
from kiosk.sorting_center.ledger.records import SET_ASIDE, Delivery, Refusal, Sighting
from kiosk.sorting_center.ports import Inbound

log = logging.getLogger(__name__)

_TOPICS: Final = 4096
"""Of the stations of a county, four each: the same topics come again and again."""
_parse_up: Final = lru_cache(_TOPICS)(parse_up)


@dataclass(frozen=True, slots=True)
class Question:
    """A station said hello: how far is the ledger with this epoch, and what is its hash ``at`` a number (0: none)?"""

    region: str
    station: str
    epoch: str
    at: int


class Reading(msgspec.Struct, frozen=True):
    """One message, understood."""

    message: Inbound
    delivery: Delivery
    questions: tuple[Question, ...] = ()


def read_message(message: Inbound) -> Reading:
    """Take a message apart.

    An error that nobody foresaw makes it a refusal as well (``unreadable``): one that came out of here would leave
    the message, and all that wait with it, unacknowledged, and a window of those is all a broker sends.
    """
    try:
        return _read(message)
    except Exception:
        log.exception("A message cannot be read, for a reason nobody foresaw; it is kept among the refused.")
        return _refused(message, "unreadable")


def set_aside(message: Inbound) -> Reading:
    """A message that is kept whole among the refused and not looked into. Its station has it still."""
    return _refused(message, SET_ASIDE)


def _read(message: Inbound) -> Reading:
    if message.is_dead:
        return set_aside(message)  # its workers died, time and again, and it may be why
    try:
        topic = _parse_up(message.topic)
    except ValueError:
        return _refused(message, "topic")
    if message.retained and topic.kind != "status":
        # The broker kept it for whoever comes: it says nothing about now, and no station sends it so.
        return _refused(message, "retained")
    match topic.kind:
        case "event":
            return _events(message, topic, [message.payload])
        case "batch":
            return _batch(message, topic)
        case "hello":
            return _hello(message, topic)
        case _:
            return _status(message, topic)


def merged(readings: Iterable[Reading]) -> Delivery:
    """All of them as one delivery, in order."""
    deliveries = [reading.delivery for reading in readings]
    return Delivery(
        events=[item for delivery in deliveries for item in delivery.events],
        refusals=[item for delivery in deliveries for item in delivery.refusals],
        sightings=[item for delivery in deliveries for item in delivery.sightings],
        counted=[item for delivery in deliveries for item in delivery.counted],
    )


def _refused(message: Inbound, code: str) -> Reading:
    return Reading(message, Delivery(refusals=[Refusal(message.topic, code, message.payload)]))


def _batch(message: Inbound, topic: UpTopic) -> Reading:
    try:
        payloads = parse_batch(message.payload)
    except BadEvent as error:
        return _refused(message, error.code)
    return _events(message, topic, payloads)


def _events(message: Inbound, topic: UpTopic, payloads: Iterable[bytes]) -> Reading:
    events: list[tuple[str, ReceivedEvent]] = []
    refusals: list[Refusal] = []
    for payload in payloads:
        try:
            events.append((topic.region, parse_event(payload, topic_station=topic.station)))
        except BadEvent as error:
            refusals.append(Refusal(message.topic, error.code, payload))
        except Exception:
            log.exception("An event cannot be read, for a reason nobody foresaw; it is kept among the refused.")
            refusals.append(Refusal(message.topic, "unreadable", payload))
    return Reading(message, Delivery(events=events, refusals=refusals))


def _hello(message: Inbound, topic: UpTopic) -> Reading:
    try:
        hello = decode(Hello, message.payload)
    except BadControl:
        return _refused(message, "hello")
    seen = Sighting(topic.region, topic.station, hello=hello)
    question = Question(topic.region, topic.station, hello.epoch, hello.at)
    return Reading(message, Delivery(sightings=[seen]), (question,))


def _status(message: Inbound, topic: UpTopic) -> Reading:
    if message.retained and not message.payload:
        return Reading(message, Delivery())
    try:
        status = decode(Status, message.payload)
    except BadControl:
        return _refused(message, "status")
    seen = Sighting(topic.region, topic.station, status, live=not message.retained)
    return Reading(message, Delivery(sightings=[seen]))
