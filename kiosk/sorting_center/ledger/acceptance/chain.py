"""One stream as a commit has it in hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from kiosk.messaging.contract.received_event import ReceivedEvent
from kiosk.sorting_center.ledger.acceptance import streams


class Released(NamedTuple):
    """An event whose place in the chain is sure; ``feedseq`` is None where it has, or has yet, no place in the feed."""

    event: ReceivedEvent
    feedseq: int | None
    held_since: str | None  # When it came, of an event that was held above a gap before this delivery


@dataclass(slots=True)
class Chain:
    """The row of ``stream`` while a delivery is taken in: walked in memory, written once."""

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
    def key(self) -> streams.StreamKey:
        return (self.station, self.epoch, self.region)
