"""A station that signs what it sends."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256

from kiosk.base.ed25519 import Ed25519Key
from kiosk.domain.events import EventData, EventsCovered, KeyMade
from kiosk.messaging.contract.event_signature import sign_event
from kiosk.messaging.contract.receive import parse_event
from kiosk.messaging.contract.received_event import ReceivedEvent
from kiosk.messaging.contract.strict_json import canonical
from tests.sorting_center.station_journal import Station


def key_of(name: str) -> Ed25519Key:
    return Ed25519Key(sha256(name.encode()).digest())


def with_signature(event: ReceivedEvent, signature: str) -> ReceivedEvent:
    return parse_event(canonical({**json.loads(event.body), "signature": signature}))


class SigningStation(Station):
    """Signs once it has a key."""

    def __init__(self, station: str = "S0147", epoch: str = "00112233445566aa") -> None:
        super().__init__(station, epoch)
        self.key: Ed25519Key | None = None

    def add(self, data: EventData, *, prevhash: str | None = None, reissued: str | None = None) -> ReceivedEvent:
        event = super().add(data, prevhash=prevhash, reissued=reissued)
        return event if self.key is None else with_signature(event, sign_event(self.key, event.sha256))

    def make_key(self, name: str = "first", why: str = "first") -> ReceivedEvent:
        self.key = key_of(name)
        return self.add(KeyMade(self.key.public.hex(), why))

    def cover(self, events: Sequence[ReceivedEvent], head: str = "") -> ReceivedEvent:
        first, last = events[0], events[-1]
        return self.add(EventsCovered(first.seq, last.seq, len(events), head or last.sha256))

    def clone(self) -> SigningStation:
        other = SigningStation(self.station, self.epoch)
        other.sealed, other.key = list(self.sealed), self.key
        return other
