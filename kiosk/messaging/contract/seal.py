"""From something that happened to the bytes that are stored, hashed and sent."""

from __future__ import annotations

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
)

__all__ = ["ZERO_HASH", "SealedEvent", "seal"]


@dataclass(frozen=True, slots=True)
class SealedEvent:
    """An event that can no longer change: ``body`` is its RFC 8785 JSON, ``sha256`` the hash over it."""

    station: str
    epoch: str
    seq: int
    type: str
    body: bytes = field(repr=False)
    sha256: str


def seal(
    data: EventData,
    *,
    station: str,
    epoch: str,
    seq: int,
    prevhash: str,
    moment: Moment,
    software: str,
    metrology: str = "",
    reissued: str | None = None,
    region: str = "",
) -> SealedEvent:
    """Put ``data`` into its envelope.

    ``prevhash`` is the ``sha256`` of the event before it in this epoch, ZERO_HASH for seq 1. ``metrology`` names the
    legally relevant software, "" where nobody has said. ``reissued`` is the ``{epoch}-{seq}`` an event had before its
    database started a new epoch. ``region`` is the station's, "" to leave it to the topic. Raises ValueError for
    anything the sorting center would refuse: a fault found here is cheaper than one found by quarantine.
    """
    event: dict[str, object] = {
        "specversion": SPEC_VERSION,
        "id": f"{epoch}-{seq}",
        "source": f"/stations/{station}",
        "type": data.TYPE,
        "time": moment.timestamp,
        "datacontenttype": CONTENT_TYPE,
        "station": station,
        "epoch": epoch,
        "seq": seq,
        "prevhash": prevhash,
        "bootid": moment.boot_id,
        "monotonicms": str(moment.monotonic_ms),
        "clock": moment.quality.value,
        "software": software,
        "data": msgspec.to_builtins(data),
    }
    if metrology:
        event["metrology"] = metrology
    if reissued is not None:
        event["reissued"] = reissued
    if region:
        event["region"] = region
    return _sealed(event, station, epoch, seq, data.TYPE)


def _sealed(event: dict[str, object], station: str, epoch: str, seq: int, type_: str) -> SealedEvent:
    fault = identity_fault(event) or detail_fault(event)
    if fault is not None:
        raise ValueError(f"event {epoch}-{seq} of {station} cannot be sealed: {fault}")
    body, sha256 = body_and_hash(event)
    if len(body) > MAX_EVENT_BYTES:
        raise ValueError(f"event {epoch}-{seq} of {station} has {len(body)} bytes, more than {MAX_EVENT_BYTES}")
    return SealedEvent(station, epoch, seq, type_, body, sha256)
