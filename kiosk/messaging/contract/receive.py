"""From received bytes to an event that can be kept: refuse what cannot be attributed, quarantine the rest."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from kiosk.base.refused import Refused
from kiosk.domain.events import EventData
from kiosk.domain.events.rules import event_fault
from kiosk.messaging.contract.envelope import (
    EVENT_TYPES,
    MAX_EVENT_BYTES,
    body_and_hash,
    data_as,
    detail_fault,
    identity_fault,
    known_attributes,
    split_signature,
    usable_text,
)
from kiosk.messaging.contract.fast_path import parse_fast
from kiosk.messaging.contract.received_event import ReceivedEvent
from kiosk.messaging.contract.strict_json import StrictJsonError, canonical, canonical_parsed, read, read_canonical

MAX_BATCH_EVENTS: Final = 100
MAX_BATCH_BYTES: Final = 1024 * 1024  # Inflated. One event more than fits is another batch.

# For unknown keys in an event of a known type. Newer software adds a few words to what it already reports, perhaps for
# each of two hundred bags; for anything else it has another type.
MAX_UNKNOWN_BYTES: Final = 16 * 1024

_SPLITTER: Final = msgspec.json.Decoder(list[msgspec.Raw])


class BadEvent(Refused, ValueError):
    """Cannot be attributed to (station, epoch, seq), or is no batch. ``code`` is a stable word.

    Of JSON: too_large, not_utf8, not_json, too_deep, duplicate_key, number, text. Of the envelope: not_object,
    envelope, wrong_station. Of a batch: not_zlib, not_batch, too_many.
    """


def parse_event(payload: bytes, *, topic_station: str | None = None) -> ReceivedEvent:
    """Read one event; raises BadEvent. ``topic_station`` is the station whose topic it came on."""
    event = parse_fast(payload)
    if event is None:
        parsed, body, sha256 = _read(payload)
        fault = identity_fault(parsed)
        if fault is not None:
            raise BadEvent("envelope", fault)
        event = _received(parsed, body, sha256)
    if topic_station is not None and topic_station != event.station:
        raise BadEvent("wrong_station", f"an event of {event.station} came on the topic of {topic_station}")
    return event


def _read(payload: bytes) -> tuple[dict[str, Any], bytes, str]:
    """Return the event, its canonical bytes and its hash; a station's own bytes are canonical already."""
    sent = read_canonical(payload, max_bytes=MAX_EVENT_BYTES)
    if sent is not None:
        hashed, signature = split_signature(payload)
        if ("signature" in sent) == bool(signature):
            return sent, payload, hashlib.sha256(hashed).hexdigest()
    try:
        event = read(payload, max_bytes=MAX_EVENT_BYTES)
        if not isinstance(event, dict):
            raise BadEvent("not_object", "an event is a JSON object")
        return event, *body_and_hash(event, canonical_parsed)
    except StrictJsonError as error:
        raise BadEvent(error.code, str(error)) from error


def _received(event: Mapping[str, Any], body: bytes, sha256: str) -> ReceivedEvent:
    usable = detail_fault(event) is None
    known_data, problem = _check_data(event["type"], event.get("data"), event["station"])
    received = ReceivedEvent(
        station=event["station"],
        epoch=event["epoch"],
        seq=event["seq"],
        type=event["type"],
        prevhash=event["prevhash"] if usable else usable_text(event, "prevhash"),
        sha256=sha256,
        body=body,
        time=event["time"] if usable else usable_text(event, "time"),
        clock=event["clock"] if usable else usable_text(event, "clock"),
        data=canonical_parsed(event.get("data")),
        problem=problem if usable else "bad_data",
        region=event.get("region", "") if usable else "",
        reissued=event.get("reissued") if usable else None,
        signature=event.get("signature", "") if usable else "",
    )
    if known_data is None or len(body) <= MAX_UNKNOWN_BYTES:
        return received
    rest = canonical(known_attributes(event))
    if len(body) - len(rest) - len(msgspec.json.encode(known_data)) <= MAX_UNKNOWN_BYTES:
        return received
    return replace(received, body=rest, data=b"null", problem="oversized", left_out_bytes=len(body) - len(rest))


def _check_data(type_: str, data: object, station: str) -> tuple[EventData | None, str | None]:
    """Convert the data of a known type, and return it with the problem, if any."""
    known = EVENT_TYPES.get(type_)
    if known is None:
        return None, "unknown_type"
    try:
        converted = data_as(known, data)
    except msgspec.ValidationError:
        return None, "bad_data"
    return converted, None if event_fault(converted, station) is None else "bad_data"


def build_batch(bodies: Sequence[bytes]) -> bytes:
    """Deflate a JSON array of event bodies. Raises ValueError for more than a batch may hold."""
    if not 1 <= len(bodies) <= MAX_BATCH_EVENTS:
        raise ValueError(f"a batch holds 1 to {MAX_BATCH_EVENTS} events, not {len(bodies)}")
    inflated = b"[" + b",".join(bodies) + b"]"
    if len(inflated) > MAX_BATCH_BYTES:
        raise ValueError(f"a batch holds {MAX_BATCH_BYTES} bytes, not {len(inflated)}")
    return zlib.compress(inflated)


def parse_batch(payload: bytes) -> list[bytes]:
    """Split a batch into its events, each exactly as it was sent. Raises BadEvent when it is no batch.

    The events are not parsed here: pass each to `parse_event`, and most bad ones fail alone. What is no JSON (NaN, a
    lone surrogate, a raw control character) or nested too deep for the reader cannot be split off: the whole batch is
    refused. No station sends that; the other events stay pending and come again.
    """
    inflated = _inflate(payload)
    try:
        events = _SPLITTER.decode(inflated)
    except RecursionError as error:
        raise BadEvent("too_deep", "a batch is nested deeper than any event may be") from error
    except ValueError as error:
        raise BadEvent("not_batch", f"a batch is a JSON array: {error}") from error
    if not 1 <= len(events) <= MAX_BATCH_EVENTS:
        raise BadEvent("too_many", f"a batch holds 1 to {MAX_BATCH_EVENTS} events, not {len(events)}")
    return [bytes(event) for event in events]


def _inflate(payload: bytes) -> bytes:
    """Inflate at most one byte beyond the limit, whatever size the payload claims. Raises BadEvent."""
    stream = zlib.decompressobj()
    try:
        inflated = stream.decompress(payload, MAX_BATCH_BYTES + 1)
    except zlib.error as error:
        raise BadEvent("not_zlib", f"a batch is deflated with zlib: {error}") from error
    if len(inflated) > MAX_BATCH_BYTES:
        raise BadEvent("too_large", f"a batch inflates to at most {MAX_BATCH_BYTES} bytes")
    if not stream.eof or stream.unused_data:
        raise BadEvent("not_zlib", "a batch is one whole zlib stream and nothing after it")
    return inflated
