"""Are a station's events what it wrote: hashes, chain, signatures, and none without one? Of a journal or an export."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

from kiosk.base.ed25519 import is_signed_by, key_id_of
from kiosk.domain.events import EventsCovered, KeyMade
from kiosk.messaging.contract.envelope import ZERO_HASH, data_as, hash_of_body, split_signature
from kiosk.messaging.contract.event_signature import message_of, parse_signature
from kiosk.messaging.contract.seal import SealedEvent


class JournalFaultKind(StrEnum):
    HASH = "hash"  # Its content is not what was hashed
    CHAIN = "chain"  # It does not follow from the one before it, or stands in the place of another
    SIGNATURE = "signature"
    UNKNOWN_KEY = "unknown_key"  # Signed, by none of the given keys
    COVER = "cover"  # It covers other events than it says
    UNCOVERED = "uncovered"  # Without a signature, and no later event covers it


@dataclass(frozen=True, slots=True)
class JournalFault:
    epoch: str
    seq: int
    kind: JournalFaultKind


def find_journal_faults(events: Iterable[SealedEvent], keys: Iterable[bytes]) -> Iterator[JournalFault]:
    """Walk the events of one station, in order, epoch after epoch; ``keys`` are its public keys.

    Where the first event of an epoch that is given is not its first, it is taken at its word. What comes before the
    first announcement of a key in its epoch is proven by that.
    """
    by_id: defaultdict[bytes, list[bytes]] = defaultdict(list)
    for key in keys:
        by_id[key_id_of(key)].append(key)
    for _, of_epoch in groupby(events, key=lambda event: event.epoch):
        yield from _Epoch(by_id).walk(of_epoch)


class _Epoch:
    def __init__(self, keys: Mapping[bytes, Sequence[bytes]]) -> None:
        self._keys = keys
        self._before: SealedEvent | None = None
        self._unsigned: dict[int, str] = {}  # Their hashes
        self._announced = 0

    def walk(self, events: Iterable[SealedEvent]) -> Iterator[JournalFault]:
        for event in events:
            for kind in (self._chain_fault(event), self._signature_fault(event)):
                if kind is not None:
                    yield JournalFault(event.epoch, event.seq, kind)
            self._before = event
        for seq in self._unsigned:
            if seq > self._announced:
                yield JournalFault(event.epoch, seq, JournalFaultKind.UNCOVERED)

    def _chain_fault(self, event: SealedEvent) -> JournalFaultKind | None:
        if hash_of_body(event.body) != event.sha256:
            return JournalFaultKind.HASH
        before = self._before
        try:
            content = json.loads(event.body)
            here = (content["epoch"], content["seq"], content["type"]) == (event.epoch, event.seq, event.type)
            expected = content["prevhash"] if before is None and event.seq > 1 else ZERO_HASH
        except (ValueError, KeyError, TypeError, RecursionError):
            return JournalFaultKind.CHAIN
        if before is not None:
            here, expected = here and event.seq == before.seq + 1, before.sha256
        return None if here and content["prevhash"] == expected else JournalFaultKind.CHAIN

    def _signature_fault(self, event: SealedEvent) -> JournalFaultKind | None:
        signature = split_signature(event.body)[1]
        if not signature:
            self._unsigned[event.seq] = event.sha256
            return None
        parsed = parse_signature(signature)
        if parsed is None:
            return JournalFaultKind.SIGNATURE
        keys, message = self._keys.get(parsed.key_id, ()), message_of(event.sha256)
        if not any(is_signed_by(key, message, parsed.signature) for key in keys):
            return JournalFaultKind.SIGNATURE if keys else JournalFaultKind.UNKNOWN_KEY
        if event.type == KeyMade.TYPE and not self._announced:
            self._announced = event.seq
        return JournalFaultKind.COVER if event.type == EventsCovered.TYPE and not self._covers(event) else None

    def _covers(self, event: SealedEvent) -> bool:
        try:
            cover = data_as(EventsCovered, json.loads(event.body)["data"])
        except (ValueError, KeyError, TypeError, RecursionError):
            return False
        inside = [seq for seq in self._unsigned if cover.first_seq <= seq <= cover.last_seq]
        hashes = [self._unsigned.pop(seq) for seq in inside]
        told = (cover.first_seq, cover.last_seq, cover.events, cover.head)
        return bool(inside) and (inside[0], inside[-1], len(inside), hashes[-1]) == told
