"""Write the documents of the feed, with a JSON Schema (2020-12) of every message, made from the code that checks them:

python -m scripts.feed_documents docs/feed
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from kiosk.messaging.contract.configuration import MAX_MESSAGE_BYTES
from kiosk.messaging.contract.control import Ack, Hello, Resend, Status
from kiosk.messaging.contract.envelope import (
    DETAIL_PATTERNS,
    EVENT_TYPES,
    IDENTITY_PATTERNS,
    MAX_SEQ,
    OPTIONAL_PATTERNS,
    text_schema,
)
from kiosk.messaging.contract.topics import GENERATION_PROPERTY, ROOT, feed_topic

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
CONTROL_MESSAGES: Final = (Hello, Status, Ack, Resend)

Schema = dict[str, object]
VERSION: Final = "1.0.0"
EVENT_CONTENT: Final = "application/cloudevents+json"
_FEED_TEXT: Final = (
    f"The MQTT 5 user property {GENERATION_PROPERTY} says in which generation of the feed `feedseq` counts; another "
    "one than before means that the ledger came back from a backup: start over."
)
_STATION: Final = f"{ROOT}/{{region}}/{{station}}"
_PARAMETERS: Final[Schema] = {
    "region": {"description": "1 to 16 of a-z, 0-9 and -; never the word feed."},
    "station": {"description": "S and four digits."},
}


@dataclass(frozen=True, slots=True)
class _AsyncApiChannel:
    """One row of the table below. ``action`` is the station's: it sends upwards and receives downwards."""

    name: str
    address: str
    action: str
    messages: tuple[str, ...]
    summary: str
    qos: int
    retain: bool = False
    description: str = ""


_CHANNELS: Final = (
    _AsyncApiChannel("event", f"{_STATION}/up/event", "send", tuple(EVENT_TYPES), "One event.", 1),
    _AsyncApiChannel("batch", f"{_STATION}/up/batch", "send", ("batch",), "Several events, a JSON array, zlib.", 1),
    _AsyncApiChannel("hello", f"{_STATION}/up/hello", "send", ("hello",), "What the station has; asks for an ack.", 1),
    _AsyncApiChannel(
        "status", f"{_STATION}/up/status", "send", ("status",), "Online or not; also the last will.", 1, True
    ),
    _AsyncApiChannel("ack", f"{_STATION}/down/ack", "receive", ("ack",), "What the ledger has committed.", 0),
    _AsyncApiChannel("resend", f"{_STATION}/down/resend", "receive", ("resend",), "What the ledger wants again.", 0),
    _AsyncApiChannel("config", f"{_STATION}/down/config", "receive", ("config",), "What the county gives it.", 1),
    _AsyncApiChannel("cmd", f"{_STATION}/down/cmd", "receive", ("cmd",), "What the county asks of it.", 1),
)


def document() -> Schema:
    """The AsyncAPI document; schemas are referred to as files beside it."""
    feeds = tuple(_feed(type_) for type_ in EVENT_TYPES)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Village stations and sorting center",
            "version": VERSION,
            "description": "Events of village stations, their acknowledgements, and the feed of accepted events.",
        },
        "defaultContentType": "application/json",
        "channels": {channel.name: _channel(channel) for channel in (*_CHANNELS, *feeds)},
        "operations": {f"{channel.action}-{channel.name}": _operation(channel) for channel in (*_CHANNELS, *feeds)},
        "components": {"messages": _messages()},
    }


def _feed(type_: str) -> _AsyncApiChannel:
    address = feed_topic("x", type_).replace("/x/", "/{region}/", 1)
    name = "feed-" + "-".join(type_.split(".")[1:])
    return _AsyncApiChannel(
        name, address, "receive", (type_,), f"Accepted events of type {type_}.", 1, description=_FEED_TEXT
    )


def _channel(channel: _AsyncApiChannel) -> Schema:
    used = {name: text for name, text in _PARAMETERS.items() if f"{{{name}}}" in channel.address}
    return {
        "address": channel.address,
        "title": channel.summary,
        **({"description": channel.description} if channel.description else {}),
        "parameters": used,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in channel.messages},
    }


def _operation(channel: _AsyncApiChannel) -> Schema:
    return {
        "action": channel.action,
        "channel": {"$ref": f"#/channels/{channel.name}"},
        "summary": channel.summary,
        "bindings": {"mqtt": {"qos": channel.qos, "retain": channel.retain, "bindingVersion": "0.2.0"}},
        "messages": [{"$ref": f"#/channels/{channel.name}/messages/{name}"} for name in channel.messages],
    }


def _messages() -> Schema:
    events: Schema = {type_: _message(type_, EVENT_CONTENT) for type_ in EVENT_TYPES}
    controls: Schema = {cls.__name__.lower(): _message(cls.__name__.lower()) for cls in CONTROL_MESSAGES}
    batch = {
        "name": "batch",
        "contentType": "application/zlib",
        "summary": "1 to 100 events as a JSON array, at most 1 MiB before compression, as one zlib stream (RFC 1950).",
        "payload": {"type": "string", "format": "binary"},
    }
    config = {
        "name": "config",
        "contentType": "application/zlib",
        "summary": (
            "The county's signed document and its small parts: a JSON object with the texts document and parts (by "
            f"SHA-256), at most {MAX_MESSAGE_BYTES // 1024} KiB before compression, as one zlib stream (RFC 1950)."
        ),
        "payload": {"type": "string", "format": "binary"},
    }
    cmd = {
        "name": "cmd",
        "contentType": "application/json",
        "summary": "The county's signed request for a report, a bundle or a look for updates; at most 4 KiB.",
        "payload": {"type": "object"},
    }
    return events | {"batch": batch, "config": config, "cmd": cmd} | controls


def _message(name: str, content_type: str = "application/json") -> Schema:
    return {"name": name, "contentType": content_type, "payload": {"$ref": f"./schemas/{name}.json"}}


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


def build_files() -> dict[str, str]:
    schemas = {f"schemas/{name}.json": schema for name, schema in all_schemas().items()}
    files = {"asyncapi.json": document(), **schemas}
    return {path: json.dumps(content, indent=2, ensure_ascii=False) + "\n" for path, content in files.items()}


def main(arguments: list[str]) -> int:
    """Write all files into the folder named by the only argument; 2 on wrong usage."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m scripts.feed_documents FOLDER\n")
        return 2
    for path, text in build_files().items():
        place = Path(arguments[0]) / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
