"""The chain of one stream while a delivery is taken in: walked in memory, written once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from kiosk.messaging.contract.received import ReceivedEvent
from kiosk.sorting_center.ledger.streams import StreamKey


class Released(msgspec.Struct, frozen=True, gc=False):
    """An event whose place in the chain is sure; ``feedseq`` is None where it has, or has yet, no place in the feed."""

    event: ReceivedEvent
    feedseq: int | None
    held_since: str | None
    """When it came, of an event that was held above a gap before this delivery."""


@dataclass(slots=True)
class Chain:
    """As the row of ``stream`` says, and what this delivery brings for it."""

    station: str
    epoch: str
    region: str
    upto: int
    head: str
    max_seen: int
    gap_since: str | None
    events: Sequence[ReceivedEvent]
    highest_stored: int = 0
    """No event above it was stored before this delivery."""
    has_quarantined: bool = False
    """It may have events in quarantine."""
    fresh: dict[int, ReceivedEvent] = field(default_factory=dict)
    """What is new, by seq."""
    released: list[Released] = field(default_factory=list)

    @property
    def key(self) -> StreamKey:
        return (self.station, self.epoch, self.region)

    def release(self, item: ReceivedEvent, feedseq: int | None, held_since: str | None) -> None:
        """Its place is sure: the chain goes on from it."""
        self.upto, self.head = item.seq, item.sha256
        self.released.append(Released(item, feedseq, held_since))

    def is_followed_by(self, item: ReceivedEvent) -> bool:
        """An event whose envelope was too bad to name its ``prevhash`` is linked by its successor alone."""
        return item.prevhash == self.head or (item.prevhash == "" and item.problem is not None)
