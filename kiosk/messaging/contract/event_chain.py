"""The events of stations, checked as a whole: hashes, chains, numbers, signatures by known keys; each fault names its
event. In memory are the ends of the chains alone: a file may be of any size.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import msgspec

from kiosk.domain.events.signing import EventsCovered, KeyMade
from kiosk.messaging.contract.envelope import MAX_EVENT_BYTES, ZERO_HASH, body_and_hash, data_as, identity_fault
from kiosk.messaging.contract.event_signature import message_of, parse_signature
from kiosk.messaging.contract.public_keys import KeyRing, signer_of
from kiosk.messaging.contract.strict_json import StrictJsonError, canonical_parsed, read, read_canonical

# docs/papers.md explains what a fault of each means.
EVENT_CHECKS: Final = (
    *("readable", "hash", "order", "chain", "key_known", "signature", "key_state"),
    *("numbers", "covered", "body"),
)
_MAX_STREAMS: Final = 50_000  # Stations' epochs; a county of two hundred stations has some hundred more


class NamedCheck(NamedTuple):
    """``what`` and ``event`` give details of a failed check; they are empty for one that passed."""

    name: str
    ok: bool
    what: str = ""
    event: str = ""


class EventLine(NamedTuple):
    """``place`` names a body that cannot be read. ``sha256``: what is stored beside the body, "" where nothing is;
    ``place`` is then the id stored beside it.
    """

    body: bytes
    place: str
    sha256: str = ""


@dataclass(slots=True)
class _Stream:
    """``unsigned``: how many events are not signed and not covered yet, the numbers of the first and the last of them,
    and the hash of the last, as `EventsCovered` has them.
    """

    upto: int = 0
    head: str = ZERO_HASH  # "" when it cannot be known
    has_key: bool = False
    unsigned: EventsCovered | None = None


def event_faults(lines: Iterable[EventLine], keys: KeyRing) -> Iterator[NamedCheck]:
    """Yield faults. Stations and epochs may be mixed; the events of one epoch come in the order of their numbers."""
    streams: dict[tuple[str, str], _Stream] = {}
    for line in lines:
        try:
            event, sha256, is_canonical = _read(line.body)
        except StrictJsonError as error:
            yield NamedCheck("readable", False, str(error), line.place)
            continue
        stream = streams.setdefault((event["station"], event["epoch"]), _Stream())
        for name, what in _faults(stream, event, sha256, keys):
            yield NamedCheck(name, False, what, _name(event))
        if not is_canonical:
            yield NamedCheck("readable", False, "it is not written in the one form", _name(event))
        if line.sha256 and (line.place, line.sha256) != (event["id"], sha256):
            yield NamedCheck("hash", False, "id or hash stored beside it is not its own", _name(event))
        if len(streams) > _MAX_STREAMS:
            yield NamedCheck("readable", False, "there are too many epochs to check them at once", _name(event))
            break
    for (station, epoch), stream in streams.items():
        if (found := stream.unsigned) is not None:
            what = f"{found.events} up to {found.last_seq} are not signed, and no later event covers them"
            yield NamedCheck("covered", False, what, f"{station} {epoch}-{found.first_seq}")


def _name(event: Mapping[str, Any]) -> str:
    return f"{event['station']} {event['id']}"


def _read(body: bytes) -> tuple[dict[str, Any], str, bool]:
    """Return the event, its hash, and whether these are its canonical bytes. Raises StrictJsonError."""
    event = read_canonical(body, max_bytes=MAX_EVENT_BYTES) or read(body, max_bytes=MAX_EVENT_BYTES)
    if not isinstance(event, dict):
        raise StrictJsonError("not_json", "an event is a JSON object")
    if (fault := identity_fault(event)) is not None:
        raise StrictJsonError("not_json", fault)
    written, sha256 = body_and_hash(event, canonical_parsed)
    return event, sha256, written == body


def _faults(stream: _Stream, event: Mapping[str, Any], sha256: str, keys: KeyRing) -> Iterator[tuple[str, str]]:
    seq = event["seq"]
    if seq <= stream.upto:
        yield "order", "its number was here before, or it stands behind a later one"
    elif seq > stream.upto + 1:
        yield "numbers", f"before it {stream.upto + 1} to {seq - 1} are missing"
    elif stream.head and event.get("prevhash") != stream.head:
        yield "chain", "it does not continue the event before it"
    has_data = "data" in event  # The ledger keeps the envelope alone of an event that was oversized
    if seq > stream.upto:
        stream.upto, stream.head = seq, sha256 if has_data else ""
    if not has_data:
        yield "body", "its envelope alone is here, without what was hashed and signed"
    elif "signature" in event:
        yield from _signature_faults(stream, event, sha256, keys)
    elif stream.unsigned is None:
        stream.unsigned = EventsCovered(seq, seq, 1, sha256)
    else:
        count = stream.unsigned.events + 1
        stream.unsigned = replace(stream.unsigned, last_seq=seq, events=count, head=sha256)


def _signature_faults(
    stream: _Stream, event: Mapping[str, Any], sha256: str, keys: KeyRing
) -> Iterator[tuple[str, str]]:
    signature = parse_signature(str(event["signature"]))
    if signature is None:
        yield "signature", "its signature is none"
        return
    rows = keys.of(event["station"], event.get("region", keys.region))
    known = [row for row in rows if row.key_id == signature.key_id]
    signer = signer_of(known, message_of(sha256), signature.signature)
    if not known:
        yield "key_known", f"its key {signature.key_id.hex()} is not known"
    elif signer is None:
        yield "signature", "this is not what its station signed"
    elif signer.state:
        yield "key_state", f"its key is {signer.state}"
    else:
        is_key, is_cover = event["type"] == KeyMade.TYPE, event["type"] == EventsCovered.TYPE
        if is_cover and stream.unsigned != _covered(event["data"]):
            yield "covered", "it covers other unsigned events than are here"
        elif is_cover or (is_key and not stream.has_key):
            stream.unsigned = None  # They are in the chain that this event signs
        stream.has_key = stream.has_key or is_key


def _covered(values: object) -> EventsCovered | None:
    try:
        return data_as(EventsCovered, values)
    except msgspec.ValidationError:
        return None
