"""The chain of one stream while a delivery is taken in: walked in memory, written once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from kiosk.messaging.contract.received_event import ReceivedEvent
from kiosk.sorting_center.ledger.acceptance.streams import StreamKey

MAX_HELD_EVENTS: Final = 2_000
# Of the bodies. What one commit releases is in memory until its end, and everybody else waits for it: a quarter of a
# second of work, and of waiting for a slow disk.
MAX_HELD_BYTES: Final = 2 * 1024 * 1024


class ReleaseBudget:
    """How much of what was held above gaps one commit may still release. The rest is released by the next ones."""

    def __init__(self) -> None:
        self._events, self._bytes = MAX_HELD_EVENTS, MAX_HELD_BYTES

    @property
    def is_spent(self) -> bool:
        """Nothing more may be released."""
        return self._events <= 0 or self._bytes <= 0

    def spend(self, size_bytes: int) -> None:
        self._events -= 1
        self._bytes -= size_bytes


class Released(msgspec.Struct, frozen=True, gc=False):
    """An event whose place in the chain is sure; ``feedseq`` is None where it has, or has yet, no place in the feed."""

    event: ReceivedEvent
    feedseq: int | None
    held_since: str | None  # When it came, of an event that was held above a gap before this delivery


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
    highest_stored: int = 0  # No event above it was stored before this delivery
    has_quarantined: bool = False  # It may have events in quarantine
    fresh: dict[int, ReceivedEvent] = field(default_factory=dict)  # What is new, by seq
    released: list[Released] = field(default_factory=list)
    last_received_at: str = ""  # When the newest delivery with events of this stream came
    # The budget of the commit was spent: held events that are next in the chain may still be there.
    has_more: bool = False

    @property
    def key(self) -> StreamKey:
        return (self.station, self.epoch, self.region)

    def release(self, item: ReceivedEvent, feedseq: int | None, held_since: str | None) -> None:
        """Its place is sure: the chain goes on from it."""
        self.upto, self.head = item.seq, item.sha256
        self.released.append(Released(item, feedseq, held_since))

    def links_to(self, item: ReceivedEvent) -> bool:
        """An event whose envelope was too bad to name its ``prevhash`` is linked by its successor alone."""
        return item.prevhash == self.head or (item.prevhash == "" and item.problem is not None)
