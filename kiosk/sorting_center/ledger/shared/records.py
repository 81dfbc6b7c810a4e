"""What goes into the ledger and what comes out of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from kiosk.messaging.contract.control import Ack, DoctorRow, Hello, Status
from kiosk.messaging.contract.received_event import ReceivedEvent

FORK: Final = "fork"  # The same (station, epoch, seq) with another hash: a cloned or altered database
BROKEN_CHAIN: Final = "broken_chain"  # `prevhash` is not the hash of the event before it
# A number so far above what is here that no station can be that far: see `accept.MAX_AHEAD`.
FAR_AHEAD: Final = "far_ahead"
# One receipt number confirmed by two events that are not the same intake re-issued.
RECEIPT_TWICE: Final = "receipt_twice"
# A station's number is used in another region as well: two stations of two counties, or one that was moved.
SECOND_REGION: Final = "second_region"
TOO_MANY_EPOCHS: Final = "too_many_epochs"  # More epochs of one station than there are receipt letters
TOO_MANY_REGIONS: Final = "too_many_regions"  # One number in more regions than a province has counties
# The signature is of another form, of no key of this station, or does not fit the event.
BAD_SIGNATURE: Final = "bad_signature"
TWIN: Final = "twin"  # Two machines send by turns under one station number

# Of a message that could not be stored, three times, for an unexpected error: stored whole.
INTERNAL_ERROR: Final = "internal"


@dataclass(frozen=True, slots=True)
class RejectedMessage:
    """Bytes that are no event of anybody's, and the stable word that says why."""

    topic: str
    code: str
    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Sighting:
    """A message of a station arrived; ``status`` or ``hello`` is its content, if it was one of these.

    ``live`` is false for a status retained by the broker: it does not prove when the station was last connected.
    """

    region: str
    station: str
    status: Status | None = None
    live: bool = True
    hello: Hello | None = None


class DatedDoctorRow(DoctorRow, frozen=True, omit_defaults=True):
    """A row of a station's doctor. ``since``: when this state was first reported to this center, RFC 3339 in UTC; ""
    for a row that is ok, and for one last stored by software that kept no such time.
    """

    since: str = ""


class Delivery(msgspec.Struct, frozen=True):
    events: Sequence[tuple[str, ReceivedEvent]] = ()  # With the region of the topic each came on
    refusals: Sequence[RejectedMessage] = ()
    sightings: Sequence[Sighting] = ()
    counted: Sequence[str] = ()  # Digests of messages whose deliveries were counted: they are done with


@dataclass(frozen=True, slots=True)
class StreamState:
    """How far one (station, epoch) is."""

    station: str
    epoch: str
    region: str
    upto: int
    head: str
    max_seen: int
    gaps: tuple[tuple[int, int], ...] = ()
    quarantined: tuple[int, ...] = ()
    generation: str = ""  # Of the ledger
    at: int = 0
    hash_at: str = ""  # Of event `at`, for a station that requested it
    has_more: bool = False  # Held events can be released without any new one: see `Ledger.release_held`
    held_back: bool = False  # Nothing of the delivery was accepted: its station is above its share

    @property
    def ack(self) -> Ack:
        answer = self.at, self.hash_at
        return Ack(self.epoch, self.upto, self.gaps, self.quarantined, self.head, self.generation, *answer)


@dataclass(frozen=True, slots=True)
class EventKey:
    """One event: a number may have several hashes, of which one is in the chain."""

    region: str
    station: str
    epoch: str
    seq: int
    sha256: str

    @classmethod
    def parse(cls, text: str) -> EventKey:
        """Read what ``str`` wrote; raises ValueError."""
        region, station, epoch, seq, sha256 = text.split(" ")
        return cls(region, station, epoch, int(seq), sha256)

    def __str__(self) -> str:
        return f"{self.region} {self.station} {self.epoch} {self.seq} {self.sha256}"


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """One accepted event on its way to everyone downstream."""

    feedseq: int
    region: str
    type: str
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CountedEvent:
    """The event that counts for a receipt in the totals, and whether that receipt is void now."""

    epoch: str
    seq: int
    voided: bool
    # Of the regions in which this receipt of this station's number counts, the one whose event comes first.
    first_region: str


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """One row of the ledger, for export.

    ``standing`` is the event that counts for the receipt of an accepted intake or void, None where none does, as above
    a gap; ``replacement`` the same for the receipt that a void names as its replacement. ``elsewhere``: the receipt
    counts in another region, and not in this one. ``voided``: it is void, or will be when a gap is filled.
    """

    station: str
    epoch: str
    seq: int
    type: str
    problem: str | None
    body: bytes = field(repr=False)
    received_at: str
    region: str = ""
    standing: CountedEvent | None = None
    replacement: CountedEvent | None = None
    elsewhere: bool = False
    voided: bool = False
