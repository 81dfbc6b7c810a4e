"""The one decoder of released events, as the ledger stores them and the feed publishes them.

A released event was checked when it arrived, so it fits the type of this version: one written by an earlier version may
lack fields that have a default, one of a later version may have more. Never for an event with a problem.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeVar, cast

import msgspec

from kiosk.domain.events import EVENT_CLASSES, EventData

Data = TypeVar("Data", bound=EventData)


class EventEnvelope(msgspec.Struct, frozen=True, gc=False):
    """The attributes of a stored event; ``data`` are JSON still."""

    station: str
    epoch: str
    seq: int
    type: str
    time: str
    clock: str
    bootid: str
    monotonicms: str
    software: str
    data: msgspec.Raw
    reissued: str | None = None


_KINDS: Final[Mapping[str, type[EventData]]] = {kind.TYPE: kind for kind in EVENT_CLASSES}
# Made when the module is loaded: msgspec 0.22 crashes when two threads are the first to use a type.
_DECODERS: Final = {kind: msgspec.json.Decoder(kind).decode for kind in EVENT_CLASSES}

decode_envelope: Final = msgspec.json.Decoder(EventEnvelope).decode


def decode_data(kind: type[Data], data: bytes | msgspec.Raw) -> Data:
    """Decode the data of an event of this type, from the JSON of the data alone."""
    return cast(Data, _DECODERS[kind](data))


def decode_event(kind: type[Data], body: bytes) -> Data:
    """Decode the data of an event of this type, from its whole body."""
    return decode_data(kind, decode_envelope(body).data)


def decode_known(envelope: EventEnvelope) -> EventData | None:
    """Decode the data as the class of the event's own type; None for a type that this software does not know."""
    kind = _KINDS.get(envelope.type)
    return decode_data(kind, envelope.data) if kind is not None else None
