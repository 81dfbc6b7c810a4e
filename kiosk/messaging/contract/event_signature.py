"""The attribute ``signature`` of an event: ``{key id}.{Ed25519 in base64}``, over the event's hash."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from typing import Final, NamedTuple

from kiosk.base.ed25519 import Ed25519Key

# What is signed begins with its kind and version: no signature of one thing is one of another.
CONTEXT: Final = b"kiosk/event/1\n"
# Of the last digit before `==` four bits say nothing, and are 0: one text for one signature.
_FORM: Final = re.compile(r"([0-9a-f]{8})\.([A-Za-z0-9+/]{85}[AQgw]==)")


class EventSignature(NamedTuple):
    key_id: bytes
    signature: bytes


def message_of(sha256: str) -> bytes:
    """Build the bytes that are signed for an event with this hash (hex)."""
    return CONTEXT + bytes.fromhex(sha256)


def sign_event(key: Ed25519Key, sha256: str) -> str:
    return f"{key.key_id.hex()}.{b64encode(key.sign(message_of(sha256))).decode('ascii')}"


def parse_signature(text: str) -> EventSignature | None:
    """Parse the signature; None when it has another form."""
    match = _FORM.fullmatch(text)
    return EventSignature(bytes.fromhex(match[1]), b64decode(match[2])) if match else None
