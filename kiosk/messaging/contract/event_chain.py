"""The events of stations, checked as a whole: hashes, chains, numbers, and signatures by known keys. Each fault names
its event.

In memory are the ends of the chains, gaps and unsigned stretches, at most `_MAX_OPEN` of them: a file may be of any
size.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import msgspec

from kiosk.domain.events.signing import EventsCovered, KeyMade
from kiosk.messaging.contract.envelope import MAX_EVENT_BYTES, ZERO_HASH, body_and_hash, data_as, identity_fault
from kiosk.messaging.contract.event_signature import message_of, parse_signature
from kiosk.messaging.contract.public_keys import KeyRing, signer_of
from kiosk.messaging.contract.strict_json import StrictJsonError, canonical_parsed, read, read_canonical

# What a fault of each means stands in docs/papers.md.
EVENT_CHECKS: Final = (
    *("readable", "hash", "order", "chain", "key_known", "signature", "key_state"),
    *("numbers", "covered", "body"),
)
_MAX_OPEN: Final = 50_000  # A county of two hundred stations has a thousand


class EventLine(NamedTuple):
    """``place`` names a body that cannot be read. ``sha256``: what is stored beside the body, "" where nothing is;
    ``place`` is then the id stored beside it.
    """

    body: bytes
    place: str
    sha256: str = ""


class EventFault(NamedTuple):
    """``check`` is one of `EVENT_CHECKS`."""

    check: str
    event: str
    what: str


@dataclass(slots=True)
class _Gap:
    """Numbers that are not here, between events with these hashes, "" for one that nobody can know."""

    first: int
    last: int
    before: str
    after: str


@dataclass(slots=True)
class _Unsigned:
    first: int
    last: int
    head: str


@dataclass(slots=True)
class _Stream:
    """``gaps`` in their order."""

    prefix: str
    upto: int = 0
    head: str = ZERO_HASH
    has_signed: bool = False
    gaps: list[_Gap] = field(default_factory=list)
    unsigned: list[_Unsigned] = field(default_factory=list)


def event_faults(lines: Iterable[EventLine], keys: KeyRing) -> Iterator[EventFault]:
    """In any order of stations and epochs; of one epoch in the order of its numbers."""
    chains = _Chains(keys)
    for line in lines:
        yield from chains.check(line)
    yield from chains.end()


class _Chains:
    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys
        self._streams: dict[str, _Stream] = {}
        self._open = 0  # Streams, gaps and unsigned stretches that were ever opened

    def check(self, line: EventLine) -> Iterator[EventFault]:
        try:
            event, sha256, is_canonical = _read(line.body)
        except StrictJsonError as error:
            yield EventFault("readable", line.place, str(error))
            return
        prefix = f"{event['station']} {event['epoch']}"
        name, seq = f"{prefix}-{event['seq']}", event["seq"]
        if not is_canonical:
            yield EventFault("readable", name, "it is not written in the one form")
        if line.sha256 and (line.place, line.sha256) != (event["id"], sha256):
            yield EventFault("hash", name, f"it is stored as {line.place[:40]}, or with a hash that is not its own")
        if "data" not in event:  # The ledger keeps no more of an event that was oversized
            yield EventFault("body", name, "its envelope alone is here, without what is hashed and signed")
            sha256 = ""
        stream = self._streams.get(prefix)
        if stream is None:
            if not self._has_room():
                yield EventFault("readable", name, "there are more stations and epochs than can be checked at once")
                return
            stream = self._streams[prefix] = _Stream(prefix)
        yield from self._link(stream, seq, str(event.get("prevhash")), sha256)
        if sha256 and "signature" in event:
            yield from self._check_signature(stream, name, event, sha256)
        elif sha256:
            yield from self._add_unsigned(stream, seq, sha256)

    def _has_room(self) -> bool:
        self._open += 1
        return self._open <= _MAX_OPEN

    def _link(self, stream: _Stream, seq: int, prevhash: str, sha256: str) -> Iterator[EventFault]:
        """Put it between its neighbors, also where it comes late."""
        if seq > stream.upto:
            place = len(stream.gaps)
            around = [_Gap(stream.upto + 1, seq - 1, stream.head, prevhash)]
            stream.upto, stream.head = seq, sha256
        else:
            place = bisect_right(stream.gaps, seq, key=lambda gap: gap.first) - 1
            gap = stream.gaps[place] if place >= 0 else None
            if gap is None or gap.last < seq:
                yield EventFault("order", f"{stream.prefix}-{seq}", "its number is here twice")
                return
            yield EventFault("order", f"{stream.prefix}-{seq}", "it stands behind a later event")
            around = [_Gap(gap.first, seq - 1, gap.before, prevhash), _Gap(seq + 1, gap.last, sha256, gap.after)]
        stream.gaps[place : place + 1] = [gap for gap in around if gap.first <= gap.last and self._has_room()]
        for gap in around:
            if gap.first > gap.last:
                if gap.before and gap.after and gap.before != gap.after:
                    yield EventFault(
                        "chain", f"{stream.prefix}-{gap.first}", "it does not continue the event before it"
                    )
            elif self._open > _MAX_OPEN:
                yield _missing(stream, gap)

    def _add_unsigned(self, stream: _Stream, seq: int, sha256: str) -> Iterator[EventFault]:
        last = stream.unsigned[-1] if stream.unsigned else None
        if last is not None and last.last == seq - 1:
            last.last, last.head = seq, sha256
            return
        run = _Unsigned(seq, seq, sha256)
        if self._has_room():
            stream.unsigned.append(run)
        else:
            yield _uncovered(stream, run)

    def _check_signature(
        self, stream: _Stream, name: str, event: Mapping[str, Any], sha256: str
    ) -> Iterator[EventFault]:
        signature = parse_signature(str(event["signature"]))
        if signature is None:
            yield EventFault("signature", name, "its signature is none")
            return
        rows = self._keys.of(event["station"], event.get("region", self._keys.region))
        known = [row for row in rows if row.key_id == signature.key_id]
        signer = signer_of(known, message_of(sha256), signature.signature)
        if not known:
            yield EventFault("key_known", name, f"its key {signature.key_id.hex()} is not known")
        elif signer is None:
            yield EventFault("signature", name, "this is not what its station signed")
        elif signer.state:
            yield EventFault("key_state", name, f"its key is {signer.state}")
        else:
            yield from _cover(stream, name, event)
            stream.has_signed = True

    def end(self) -> Iterator[EventFault]:
        for stream in self._streams.values():
            yield from (_missing(stream, gap) for gap in stream.gaps)
            yield from (_uncovered(stream, run) for run in stream.unsigned)


def _read(body: bytes) -> tuple[dict[str, Any], str, bool]:
    """The event, its hash, and whether these are its canonical bytes. Raises StrictJsonError."""
    event = read_canonical(body, max_bytes=MAX_EVENT_BYTES) or read(body, max_bytes=MAX_EVENT_BYTES)
    fault = identity_fault(event) if isinstance(event, dict) else "an event is a JSON object"
    if fault is not None or not isinstance(event, dict):
        raise StrictJsonError("not_json", fault or "")
    written, sha256 = body_and_hash(event, canonical_parsed)
    return event, sha256, written == body


def _cover(stream: _Stream, name: str, event: Mapping[str, Any]) -> Iterator[EventFault]:
    """What a signed event says of unsigned ones before it, which are in its chain."""
    if event["type"] == KeyMade.TYPE and not stream.has_signed:
        stream.unsigned.clear()  # There was no key until here
    if event["type"] != EventsCovered.TYPE:
        return
    try:
        data = data_as(EventsCovered, event["data"])
    except msgspec.ValidationError:
        data = EventsCovered(0, 0, 0, "")
    runs = [run for run in stream.unsigned if data.first_seq <= run.first and run.last <= data.last_seq]
    if runs and (sum(run.last - run.first + 1 for run in runs), runs[-1].head) == (data.events, data.head):
        stream.unsigned = [run for run in stream.unsigned if run not in runs]
    else:
        yield EventFault("covered", name, "it covers other unsigned events than are here")


def _missing(stream: _Stream, gap: _Gap) -> EventFault:
    return EventFault("numbers", f"{stream.prefix}-{gap.first}", f"missing, up to {gap.last}")


def _uncovered(stream: _Stream, run: _Unsigned) -> EventFault:
    what = f"not signed, up to {run.last}, and no event after it covers it"
    return EventFault("covered", f"{stream.prefix}-{run.first}", what)
