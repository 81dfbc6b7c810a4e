"""The envelope of an event: CloudEvents 1.0 attributes, each with its one rule, and the hash over them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, TypeVar

import msgspec

from kiosk.domain.events import EVENT_CLASSES, EventData
from kiosk.messaging.contract.strict_json import canonical

SPEC_VERSION: Final = "1.0"
CONTENT_TYPE: Final = "application/json"
MAX_EVENT_BYTES: Final = 64 * 1024
MAX_SEQ: Final = 2**31 - 1  # CloudEvents integers are signed 32-bit (CloudEvents 1.0, section "Type System")

ZERO_HASH: Final = "0" * 64  # `prevhash` of the first event of an epoch

# Every type this software knows, by its name on the wire.
EVENT_TYPES: Final[Mapping[str, type[EventData]]] = {cls.TYPE: cls for cls in EVENT_CLASSES}

# Made at import: two threads that make msgspec inspect a type for the first time make it crash (0.22).
_PREBUILT_DECODERS: Final = tuple(msgspec.json.Decoder(cls) for cls in EVENT_TYPES.values())
_Data = TypeVar("_Data", bound=EventData)

# `station.{object}.{verb}.{version}`: the feed makes topic levels of its parts.
TYPE_PATTERN: Final = r"station\.[a-z]{1,32}\.[a-z]{1,32}\.v[0-9]{1,4}"

# Without these an event cannot be identified.
IDENTITY_PATTERNS: Final[Mapping[str, str]] = {
    "specversion": r"1\.0",
    "id": r"[0-9a-f]{16}-[1-9][0-9]{0,9}",
    "source": r"/stations/S[0-9]{4}",
    "type": r"[!-~]{1,128}",
    "station": r"S[0-9]{4}",
    "epoch": r"[0-9a-f]{16}",
}

# Mandatory as well, but an event that breaks one of them can still be stored under its identity.
DETAIL_PATTERNS: Final[Mapping[str, str]] = {
    "time": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z",
    "datacontenttype": r"application/json",
    "prevhash": r"[0-9a-f]{64}",
    "bootid": r"[0-9A-Za-z-]{1,64}",
    "monotonicms": r"0|[1-9][0-9]{0,18}",
    "clock": r"synced|restored|unset",
    "software": r"[ -~]{1,64}",
}

# Checked where they are. `metrology` is in every event a station writes now; older events are without it.
OPTIONAL_PATTERNS: Final[Mapping[str, str]] = {
    "metrology": r"[0-9]{1,4}\+[0-9a-f]{8}",
    "region": r"(?!feed$)[a-z0-9-]{1,16}",
    "reissued": r"[0-9a-f]{16}-[1-9][0-9]{0,9}",
    "signature": r"[!-~]{1,1024}",
}


def text_schema(pattern: str) -> dict[str, object]:
    """Build a JSON Schema for ``pattern``, equal in ECMAScript and Python (whose ``$`` accepts a line end)."""
    return {"type": "string", "pattern": rf"^(?:{pattern})(?!\n)$"}


def identity_fault(event: Mapping[str, object]) -> str | None:
    """Return what prevents attributing the event to (station, epoch, seq), in one line; None when nothing does."""
    wrong = _first_mismatch(event, _IDENTITY)
    if wrong is not None:
        return f"attribute {wrong} is missing or malformed"
    seq = event.get("seq")
    if type(seq) is not int or not 1 <= seq <= MAX_SEQ:
        return f"attribute seq must be an integer from 1 to {MAX_SEQ}"
    if event["id"] != f"{event['epoch']}-{seq}":
        return "attribute id is not epoch-seq"
    if event["source"] != f"/stations/{event['station']}":
        return "attribute source names another station than attribute station"
    return None


def detail_fault(event: Mapping[str, object]) -> str | None:
    """Return what else is wrong with the envelope, in one line; None when nothing is."""
    present = {name: rule for name, rule in _OPTIONAL.items() if name in event}
    wrong = _first_mismatch(event, _DETAIL) or _first_mismatch(event, present)
    if wrong is None and not is_in_calendar(str(event["time"])):
        wrong = "time"
    return f"attribute {wrong} is missing or malformed" if wrong is not None else None


def usable_text(event: Mapping[str, object], name: str) -> str:
    """Return the attribute; "" when it breaks its rule."""
    value = event.get(name)
    if not isinstance(value, str) or _DETAIL[name](value) is None or (name == "time" and not is_in_calendar(value)):
        return ""
    return value


def known_attributes(event: Mapping[str, object]) -> dict[str, object]:
    """Return the known, valid attributes of an attributable event, without its data."""
    rules = {**_IDENTITY, **_DETAIL, **_OPTIONAL}
    valid = {
        name: value
        for name, value in event.items()
        if name in rules and _first_mismatch(event, {name: rules[name]}) is None
    }
    return {**valid, "seq": event["seq"]}


def body_and_hash(event: Mapping[str, object], write: Callable[[object], bytes] = canonical) -> tuple[bytes, str]:
    """Return the RFC 8785 bytes, and the SHA-256 (lower-case hex) of these bytes without ``signature``."""
    body = write(event)
    hashed = body if "signature" not in event else write({k: v for k, v in event.items() if k != "signature"})
    return body, hashlib.sha256(hashed).hexdigest()


# To the end of the event: only in the envelope do none but plain members follow, whatever its data hold.
_SIGNATURE: Final = re.compile(
    rb',"signature":"([!#-\[\]-~]{1,1024})"'
    rb'(?=(?:,"[a-z0-9]{1,64}":(?:"(?:[^"\\]|\\.)*"|-?[0-9]+|true|false|null))*\}\Z)',
    re.DOTALL,
)
_SIGNATURE_START: Final = b',"signature":"'


def split_signature(body: bytes) -> tuple[bytes, str]:
    """Split RFC 8785 bytes into those that are hashed, and ``signature``: "" for an event without one, or with one that
    only ``body_and_hash`` can take out, which no station writes.
    """
    start = body.rfind(_SIGNATURE_START)
    found = _SIGNATURE.match(body, start) if start >= 0 else None
    return (body, "") if found is None else (body[:start] + body[found.end() :], found[1].decode("ascii"))


def with_signature(body: bytes, signature: str) -> bytes:
    """Insert a signature into the RFC 8785 bytes of an event without one."""
    before, after_it, rest = body.rpartition(b',"software":"')  # The envelope's: its members are the last
    return before + _SIGNATURE_START + signature.encode("ascii") + b'"' + after_it + rest


def hash_of_body(body: bytes) -> str:
    """Compute an event's hash as a station keeps it: over all but its signature."""
    return hashlib.sha256(split_signature(body)[0]).hexdigest()


_Rules = Mapping[str, Callable[[str], object]]  # For each attribute what is None for a text that breaks its pattern


def _rules(patterns: Mapping[str, str]) -> _Rules:
    return {name: re.compile(pattern).fullmatch for name, pattern in patterns.items()}


_IDENTITY: Final = _rules(IDENTITY_PATTERNS)
_DETAIL: Final = _rules(DETAIL_PATTERNS)
_OPTIONAL: Final = _rules(OPTIONAL_PATTERNS)


def _first_mismatch(event: Mapping[str, object], rules: _Rules) -> str | None:
    for name, matched in rules.items():
        value = event.get(name)
        if not isinstance(value, str) or matched(value) is None:
            return name
    return None


def is_in_calendar(time: str) -> bool:
    try:
        datetime.fromisoformat(time)
    except ValueError:
        return False
    return True


def data_as(kind: type[_Data], values: object, *, from_attributes: bool = False) -> _Data:
    """Convert event data from JSON values or attributes to its type. Raises msgspec.ValidationError."""
    return msgspec.convert(values, kind, from_attributes=from_attributes)
