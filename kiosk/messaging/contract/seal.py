"""From something that happened to the bytes that are stored, hashed and sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import msgspec

from kiosk.domain.events import EventData
from kiosk.domain.moment import Moment
from kiosk.messaging.contract.envelope import (
    CONTENT_TYPE,
    MAX_EVENT_BYTES,
    SPEC_VERSION,
    ZERO_HASH,
    body_and_hash,
    detail_fault,
    identity_fault,
    with_signature,
)

__all__ = ["ZERO_HASH", "EventSource", "JournalPosition", "SealedEvent", "seal"]


@dataclass(frozen=True, slots=True)
class SealedEvent:
    """An event that can no longer change: ``body`` is its RFC 8785 JSON, ``sha256`` the hash of it without its
    signature.
    """

    epoch: str
    seq: int
    type: str
    body: bytes = field(repr=False)
    sha256: str


@dataclass(frozen=True, slots=True)
class DatabaseIdentity:
    """Whose database this is, its current epoch (16 hex digits) and the receipt series that goes with it."""

    station: str
    epoch: str
    series: str


@dataclass(frozen=True, slots=True)
class OutboxCounts:
    """Of the current epoch: events not acknowledged, the last sequence number, the last acknowledged one."""

    pending: int
    last_seq: int
    acked_upto: int


@dataclass(frozen=True, slots=True)
class EarlierEpoch:
    """An earlier epoch of the database: its last number, and up to where the sorting center had it when it ended.

    What is above ``acked_upto`` was reissued in the epoch after it.
    """

    epoch: str
    last_seq: int
    acked_upto: int


@dataclass(frozen=True, slots=True)
class EventSource:
    """The sender. ``metrology`` names the legally relevant software, "" when unknown; ``region`` is the station's, ""
    to leave it to the topic. ``sign`` makes the attribute ``signature`` of a hash, "" while it cannot.
    """

    station: str
    software: str
    metrology: str = ""
    region: str = ""
    sign: Callable[[str], str] | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class JournalPosition:
    """An event's place. ``prevhash`` is the ``sha256`` of the event before it in this epoch, ZERO_HASH for seq 1;
    ``reissued`` is the ``{epoch}-{seq}`` an event had before its database started a new epoch.
    """

    epoch: str
    seq: int
    prevhash: str
    reissued: str | None = None


def seal(
    data: EventData,
    source: EventSource,
    position: JournalPosition,
    moment: Moment,
    original_data: Mapping[str, object] | None = None,
) -> SealedEvent:
    """Put ``data`` into its envelope.

    ``original_data`` is the data of a re-issued event as first sent: a field younger than the event is not added, so
    that both copies have the same data.

    Raises ValueError for anything the sorting center would refuse: a fault found here is cheaper than one found by
    quarantine.
    """
    event: dict[str, object] = {
        "specversion": SPEC_VERSION,
        "id": f"{position.epoch}-{position.seq}",
        "source": f"/stations/{source.station}",
        "type": data.TYPE,
        "time": moment.timestamp,
        "datacontenttype": CONTENT_TYPE,
        "station": source.station,
        "epoch": position.epoch,
        "seq": position.seq,
        "prevhash": position.prevhash,
        "bootid": moment.boot_id,
        "monotonicms": str(moment.monotonic_ms),
        "clock": moment.quality.value,
        "software": source.software,
        "data": msgspec.to_builtins(data) if original_data is None else original_data,
    }
    if source.metrology:
        event["metrology"] = source.metrology
    if position.reissued is not None:
        event["reissued"] = position.reissued
    if source.region:
        event["region"] = source.region
    fault = identity_fault(event) or detail_fault(event)
    if fault is not None:
        raise ValueError(f"event {event['id']} of {source.station} cannot be sealed: {fault}")
    body, sha256 = body_and_hash(event)
    signature = source.sign(sha256) if source.sign is not None else ""
    # One that has no room for it is kept without: a signature stops nothing.
    if signature and len(signed := with_signature(body, signature)) <= MAX_EVENT_BYTES:
        body = signed
    if len(body) > MAX_EVENT_BYTES:
        raise ValueError(f"event {event['id']} of {source.station} has {len(body)} bytes, more than {MAX_EVENT_BYTES}")
    return SealedEvent(position.epoch, position.seq, data.TYPE, body, sha256)
