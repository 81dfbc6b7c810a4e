"""JSON Schema (2020-12) of every event type and control message, made from the code that checks them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from kiosk.messaging.contract.control import Ack, Hello, Resend, Status
from kiosk.messaging.contract.envelope import (
    DETAIL_PATTERNS,
    EVENT_TYPES,
    IDENTITY_PATTERNS,
    MAX_SEQ,
    OPTIONAL_PATTERNS,
)

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
CONTROL_MESSAGES: Final = (Hello, Status, Ack, Resend)

Schema = dict[str, object]


def event_schema(type_: str) -> Schema:
    """The schema of a whole event of this type, envelope and data; KeyError for an unknown type."""
    cls = EVENT_TYPES[type_]
    patterns = {**IDENTITY_PATTERNS, **DETAIL_PATTERNS}
    properties: Schema = {name: text_schema(rule) for name, rule in {**patterns, **OPTIONAL_PATTERNS}.items()}
    data, parts = _parts(cls)
    properties |= {
        "type": {"const": type_},
        "seq": {"type": "integer", "minimum": 1, "maximum": MAX_SEQ},
        "feedseq": {"type": "integer", "minimum": 1, "description": "Only on the feed; not part of the hash."},
        "data": data,
    }
    return {
        "$schema": DIALECT,
        "title": type_,
        "description": (cls.__doc__ or "").strip().partition("\n")[0],
        "type": "object",
        "properties": dict(sorted(properties.items())),
        "required": sorted([*patterns, "seq", "data"]),
        "$defs": parts,
    }


def control_schema(cls: type[msgspec.Struct]) -> Schema:
    schema, parts = _parts(cls)
    return {"$schema": DIALECT, **schema, "$defs": parts}


def all_schemas() -> dict[str, Schema]:
    events = {type_: event_schema(type_) for type_ in EVENT_TYPES}
    return events | {cls.__name__.lower(): control_schema(cls) for cls in CONTROL_MESSAGES}


def _parts(cls: type) -> tuple[Schema, Schema]:
    (schema,), parts = msgspec.json.schema_components([cls], ref_template="#/$defs/{name}")
    return schema, {name: _tidy(part) for name, part in sorted(parts.items())}


def _tidy(part: Mapping[str, object]) -> Schema:
    """Descriptions as one line; the newlines in them are the source file's."""
    described = part.get("description")
    return dict(part) | ({"description": " ".join(described.split())} if isinstance(described, str) else {})


def text_schema(pattern: str) -> Schema:
    """Of a text that matches ``pattern`` as a whole, in ECMAScript as in Python, whose ``$`` takes a last line end."""
    return {"type": "string", "pattern": rf"^(?:{pattern})(?!\n)$"}
