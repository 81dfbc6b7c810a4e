"""The fast path of reading: an event of a known type, byte for byte as a station of this version writes it.

One pattern over the whole text holds every rule of the envelope, with its attributes in the order of RFC 8785, 3.2.3,
and nothing in them that JSON would escape. Of the data, a reader for just their type accepts only what its writer
produces: no other key, none twice, no space, no fraction, no integer that some reader does not keep. Anything else is
not wrong: the general path judges it, with the same result where both accept an event.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import reduce
from operator import or_
from types import EllipsisType, UnionType
from typing import Annotated, Any, Final, Union, get_args, get_origin, get_type_hints

import msgspec

from kiosk.domain.events import EventData
from kiosk.domain.events.rules import event_fault
from kiosk.messaging.contract.envelope import (
    DETAIL_PATTERNS,
    EVENT_TYPES,
    IDENTITY_PATTERNS,
    MAX_EVENT_BYTES,
    MAX_SEQ,
    OPTIONAL_PATTERNS,
    TYPE_PATTERN,
    data_as,
    is_in_calendar,
)
from kiosk.messaging.contract.received_event import ReceivedEvent
from kiosk.messaging.contract.strict_json import MAX_INTEGER

_OPTIONAL: Final = frozenset(OPTIONAL_PATTERNS)
_SIGNATURE_START: Final = len(',"signature":"')

# Instead of the attribute's own pattern: where it must equal another attribute, where its own pattern would accept what
# JSON escapes, and where that pattern looks for the end of the text.
_PATTERN_OVERRIDES: Final[Mapping[str, str]] = {
    "id": r"(?P=epoch)-(?P<seq>[1-9][0-9]{0,9})",
    "source": r"/stations/(?P<station>S[0-9]{4})",
    "station": r"(?P=station)",
    "type": TYPE_PATTERN,
    "software": r"[ !#-\[\]-~]{1,64}",
    "region": r'(?!feed")[a-z0-9-]{1,16}',
    "signature": r"[!#-\[\]-~]{1,1024}",
}


def _event_pattern() -> str:
    """Build the pattern of a whole event; its groups are in the order of the attributes."""
    patterns = {**IDENTITY_PATTERNS, **DETAIL_PATTERNS, **OPTIONAL_PATTERNS, **_PATTERN_OVERRIDES}
    named = {"epoch", "type", "prevhash", "time", "clock", "region", "reissued", "signature"}
    members = {
        name: f'"{name}":"({"?P<" + name + ">" if name in named else "?:"}{pattern})"'
        for name, pattern in patterns.items()
    }
    members["seq"] = '"seq":(?P=seq)'
    members["data"] = r'"data":(?P<data>\{.*\})'
    # The first name is not an optional one: each of those has a comma before it.
    parts = [f"(?:,{text})?" if name in _OPTIONAL else f",{text}" for name, text in sorted(members.items())]
    return r"\{" + "".join(parts)[1:] + r"\}"


_EVENT_PATTERN: Final = re.compile(_event_pattern())


class _DataDecoder:
    def __init__(self, cls: type[EventData], reader: msgspec.json.Decoder[Any]) -> None:
        """Take ``reader``, which decodes the type in its wire form."""
        self._cls, self._read = cls, reader.decode
        self._write = msgspec.json.Encoder().encode

    def is_valid(self, payload: bytes, station: str) -> bool:
        try:
            found = self._read(payload)
            if self._write(found) != payload:
                return False
            return event_fault(data_as(self._cls, found, from_attributes=True), station) is None
        except (ValueError, RecursionError):
            return False


def _wire_type(kind: Any) -> Any:
    """Build the type's wire form: fields in the order of RFC 8785, integers that every reader keeps exactly."""
    if isinstance(kind, type) and is_dataclass(kind):
        hints = get_type_hints(kind)
        members = sorted((field.name, _wire_type(hints[field.name])) for field in fields(kind))
        return msgspec.defstruct(f"{kind.__name__}OnTheWire", members, frozen=True, gc=False)
    if kind is int:
        return Annotated[int, msgspec.Meta(ge=-MAX_INTEGER, le=MAX_INTEGER)]
    inner = tuple(part if isinstance(part, EllipsisType) else _wire_type(part) for part in get_args(kind))
    if get_origin(kind) in (Union, UnionType):
        return reduce(or_, inner)
    return tuple.__class_getitem__(inner) if get_origin(kind) is tuple else kind


_DATA_DECODERS: Final = {
    name: _DataDecoder(cls, msgspec.json.Decoder(_wire_type(cls))) for name, cls in EVENT_TYPES.items()
}


def parse_fast(payload: bytes) -> ReceivedEvent | None:
    """Parse the event; None for what the general parser has to judge."""
    if len(payload) > MAX_EVENT_BYTES or not payload.isascii():
        return None
    found = _EVENT_PATTERN.fullmatch(payload.decode("ascii"))
    if found is None:
        return None
    clock, text, epoch, number, prevhash, region, reissued, signature, station, time, type_ = found.groups()
    known, seq, data = _DATA_DECODERS.get(type_), int(number), text.encode("ascii")
    if known is None or seq > MAX_SEQ or not is_in_calendar(time) or not known.is_valid(data, station):
        return None
    hashed = payload
    if signature is not None:  # The hash is over the event without it
        start, end = found.span("signature")
        hashed = payload[: start - _SIGNATURE_START] + payload[end + 1 :]
    sha256 = hashlib.sha256(hashed).hexdigest()
    return ReceivedEvent(
        *(station, epoch, seq, type_, prevhash, sha256, payload, time, clock, data, None, region or "", reissued),
        signature=signature or "",
    )
